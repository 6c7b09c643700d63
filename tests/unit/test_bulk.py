"""Large values in parts: the same again, lent instead of copied, and damaged ones refused."""

from __future__ import annotations

import json
import threading
import tracemalloc
from typing import Any

import pytest

from blazen_nb.errors import EncodeError, ShippingError
from blazen_nb.shipping.bulk import Bulk, encode_bulk, encode_raw
from blazen_nb.shipping.bulk_reader import BulkReader

KIB = 1024
MIB = 1 << 20


def there(bulk: Bulk, piece: int = 10_007) -> BulkReader:
    reader = BulkReader(bulk.sizes, bulk.tags, bulk.bytes_buffers)
    starts = range(0, bulk.size, piece)
    for start in reversed(starts):  # in any order
        data = b"".join(bulk.span(start, start + piece))
        assert len(data) == min(piece, bulk.size - start)
        reader.write(start, memoryview(data))
    reader.finish()
    return reader


def and_back(value: Any, piece: int = 10_007) -> Any:
    return there(encode_bulk(value), piece).value(trusted=True)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "zürich 🦉" * 30_000,
        b"",
        b"small",
        bytes(range(256)) * 2_000,
        [b"x" * 100_000, {"deep": (b"y" * 70_000, 1.5)}],
        {1: {2, 3}},
    ],
)
def test_a_value_comes_out_as_it_went_in(value: Any) -> None:
    assert and_back(value) == value


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_keeps_dtype_shape_and_order(order: Any) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.asarray(numpy.arange(60_000, dtype="float32").reshape(200, 300), order=order)
    result = and_back(array)
    assert (result.dtype, result.shape) == (array.dtype, array.shape)
    assert (result == array).all()
    assert result.flags.f_contiguous == (order == "F")
    result[0, 0] = 5  # it is the receiver's own


@pytest.mark.parametrize("dtype", ["M8[ms]", "<U7", "bool", "complex128", ">i4", "float16"])
def test_arrays_of_every_plain_dtype_travel(dtype: str) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.zeros((100, 1000), dtype=dtype)
    result = and_back(array)
    assert result.dtype == array.dtype
    assert (result == array).all()


def test_a_part_of_an_array_and_an_empty_one_travel() -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(200_000).reshape(400, 500)[::2, ::3]
    assert (and_back(array) == array).all()
    empty = and_back(numpy.zeros((0, 7), dtype="int8"))
    assert (empty.shape, empty.dtype) == ((0, 7), numpy.dtype("int8"))


def test_a_table_travels_with_its_columns_memory_beside_the_pickle() -> None:
    pandas = pytest.importorskip("pandas")
    numpy = pytest.importorskip("numpy")
    table = pandas.DataFrame({"a": numpy.arange(100_000), "b": numpy.linspace(0, 1, 100_000)})
    bulk = encode_bulk({"table": table})
    assert max(bulk.sizes) >= 800_000
    assert bulk.sizes[1] < 10_000  # the pickle itself
    result = there(bulk).value(trusted=True)["table"]
    assert result.equals(table)
    result.loc[0, "a"] = 5


def test_the_memory_of_bytes_and_arrays_is_lent_not_copied() -> None:
    numpy = pytest.importorskip("numpy")
    value = [bytes(8 * MIB), numpy.zeros(MIB), numpy.asfortranarray(numpy.zeros((1024, 1024)))]
    tracemalloc.start()
    try:
        bulk = encode_bulk(value)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(bulk.sizes) > 24 * MIB
    assert most < MIB


def test_a_value_that_arrives_takes_its_size_and_little_more() -> None:
    numpy = pytest.importorskip("numpy")
    bulk = encode_bulk([bytes(8 * MIB), numpy.zeros(MIB)])
    tracemalloc.start()
    try:
        value = there(bulk, 256 * KIB).value(trusted=False)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(value[0]), value[1].nbytes) == (8 * MIB, 8 * MIB)
    assert most < 20 * MIB


def test_what_cannot_travel_is_named() -> None:
    with pytest.raises(EncodeError, match=r"\['a'\]\[1\].*lock"):
        encode_bulk({"a": [1, threading.Lock()]})


def test_a_pickle_of_a_side_that_is_not_trusted_is_not_opened() -> None:
    numpy = pytest.importorskip("numpy")

    class Holder:
        def __init__(self) -> None:
            self.array = numpy.zeros(100_000)

    for value in (Holder(), complex(1, 2)):
        with pytest.raises(ShippingError, match="not opened"):
            there(encode_bulk(value)).value(trusted=False)


def test_the_raw_form_is_what_the_codec_writes() -> None:
    assert there(encode_raw({"a": "zü"})).raw() == '{"a":"zü"}'.encode()
    assert there(encode_raw(b"\x00\xff")).raw() == b"\x00\xff"
    numpy = pytest.importorskip("numpy")
    raw = there(encode_raw(numpy.arange(3, dtype="u1"))).raw()
    assert raw == b'["|u1",[3],"C"]\n\x00\x01\x02'


def test_bytes_that_are_missing_or_too_many_are_refused() -> None:
    bulk = encode_bulk(b"x" * 100_000)
    reader = BulkReader(bulk.sizes, bulk.tags)
    reader.write(0, bulk.pieces[0])
    with pytest.raises(EncodeError, match="cut short"):
        reader.finish()
    reader = BulkReader([1], ())
    with pytest.raises(EncodeError, match="more bytes"):
        reader.write(0, memoryview(b"12"))
    with pytest.raises(EncodeError, match="too few"):
        BulkReader([1], ["bytes"])


@pytest.mark.parametrize(
    "head",
    [
        {"codec": "bytes", "first": 0, "count": 1},
        {"codec": "bytes", "first": -1, "count": 1},
        {"codec": "ndarray", "first": 0, "count": 1, "dtype": "O", "shape": [1], "order": "C"},
        {"codec": "unknown", "first": 0, "count": 1},
        {"codec": "bytes"},
        [],
    ],
)
def test_a_leaf_that_lies_about_its_buffers_is_an_error_of_its_own(head: Any) -> None:
    payload = json.dumps(head).encode() + b"\n"
    text = b'{"$leaf":0}'
    buffers = [] if head == {"codec": "bytes", "first": 0, "count": 1} else [8]
    reader = BulkReader([len(text), len(payload), *buffers], ["buffers"])
    reader.write(0, memoryview(text + payload + bytes(sum(buffers))))
    reader.finish()
    with pytest.raises(EncodeError):
        reader.value(trusted=True)
