"""NumPy arrays and scalars: the same bytes, dtype, shape and order again, and typed errors for what is hostile."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from blazen_nb.errors import BlazenError, EncodeError
from blazen_nb.shipping.values import decode_leaf
from tests.unit.codecs.crossing import BOTH_WAYS, in_bulk, inline, opened, tag_of, taken_apart
from tests.unit.codecs.hostile import refused

MIB = 1 << 20

scalar_dtypes = (
    nps.boolean_dtypes()
    | nps.integer_dtypes(endianness="?")
    | nps.unsigned_integer_dtypes(endianness="?")
    | nps.floating_dtypes(endianness="?")
    | nps.complex_number_dtypes(endianness="?")
    | nps.datetime64_dtypes(endianness="?")
    | nps.timedelta64_dtypes(endianness="?")
    | nps.byte_string_dtypes(endianness="?")
    | nps.unicode_string_dtypes(endianness="?")
)
dtypes = nps.nested_dtypes(subtype_strategy=scalar_dtypes, max_leaves=6, max_itemsize=200)


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    """Of every dtype and shape, in C or Fortran order, or a strided view."""
    dtype = draw(dtypes)
    shape = draw(nps.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    array = np.zeros(shape, dtype)
    raw = draw(st.binary(min_size=array.nbytes, max_size=array.nbytes))
    if dtype.kind not in "U" and dtype.names is None and dtype.subdtype is None and array.size:
        array = np.frombuffer(raw, dtype).reshape(shape).copy()
    array = np.asarray(array, order=draw(st.sampled_from(["C", "F"])))
    view = draw(st.sampled_from(["whole", "transposed", "backwards", "every other"]))
    if array.ndim and view == "backwards":
        return array[::-1]
    if array.ndim and view == "every other":
        return array[..., ::2]
    return array.T if view == "transposed" else array


def same_array(left: Any, right: Any) -> bool:
    return (
        type(right) is np.ndarray
        and left.dtype == right.dtype
        and left.dtype.isalignedstruct == right.dtype.isalignedstruct
        and left.shape == right.shape
        and left.tobytes() == right.tobytes()
    )


@settings(max_examples=300, deadline=None)
@given(arrays(), st.sampled_from(BOTH_WAYS))
def test_an_array_comes_back_byte_for_byte(array: Any, way: Callable[[Any], Any]) -> None:
    back = way([array])[0]
    if array.dtype.itemsize:
        assert same_array(array, back)
        assert back.flags.writeable
        contiguous = array.flags.c_contiguous or array.flags.f_contiguous
        if contiguous:
            assert back.flags.f_contiguous == array.flags.f_contiguous
            assert back.flags.c_contiguous == array.flags.c_contiguous


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype([("a", "i1"), ("b", "f8")], align=True),
        np.dtype(
            {"names": ["a", "b"], "formats": ["<i4", ">f8"], "offsets": [8, 16], "itemsize": 40}
        ),
        np.dtype({"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 2]}),  # they overlap
        np.dtype([(("a title", "a"), "i4"), ("b", "S3")]),
        np.dtype([("grid", "f4", (2, 3)), ("inner", [("t", "M8[ns]"), ("u", "U4")])]),
        np.dtype("V7"),
        np.dtype("M8[25s]"),
        np.dtype("m8"),
    ],
)
@pytest.mark.parametrize("way", BOTH_WAYS)
def test_structures_keep_their_layout(dtype: Any, way: Callable[[Any], Any]) -> None:
    raw = bytearray(range(1, 250)) * 3000
    count = len(raw) // dtype.itemsize
    array = np.ndarray((count,), dtype, buffer=raw)
    back = way(array)
    assert back.dtype == dtype
    assert back.dtype.fields == dtype.fields
    assert back.dtype.isalignedstruct == dtype.isalignedstruct
    assert memoryview(back.view(f"V{dtype.itemsize}")).tobytes() == array.tobytes()  # padding, too


@pytest.mark.parametrize(
    "scalar",
    [
        np.float32(1.5),
        np.float16("nan"),
        np.bool_(True),
        np.complex128(1 - 2j),
        np.datetime64("2024-02-29T12:00", "m"),
        np.timedelta64(5, "D"),
        np.datetime64("NaT"),
        np.str_("zürich"),
        np.bytes_(b"\x00a"),
        np.array([(1, 2.5)], dtype=[("a", ">i4"), ("b", "f8")])[0],
        np.void(b"abc"),
    ],
)
def test_scalars_come_back_as_scalars(scalar: Any) -> None:
    assert tag_of(scalar) == "npscalar"
    back = inline([scalar])[0]
    assert type(back) is type(scalar)
    assert back.dtype == scalar.dtype
    assert back.tobytes() == scalar.tobytes()


@pytest.mark.parametrize("text", [np.str_("a\0"), np.bytes_(b"a\0\0"), np.str_("\ud800")])
def test_text_that_numpy_would_cut_is_not_cut(text: Any) -> None:
    back = inline([text])[0]
    assert type(back) is type(text)
    assert (back, len(back)) == (text, len(text))


def test_a_memmap_arrives_as_an_array_with_no_file(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "numbers", dtype="i4", mode="w+", shape=(100, 300))
    mapped[:] = np.arange(30_000).reshape(100, 300)
    for way in BOTH_WAYS:
        assert same_array(np.asarray(mapped), way(mapped))


def test_arrays_that_are_not_plain_memory_are_left_to_the_pickle() -> None:
    for array in (
        np.array([1, "a", None], dtype=object),
        np.zeros(2, dtype=[("a", "i4"), ("b", "O")]),
        np.array(["a", "bc"], dtype=np.dtypes.StringDType()),
        np.ma.array([1, 2], mask=[False, True]),
        np.zeros(2, dtype=[("a", "i4")]).view(np.recarray),
        np.zeros((2, 2)).view(np.matrix) if hasattr(np, "matrix") else np.array(None),
        np.zeros(3, dtype="V0"),
    ):
        assert tag_of(array) == "pickle"


HUGE = 1 << 61


@pytest.mark.parametrize(
    ("head", "memory"),
    [
        (["<f8", [HUGE], "C"], b"12345678"),
        (["<f8", [HUGE, HUGE, HUGE], "C"], b""),
        (["<f8", [1 << 40], "C"], b""),
        (["<f8", [2], "C"], b"12345678"),
        (["<f8", [0], "C"], b"12345678"),
        (["<f8", [-1], "C"], b"12345678"),
        (["<f8", [-1, -1], "C"], b"12345678"),
        (["<f8", [True], "C"], b"12345678"),
        (["<f8", [1.0], "C"], b"12345678"),
        (["<f8", 1, "C"], b"12345678"),
        (["<f8", [1] * 100, "C"], b"12345678"),
        (["<f8", [1], "A"], b"12345678"),
        (["O", [1], "C"], b"12345678"),
        (["i4,O", [1], "C"], b"12345678"),
        (["V0", [HUGE], "C"], b""),
        ([f"V{HUGE}", [1], "C"], b""),
        (["U99999999999", [1], "C"], b""),
        (["no such", [1], "C"], b""),
        ([{"base": "O", "shape": [2]}, [1], "C"], bytes(16)),
        ([{"base": "u1", "shape": [HUGE]}, [1], "C"], bytes(16)),
        ([{"names": ["a"]}, [1], "C"], bytes(16)),
        (
            [
                {
                    "names": ["a"],
                    "formats": ["u1"],
                    "offsets": [HUGE],
                    "titles": [None],
                    "itemsize": 1,
                    "aligned": False,
                },
                [1],
                "C",
            ],
            b"1",
        ),
        (None, b""),
        ([], b""),
        ({"dtype": "u1"}, b"1"),
    ],
)
@pytest.mark.parametrize("tag", ["ndarray", "npscalar"])
def test_a_head_that_lies_is_a_typed_error_and_allocates_nothing(
    tag: str, head: Any, memory: bytes
) -> None:
    refused(tag, head, memory)


def test_a_dtype_nested_without_end_is_a_typed_error() -> None:
    nested: Any = "u1"
    for _ in range(200):
        nested = {"base": nested, "shape": [1]}
    with pytest.raises(EncodeError, match="nested too deeply"):
        opened("ndarray", [nested, [1], "C"], b"1")
    text = b'[{"base":' * 50_000
    with pytest.raises(EncodeError):
        decode_leaf("ndarray", text + b"\n", trusted=False)


@settings(max_examples=300, deadline=None)
@given(arrays(), st.data())
def test_a_damaged_payload_is_an_array_or_a_typed_error(array: Any, data: st.DataObject) -> None:
    head, memory = taken_apart(array) if array.dtype.itemsize else (["<f8", [1], "C"], b"8" * 8)
    whole = json.dumps(head).encode() + b"\n" + memory
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:place] + data.draw(st.binary(max_size=3)) + whole[place + 1 :]
    with contextlib.suppress(BlazenError):
        assert isinstance(decode_leaf("ndarray", damaged, trusted=False), np.ndarray)


def test_large_arrays_are_lent_in_bulk_and_arrive_without_a_copy() -> None:
    array = np.zeros((MIB, 4), dtype=[("a", "f4"), ("b", "i4")])
    tracemalloc.start()
    try:
        back = in_bulk(array)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert same_array(array, back)
    # The test joins the bytes once; they are compared after that.
    assert most < 2 * array.nbytes + MIB
