"""NumPy arrays and scalars as bytes without pickle; imports NumPy only once a value or a payload needs it."""

from __future__ import annotations

import json
import sys
from typing import Any

from blazen_nb.errors import EncodeError, ShippingError

ARRAY = "ndarray"
SCALAR = "npscalar"


def encode_array(value: Any) -> tuple[str, bytes] | None:
    """The array or scalar as (tag, payload); None where it needs another codec.

    Object and structured dtypes and subclasses of ndarray need another one.
    """
    np = sys.modules.get("numpy")
    if np is None or not isinstance(value, (np.ndarray, np.generic)):
        return None
    array_like = type(value) is np.ndarray
    dtype = value.dtype
    if not array_like and dtype.type is not type(value):
        return None
    if dtype.hasobject or dtype.names is not None or dtype.itemsize == 0 or dtype.kind == "V":
        return None
    if not array_like:
        return SCALAR, _header(dtype.str, (), "C") + value.tobytes()
    order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    return ARRAY, _header(dtype.str, value.shape, order) + value.tobytes(order=order)


def decode_array(tag: str, payload: bytes) -> Any:
    """The array, writable, or the scalar.

    Raises:
        EncodeError: the payload is not what encode_array writes.
        ShippingError: NumPy is not installed here.
    """
    try:
        import numpy as np
    except ModuleNotFoundError:
        raise ShippingError(
            "a NumPy array arrived, and NumPy is not installed here: install numpy on this side"
        ) from None
    head, _, raw = payload.partition(b"\n")
    try:
        name, shape, order = json.loads(head)
        dtype = np.dtype(str(name))
        if dtype.hasobject or dtype.itemsize == 0:
            raise ValueError(f"dtype {dtype} is not allowed")
        flat = np.frombuffer(raw, dtype=dtype) if raw else np.empty(0, dtype=dtype)
        array = flat.reshape(tuple(shape), order="F" if order == "F" else "C").copy(order="K")
        return array[()] if tag == SCALAR else array
    except (
        ValueError,
        TypeError,
        OverflowError,
        MemoryError,
        RecursionError,
        SyntaxError,
    ) as error:
        raise EncodeError(f"a NumPy payload is damaged: {error}") from error


def _header(dtype: str, shape: tuple[int, ...], order: str) -> bytes:
    return json.dumps([dtype, shape, order], separators=(",", ":")).encode() + b"\n"
