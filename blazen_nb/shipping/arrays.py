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
    if not array_codec_takes(value):
        return None
    dtype = value.dtype
    if type(value).__name__ != "ndarray":
        return SCALAR, _header(dtype.str, (), "C") + value.tobytes()
    order = _order(value)
    return ARRAY, _header(dtype.str, value.shape, order) + value.tobytes(order=order)


def array_codec_takes(value: Any) -> bool:
    """Whether ``encode_array`` writes this value."""
    np = sys.modules.get("numpy")
    if np is None or not isinstance(value, (np.ndarray, np.generic)):
        return False
    dtype = value.dtype
    if type(value) is not np.ndarray and dtype.type is not type(value):
        return False
    return not (
        dtype.hasobject or dtype.names is not None or not dtype.itemsize or dtype.kind == "V"
    )


def buffer_of_array(value: Any) -> tuple[dict[str, Any], memoryview] | None:
    """An array's own memory, and what else is needed to make it again; None for what is no array, or empty.

    The memory is the array's where it lies in one piece, else that of a copy.
    """
    np = sys.modules.get("numpy")
    if np is None or type(value) is not np.ndarray or not array_codec_takes(value):
        return None
    if not value.size:
        return None
    order = _order(value)
    # A strided array of one dimension stays strided when it is flattened.
    flat = np.ascontiguousarray(value.reshape(-1, order=order)).view("u1")
    head = {"dtype": value.dtype.str, "shape": value.shape, "order": order}
    return head, memoryview(flat)


def array_of_buffer(head: dict[str, Any], buffer: memoryview) -> Any:
    """The array whose memory this is from now on; errors as for ``decode_array``."""
    return _made(head["dtype"], head["shape"], head["order"], buffer)


def decode_array(tag: str, payload: bytes) -> Any:
    """The array, writable, or the scalar.

    Raises:
        EncodeError: the payload is not what encode_array writes.
        ShippingError: NumPy is not installed here.
    """
    head, _, raw = payload.partition(b"\n")
    try:
        name, shape, order = json.loads(head)
    except (ValueError, TypeError, RecursionError) as error:
        raise EncodeError(f"a NumPy payload is damaged: {error}") from error
    array = _made(name, shape, order, raw)
    return array[()] if tag == SCALAR else array.copy(order="K")


def _made(name: Any, shape: Any, order: Any, raw: bytes | memoryview) -> Any:
    try:
        import numpy as np
    except ModuleNotFoundError:
        raise ShippingError(
            "a NumPy array arrived, and NumPy is not installed here: install numpy on this side"
        ) from None
    try:
        dtype = np.dtype(str(name))
        if dtype.hasobject or dtype.itemsize == 0:
            raise ValueError(f"dtype {dtype} is not allowed")
        flat = np.frombuffer(raw, dtype=dtype) if len(raw) else np.empty(0, dtype=dtype)
        return flat.reshape(tuple(shape), order="F" if order == "F" else "C")
    except (
        Warning,  # a name that NumPy is giving up, where warnings are errors
        ValueError,
        TypeError,
        OverflowError,
        MemoryError,
        RecursionError,
        SyntaxError,
    ) as error:
        raise EncodeError(f"a NumPy payload is damaged: {error}") from error


def _order(array: Any) -> str:
    return "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def _header(dtype: str, shape: tuple[int, ...], order: str) -> bytes:
    return json.dumps([dtype, shape, order], separators=(",", ":")).encode() + b"\n"
