"""Tables and arrays of pyarrow: equal again, with no copy; what is compressed or does not hold together is refused."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blazen_nb.errors import EncodeError, ShippingError
from blazen_nb.shipping.bulk import encode_bulk
from blazen_nb.shipping.described import describe
from tests.unit.codecs.crossing import BOTH_WAYS, in_bulk, inline, opened, tag_of, taken_apart
from tests.unit.codecs.hostile import damage, refused

pa = pytest.importorskip("pyarrow")

texts = st.text(st.characters(codec="utf-8"), max_size=20)
TYPES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float32(), st.floats(width=32, allow_nan=False)),
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.bool_(), st.booleans()),
    (pa.string(), texts),
    (pa.large_string(), texts),
    (pa.string_view(), texts),
    (pa.binary(), st.binary(max_size=20)),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.timestamp("us", "UTC"), st.integers(0, 2**50)),
    (pa.duration("ns"), st.integers(0, 2**50)),
    (pa.date32(), st.dates()),
    (pa.time64("ns"), st.integers(0, 10**9)),
    (pa.decimal128(10, 2), st.integers(0, 99).map(lambda n: decimal.Decimal(n) / 4)),
    (pa.list_(pa.int16()), st.lists(st.integers(0, 9), max_size=3)),
    (pa.large_list(pa.string()), st.lists(texts, max_size=3)),
    (pa.list_(pa.int8(), 2), st.lists(st.integers(0, 9), min_size=2, max_size=2)),
    (pa.struct([("a", pa.int8()), ("b", pa.string())]), st.just({"a": 1, "b": "x"})),
    (pa.map_(pa.string(), pa.int8()), st.just([("k", 1)])),
    (pa.null(), st.none()),
]


@st.composite
def arrays(draw: st.DrawFn, rows: int | None = None) -> Any:
    kind, items = draw(st.sampled_from(TYPES))
    count = draw(st.integers(0, 8)) if rows is None else rows
    values = draw(st.lists(st.none() | items, min_size=count, max_size=count))
    array = pa.array(values, kind)
    if kind == pa.string() and draw(st.booleans()):
        array = array.dictionary_encode()
    if rows is None and draw(st.booleans()):
        array = array.slice(1)
    return array


@st.composite
def values(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["array", "chunks", "table", "batch"]))
    if kind == "array":
        return draw(arrays())
    if kind == "chunks":
        array = draw(arrays())
        return pa.chunked_array([array, array.slice(2), array][: draw(st.integers(1, 3))])
    rows = draw(st.integers(0, 5))
    columns = [draw(arrays(rows)) for _ in range(draw(st.integers(1, 4)))]
    names = draw(st.lists(texts, min_size=len(columns), max_size=len(columns)))
    metadata = draw(st.none() | st.dictionaries(st.binary(max_size=4), st.binary(max_size=4)))
    table = pa.Table.from_arrays(columns, names).replace_schema_metadata(metadata)
    return table if kind == "table" else pa.RecordBatch.from_arrays(columns, schema=table.schema)


def same(left: Any, right: Any) -> bool:
    if type(left) is not type(right) or not left.equals(right):
        return False
    if isinstance(left, pa.Table | pa.RecordBatch):
        return bool(left.schema.equals(right.schema, check_metadata=True))
    return bool(left.type == right.type)


@settings(max_examples=250, deadline=None)
@given(values(), st.sampled_from(BOTH_WAYS))
def test_a_value_comes_back_equal(value: Any, way: Callable[[Any], Any]) -> None:
    assert tag_of(value) == "arrow"
    assert same(value, way([value])[0])


def test_the_memory_of_columns_is_lent_and_arrives_without_a_copy() -> None:
    numbers = np.arange(1_000_000.0)
    table = pa.table({"n": numbers, "s": pa.array(["text"] * 1_000_000)})
    before = pa.total_allocated_bytes()
    bulk = encode_bulk(table)
    assert pa.total_allocated_bytes() - before < 1 << 20
    assert any(
        piece.nbytes == numbers.nbytes
        and np.shares_memory(np.frombuffer(piece, dtype="u1"), numbers)
        for piece in bulk.pieces
    )
    before = pa.total_allocated_bytes()
    back = in_bulk(table)
    assert pa.total_allocated_bytes() - before < 1 << 20
    assert same(table, back)


def test_dictionaries_that_differ_by_chunk_and_runs_travel() -> None:
    chunks = pa.chunked_array([pa.array([name]).dictionary_encode() for name in ("a", "b")])
    assert same(chunks, inline(chunks))
    runs = pa.RunEndEncodedArray.from_arrays([2, 5], ["x", "y"])
    assert same(runs, inline(runs))


def test_a_ref_tells_the_shape_and_size_of_a_table() -> None:
    about = describe(pa.table({"a": [1, 2], "b": [1.0, 2.0]}))
    assert (about.type_tag, about.type_name) == ("arrow", "pyarrow.lib.Table")
    assert (about.shape, about.size) == ((2, 2), 32)


def stream(table: Any, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
@pytest.mark.parametrize("head", [["table"], ["array"]])
def test_a_decompression_bomb_is_refused_before_it_is_opened(compression: str, head: Any) -> None:
    zeros = pa.table({"column": np.zeros(8 << 20)})
    words = pa.table({"column": pa.array(["x" * 1000 + str(n) for n in range(2000)])})
    words = words.set_column(0, "column", words.column(0).dictionary_encode())
    before = pa.default_memory_pool().max_memory()
    for table in (zeros, words):
        bomb = stream(table, compression=compression)
        assert len(bomb) < table.nbytes / 10
        with pytest.raises(EncodeError, match="compressed"):
            opened("arrow", head, bomb)
    assert pa.default_memory_pool().max_memory() <= max(before, zeros.nbytes + (1 << 23))


def test_offsets_that_lie_are_refused() -> None:
    honest = stream(pa.table({"column": ["abc", "defg"]}))
    offsets = np.array([0, 3, 7], dtype="i4").tobytes()
    assert honest.count(offsets) == 1
    for lies in ([0, 3, 1 << 30], [0, 1 << 30, 7], [-5, 3, 7], [0, 7, 3]):
        lying = honest.replace(offsets, np.array(lies, dtype="i4").tobytes())
        with pytest.raises(EncodeError):
            opened("arrow", ["table"], lying)
    codes = pa.array([0, 5], pa.int8())
    words = pa.DictionaryArray.from_arrays(codes, pa.array(["a"]), safe=False)
    with pytest.raises(EncodeError):
        opened("arrow", ["table"], stream(pa.table({"column": words})))
    no_text = pa.Array.from_buffers(
        pa.string(),
        1,
        [None, pa.py_buffer(np.array([0, 1], "i4").tobytes()), pa.py_buffer(b"\xff")],
    )
    with pytest.raises(EncodeError):
        opened("arrow", ["table"], stream(pa.table({"column": no_text})))


@pytest.mark.parametrize("head", [None, [], ["tree"], ["batch"], ["array"], "table", {"a": 1}])
def test_heads_that_lie_are_refused(head: Any) -> None:
    table = pa.table({"column": pa.chunked_array([[1], [2]])})
    refused("arrow", head, stream(table))
    refused("arrow", head, stream(table.rename_columns(["other"])))


def test_cut_payloads_are_refused() -> None:
    _, memory = taken_apart(pa.table({"a": [1, 2, 3], "s": ["x", "y", None]}))
    for end in (0, 1, 7, 100, len(memory) // 2, len(memory) - 20):
        with pytest.raises(EncodeError):
            opened("arrow", ["table"], memory[:end])


def test_a_pyarrow_that_unpickles_types_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    head, memory = taken_apart(pa.table({"a": [1]}))
    monkeypatch.setattr(pa, "__version__", "14.0.0")
    with pytest.raises(ShippingError, match="too old"):
        opened("arrow", head, memory)


@settings(max_examples=250, deadline=None)
@given(values(), st.data())
def test_damaged_payloads_are_a_value_or_a_typed_error(value: Any, data: st.DataObject) -> None:
    damage(value, data, (pa.Table, pa.RecordBatch, pa.Array, pa.ChunkedArray))


def test_dates_and_times_stay_what_they_are() -> None:
    array = pa.array([datetime.date(2024, 2, 29), None])
    assert inline(array).to_pylist() == [datetime.date(2024, 2, 29), None]
