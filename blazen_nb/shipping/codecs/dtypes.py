"""NumPy dtypes as JSON and back: byte order, units, and the fields of structures with their offsets."""

from __future__ import annotations

from typing import Any

from blazen_nb.shipping.codecs.library import library
from blazen_nb.shipping.codecs.protocol import count_of, shape_of

_DEEPEST = 16
"""Structures within structures."""


def dtype_json(dtype: Any, depth: int = _DEEPEST) -> Any:
    """A string, or a dict for a structure or a part that is an array; None where the dtype is not plain memory."""
    if dtype.hasobject or not dtype.itemsize or dtype.kind == "T" or not depth:
        return None
    if dtype.subdtype is not None:
        base = dtype_json(dtype.subdtype[0], depth - 1)
        return None if base is None else {"base": base, "shape": list(dtype.subdtype[1])}
    if dtype.names is not None:
        return _structure(dtype, depth)
    # Types of other packages (bfloat16) have a name of ours only by accident.
    return dtype.str if dtype.type.__module__ == "numpy" else None


def _structure(dtype: Any, depth: int) -> Any:
    if dtype.type.__name__ != "void":  # a recarray's
        return None
    fields = [dtype.fields[name] for name in dtype.names]
    formats = [dtype_json(field[0], depth - 1) for field in fields]
    titles = [field[2] if len(field) > 2 else None for field in fields]
    if None in formats or not all(title is None or type(title) is str for title in titles):
        return None
    return {
        "names": list(dtype.names),
        "formats": formats,
        "offsets": [field[1] for field in fields],
        "titles": titles,
        "itemsize": dtype.itemsize,
        "aligned": dtype.isalignedstruct,
    }


def dtype_of(described: Any, depth: int = _DEEPEST) -> Any:
    """The dtype again.

    Raises:
        ValueError: The description is not one of ``dtype_json``.
        TypeError: The same.
    """
    np = library("numpy", "a NumPy array")
    if not depth:
        raise ValueError("a dtype is nested too deeply")
    if type(described) is dict:
        dtype = _nested(np, described, depth)
    elif type(described) is str:
        dtype = np.dtype(described)
    else:
        raise ValueError("a dtype is neither a name nor a structure")
    if dtype.hasobject or not dtype.itemsize:
        raise ValueError(f"dtype {dtype} is not allowed")
    return dtype


def _nested(np: Any, described: dict[str, Any], depth: int) -> Any:
    if "base" in described:
        return np.dtype((dtype_of(described["base"], depth - 1), shape_of(described["shape"], 32)))
    spec = {
        "names": described["names"],
        "formats": [dtype_of(each, depth - 1) for each in described["formats"]],
        "offsets": [count_of(offset, 1 << 31) for offset in described["offsets"]],
        "titles": described["titles"],
        "itemsize": count_of(described["itemsize"], 1 << 31),
    }
    return np.dtype(spec, align=bool(described["aligned"]))
