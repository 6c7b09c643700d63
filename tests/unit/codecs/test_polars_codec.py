"""Frames and series of polars: equal again with their types, or a pickle where Arrow does not have the type."""

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
from blazen_nb.shipping.described import describe
from tests.unit.codecs.crossing import BOTH_WAYS, in_bulk, inline, opened, tag_of, taken_apart
from tests.unit.codecs.hostile import changed, damage, refused

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

texts = st.text(st.characters(codec="utf-8"), max_size=20)
TYPES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (pl.Int8, st.integers(-128, 127)),
    (pl.UInt64, st.integers(0, 2**64 - 1)),
    (pl.Float32, st.floats(width=32)),
    (pl.Float64, st.floats()),
    (pl.Boolean, st.booleans()),
    (pl.String, texts),
    (pl.Binary, st.binary(max_size=20)),
    (pl.Date, st.dates()),
    (pl.Time, st.times()),
    (pl.Datetime("us", "Europe/Zurich"), st.datetimes(datetime.datetime(1970, 1, 1))),
    (pl.Duration("ms"), st.integers(0, 10**9).map(lambda n: datetime.timedelta(milliseconds=n))),
    (pl.Categorical, st.sampled_from(["a", "b"])),
    (pl.Enum(["x", "y"]), st.sampled_from(["x", "y"])),
    (pl.Decimal(10, 2), st.integers(0, 99).map(lambda n: decimal.Decimal(n) / 4)),
    (pl.List(pl.Int16), st.lists(st.integers(0, 9), max_size=3)),
    (pl.Array(pl.Int8, 2), st.lists(st.integers(0, 9), min_size=2, max_size=2)),
    (pl.Struct({"a": pl.Int8, "b": pl.String}), st.just({"a": 1, "b": "x"})),
    (pl.Null, st.none()),
]


@st.composite
def series(draw: st.DrawFn, rows: int) -> Any:
    dtype, items = draw(st.sampled_from(TYPES))
    values = draw(st.lists(st.none() | items, min_size=rows, max_size=rows))
    return pl.Series(draw(texts), values, dtype=dtype, strict=False)


@st.composite
def frames(draw: st.DrawFn) -> Any:
    rows = draw(st.integers(0, 6))
    if draw(st.booleans()):
        return draw(series(rows))
    columns: list[Any] = draw(st.lists(series(rows), max_size=4))
    frame = pl.DataFrame([each.rename(str(at)) for at, each in enumerate(columns)])
    frame.columns = draw(st.lists(texts, unique=True, min_size=len(columns), max_size=len(columns)))
    in_chunks = draw(st.booleans())
    return pl.concat([frame, frame], rechunk=False) if columns and in_chunks else frame


def same(left: Any, right: Any) -> bool:
    if type(left) is not type(right) or not left.equals(right, null_equal=True):
        return False
    if isinstance(left, pl.Series):
        return bool(left.dtype == right.dtype and left.name == right.name)
    return bool(left.schema == right.schema)


@settings(max_examples=200, deadline=None)
@given(frames(), st.sampled_from(BOTH_WAYS))
def test_a_frame_comes_back_equal(frame: Any, way: Callable[[Any], Any]) -> None:
    assert tag_of(frame) == "polars"
    assert same(frame, way([frame])[0])


def test_large_frames_travel_in_bulk_and_can_be_worked_with() -> None:
    frame = pl.DataFrame({"n": np.arange(200_000), "s": ["some longer text"] * 200_000})
    back = in_bulk(frame)
    assert same(frame, back)
    assert back.with_columns(pl.col("n") + 1)["n"].sum() == frame["n"].sum() + 200_000
    assert same(frame[::7], in_bulk(frame[::7]))


def test_what_arrow_does_not_have_and_queries_are_left_to_the_pickle() -> None:
    frame = pl.DataFrame({"a": [1, 2]})
    for value in (frame.lazy(), pl.Series([1], dtype=pl.Int128), pl.col("a"), pl.Int8):
        assert describe(value).type_name.startswith("polars") or value is pl.Int8
        with pytest.raises(ShippingError, match="not opened"):
            inline(value)
    with pytest.raises(EncodeError):
        tag_of(pl.Series([object()], dtype=pl.Object))


def test_a_ref_tells_the_shape_and_size_of_a_frame() -> None:
    about = describe(pl.DataFrame({"a": [1, 2, 3], "b": [1.0, 2.0, 3.0]}))
    assert (about.type_tag, about.shape, about.size) == ("polars", (3, 2), 48)
    assert describe(pl.Series([1, 2], dtype=pl.Int8)).dtype == "Int8"


def test_rows_that_have_no_memory_are_refused_before_polars_makes_them() -> None:
    nulls = pa.table({"a": pa.Array.from_buffers(pa.null(), 1 << 40, [None])})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(allow_64bit=True)
    with pa.ipc.new_stream(sink, nulls.schema, options=options) as writer:
        writer.write_table(nulls)
    head, _ = taken_apart(pl.DataFrame({"a": [1]}))
    with pytest.raises(EncodeError, match="rows do not fit"):
        opened("polars", head, sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    "fields",
    [
        {"names": []},
        {"names": ["a", "a"]},
        {"names": None},
        {"names": ["a", "b", "c"]},
        {"series": True},
    ],
)
def test_heads_that_lie_are_refused(fields: Any) -> None:
    head, memory = taken_apart(pl.DataFrame({"a": [1], "b": ["x"]}))
    refused("polars", changed(head, **fields), memory)


def test_cut_payloads_are_refused() -> None:
    head, memory = taken_apart(pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    for end in (0, 1, 7, 100, len(memory) // 2, len(memory) - 20):
        with pytest.raises(EncodeError):
            opened("polars", head, memory[:end])


@settings(max_examples=200, deadline=None)
@given(frames(), st.data())
def test_damaged_payloads_are_a_frame_or_a_typed_error(frame: Any, data: st.DataObject) -> None:
    damage(frame, data, (pl.DataFrame, pl.Series))
