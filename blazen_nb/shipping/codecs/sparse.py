"""Sparse matrices and arrays of SciPy: their arrays as they lie in memory."""

from __future__ import annotations

import sys
from typing import Any

from blazen_nb.shipping.codecs.arrays import array_memory, array_of
from blazen_nb.shipping.codecs.dtypes import dtype_json
from blazen_nb.shipping.codecs.library import library
from blazen_nb.shipping.codecs.protocol import Encoded, shape_of
from blazen_nb.shipping.codecs.sections import joined, parted

_ARRAYS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "dia": ("data", "offsets"),
    "coo": ("data",),
}
"""What each format consists of; coo has coordinates beside, an array for each dimension."""
_KINDS = ("array", "matrix")


class SparseCodec:
    """csr, csc, bsr, coo and dia, arrays and matrices, explicit zeros and duplicates as they are; index types are kept."""

    tag = "scipy.sparse"

    def claims(self, value: Any) -> bool:
        """See Codec."""
        sparse = sys.modules.get("scipy.sparse")
        if sparse is None:
            return False
        form = getattr(value, "format", None)
        if form not in _ARRAYS or type(value) not in (
            getattr(sparse, f"{form}_{kind}", None) for kind in _KINDS
        ):
            return False
        if not isinstance(dtype_json(value.dtype), str) or not value.dtype.isnative:
            return False
        return len({each.dtype.str for each in _arrays_of(value)[1:]}) <= 1

    def encode(self, value: Any) -> Encoded | None:
        """See Codec."""
        if value.format == "dia" and not _diagonals_fit(value.shape, value.data, value.offsets):
            return None
        made = [array_memory(each) for each in _arrays_of(value)]
        sizes, memory = joined((piece,) for _, piece in made)
        head = {
            "class": type(value).__name__,
            "shape": list(value.shape),
            "arrays": [head for head, _ in made],
            "sizes": sizes,
        }
        return Encoded(head, memory)

    def decode(self, head: Any, memory: memoryview) -> Any:
        """See Codec."""
        sparse = library("scipy.sparse", "a sparse matrix")
        form, _, kind = head["class"].partition("_")
        if form not in _ARRAYS or kind not in _KINDS:
            raise ValueError("no such class of sparse matrices")
        shape = shape_of(head["shape"])
        parts = parted(head["sizes"], memory)
        arrays = [array_of(each, part) for each, part in zip(head["arrays"], parts, strict=True)]
        if any(each.dtype.str[1:] not in ("i4", "i8") for each in arrays[1:]):
            raise ValueError("an index is no int32 or int64")
        return _made(getattr(sparse, head["class"]), form, shape, arrays)

    def about(self, value: Any) -> dict[str, Any]:
        """See ``described``."""
        return {"size": sum(each.nbytes for each in _arrays_of(value))}


def _arrays_of(value: Any) -> list[Any]:
    arrays = [getattr(value, name) for name in _ARRAYS[value.format]]
    return arrays + list(value.coords) if value.format == "coo" else arrays


def _made(kind: Any, form: str, shape: tuple[int, ...], arrays: list[Any]) -> Any:
    if form == "coo":
        return _coo(kind, shape, *arrays)
    if form == "dia":
        if not _diagonals_fit(shape, *arrays):
            raise ValueError("the diagonals do not fit each other, or the shape")
        made = kind(tuple(arrays), shape=shape)
        made.offsets = arrays[1]
        return made
    _check_compressed(form, shape, *arrays)
    made = kind(tuple(arrays), shape=shape)
    made.data, made.indices, made.indptr = arrays  # in the types they came in
    return made


def _diagonals_fit(shape: tuple[int, ...], data: Any, offsets: Any) -> bool:
    """Whether SciPy's C code stays within them: it computes addresses with the offsets."""
    if len(shape) != 2 or data.ndim != 2 or offsets.shape != data.shape[:1]:
        return False
    rows, columns = shape
    return not offsets.size or bool(-rows < offsets.min() <= offsets.max() < columns)


def _coo(kind: Any, shape: tuple[int, ...], data: Any, *coords: Any) -> Any:
    if not shape or len(coords) != len(shape) or data.ndim != 1:
        raise ValueError("coordinates do not fit the shape")
    for coordinate, length in zip(coords, shape, strict=True):
        if coordinate.shape != data.shape:
            raise ValueError("coordinates do not fit the data")
        if coordinate.size and not 0 <= coordinate.min() <= coordinate.max() < length:
            raise ValueError("a coordinate is out of bounds")
    made = kind((data, coords), shape=shape)
    made.coords = coords
    return made


def _check_compressed(
    form: str, shape: tuple[int, ...], data: Any, indices: Any, indptr: Any
) -> None:
    """All that SciPy's C code takes for granted: it reads and writes where these numbers say."""
    if indices.ndim != 1 or indptr.ndim != 1 or data.ndim != (3 if form == "bsr" else 1):
        raise ValueError("the arrays have wrong dimensions")
    if not 1 <= len(shape) <= 2 or data.shape[0] != indices.shape[0]:
        raise ValueError("the arrays do not fit each other")
    if indices.dtype != indptr.dtype:
        raise ValueError("the indices are of two types")
    lines, places = _grid(form, shape, data)
    if indptr.shape[0] != lines + 1:
        raise ValueError(f"{indptr.shape[0]} pointers are too few or too many for shape {shape}")
    if indptr[0] != 0 or indptr[-1] > indices.shape[0] or (indptr[1:] < indptr[:-1]).any():
        raise ValueError("a pointer is out of bounds")
    if indices.size and not 0 <= indices.min() <= indices.max() < places:
        raise ValueError("an index is out of bounds")


def _grid(form: str, shape: tuple[int, ...], data: Any) -> tuple[int, int]:
    """How many lines there are, and how many places in each."""
    rows, columns = shape if len(shape) == 2 else (1, *shape)
    if form == "bsr":
        _, height, width = data.shape
        if len(shape) != 2 or not height or not width or rows % height or columns % width:
            raise ValueError("blocks do not fit the shape")
        return rows // height, columns // width
    return (columns, rows) if form == "csc" else (rows, columns)
