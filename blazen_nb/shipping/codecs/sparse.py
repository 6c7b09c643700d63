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
        return isinstance(dtype_json(value.dtype), str) and value.dtype.isnative

    def encode(self, value: Any) -> Encoded | None:
        """See Codec."""
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
        data, offsets = arrays
        if len(shape) != 2 or data.ndim != 2 or offsets.shape != data.shape[:1]:
            raise ValueError("the diagonals do not fit each other")
        made = kind((data, offsets), shape=shape)
        made.offsets = offsets
        return made
    data, indices, indptr = arrays
    _check_compressed(form, shape, data, indices, indptr)
    made = kind((data, indices, indptr), shape=shape)
    made.check_format(full_check=True)  # what is out of bounds crashes SciPy's C code
    made.data, made.indices, made.indptr = data, indices, indptr  # in the types they came in
    return made


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
    if indices.ndim != 1 or indptr.ndim != 1 or data.ndim != (3 if form == "bsr" else 1):
        raise ValueError("the arrays have wrong dimensions")
    if not 1 <= len(shape) <= 2 or data.shape[0] != indices.shape[0]:
        raise ValueError("the arrays do not fit each other")
    rows = 1 if len(shape) == 1 else shape[1 if form == "csc" else 0]
    if form == "bsr":
        block = data.shape[1]
        if not block or rows % block:
            raise ValueError("blocks do not fit the shape")
        rows //= block
    if indptr.shape[0] != rows + 1:
        raise ValueError(f"{indptr.shape[0]} pointers are too few or too many for shape {shape}")
