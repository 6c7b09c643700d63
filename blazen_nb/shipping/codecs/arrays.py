"""NumPy arrays and scalars as the bytes they lie in memory as."""

from __future__ import annotations

import math
import sys
from typing import Any

from blazen_nb.shipping.codecs.dtypes import dtype_json, dtype_of
from blazen_nb.shipping.codecs.library import library
from blazen_nb.shipping.codecs.protocol import Encoded, shape_of


class ArrayCodec:
    """Arrays of every dtype that is plain memory; C and Fortran order are kept, a memmap arrives as an array.

    Objects, subclasses with a meaning of their own (masked, record, matrix) and items of no bytes need another codec.
    """

    tag = "ndarray"

    def claims(self, value: Any) -> bool:
        """See Codec."""
        np = sys.modules.get("numpy")
        return (
            np is not None
            and type(value) in (np.ndarray, np.memmap)
            and dtype_json(value.dtype) is not None
        )

    def encode(self, value: Any) -> Encoded | None:
        """See Codec."""
        head, memory = array_memory(value)
        return Encoded(head, (memory,))

    def decode(self, head: Any, memory: memoryview) -> Any:
        """See Codec."""
        return array_of(head, memory)


class ScalarCodec:
    """NumPy's scalars."""

    tag = "npscalar"

    def claims(self, value: Any) -> bool:
        """See Codec."""
        np = sys.modules.get("numpy")
        if np is None or not isinstance(value, np.generic):
            return False
        return value.dtype.type is type(value) and dtype_json(value.dtype) is not None

    def encode(self, value: Any) -> Encoded | None:
        """See Codec."""
        return Encoded([dtype_json(value.dtype), [], "C"], (memoryview(value.tobytes()),))

    def decode(self, head: Any, memory: memoryview) -> Any:
        """See Codec."""
        array = array_of(head, memory)
        if array.shape:
            raise ValueError("a scalar has no shape")
        if array.dtype.kind in "SU":  # an array drops zeros at the end of text
            return array.dtype.type(_text(array.dtype, memory))
        return array[()]


def _text(dtype: Any, memory: memoryview) -> str | bytes:
    raw = bytes(memory)
    if dtype.kind == "S":
        return raw
    return raw.decode("utf-32-le" if dtype.str[0] == "<" else "utf-32-be", "surrogatepass")


def array_memory(array: Any) -> tuple[list[Any], memoryview]:
    """What makes the array again, and its memory: its own where it lies in one piece, else that of a copy."""
    np = sys.modules["numpy"]
    in_columns = array.flags.f_contiguous and not array.flags.c_contiguous
    order = "F" if in_columns else "C"
    head = [dtype_json(array.dtype), list(array.shape), order]
    # A strided array of one dimension stays strided when it is flattened.
    flat = np.ascontiguousarray(array.reshape(-1, order=order)).view(np.ndarray)
    return head, memoryview(flat.view("u1")) if flat.size else memoryview(b"")


def array_of(head: Any, memory: memoryview) -> Any:
    """The array whose memory this is from now on.

    Raises:
        ValueError: Head and memory do not belong together.
        TypeError: The same.
    """
    np = library("numpy", "a NumPy array")
    described, lengths, order = head
    try:
        dtype, shape = dtype_of(described), shape_of(lengths)
    except (
        Warning,
        SyntaxError,
    ) as error:  # names that NumPy is giving up, or reads as a list of fields
        raise ValueError(str(error)) from None
    if math.prod(shape) * dtype.itemsize != memory.nbytes:
        raise ValueError(f"shape {shape} of {dtype} does not fit {memory.nbytes:,} bytes")
    if order not in ("C", "F"):
        raise ValueError("an order is neither C nor F")
    if not memory.nbytes:
        return np.empty(shape, dtype, order=order)
    return np.ndarray(shape, dtype, buffer=memory, order=order)
