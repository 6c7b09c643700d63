"""The safetensors format: tensors by name in one memory, behind a head that says where each lies.

Written and read here, without the package of that name, so that memory is lent and not copied.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from blazen_nb.shipping.codecs.protocol import count_of, shape_of
from blazen_nb.shipping.codecs.sections import ALIGNMENT

RESERVED = "__metadata__"
_LENGTH_BYTES = 8
_LARGEST_HEAD = 100_000_000
"""As in the package."""


class Stored(NamedTuple):
    """A tensor in the format."""

    dtype: str
    """``BF16``"""
    shape: tuple[int, ...]
    memory: memoryview


def written(tensors: Mapping[str, Stored]) -> tuple[memoryview, ...]:
    """All of it in pieces; what is last must be of the smallest items, so that all are aligned."""
    head: dict[str, Any] = {}
    at = 0
    for name, stored in tensors.items():
        end = at + stored.memory.nbytes
        head[name] = {
            "dtype": stored.dtype,
            "shape": list(stored.shape),
            "data_offsets": [at, end],
        }
        at = end
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-(_LENGTH_BYTES + len(text)) % ALIGNMENT)
    start = len(text).to_bytes(_LENGTH_BYTES, "little") + text
    return (memoryview(start), *(stored.memory for stored in tensors.values()))


def read(memory: memoryview, item_bytes: Mapping[str, int]) -> dict[str, Stored]:
    """The tensors by name.

    Args:
        item_bytes: Bytes of an item by dtype; others are refused.

    Raises:
        ValueError: It is not the format, or a tensor does not lie within.
        KeyError: The same.
    """
    length = int.from_bytes(memory[:_LENGTH_BYTES], "little")
    if memory.nbytes < _LENGTH_BYTES or length > min(_LARGEST_HEAD, memory.nbytes - _LENGTH_BYTES):
        raise ValueError("the head of safetensors is cut")
    head = json.loads(bytes(memory[_LENGTH_BYTES : _LENGTH_BYTES + length]))
    data = memory[_LENGTH_BYTES + length :]
    tensors = {
        name: _stored(each, data, item_bytes) for name, each in head.items() if name != RESERVED
    }
    if sum(each.memory.nbytes for each in tensors.values()) > data.nbytes:
        raise ValueError("tensors lie over each other")
    return tensors


def _stored(each: Any, data: memoryview, item_bytes: Mapping[str, int]) -> Stored:
    dtype, shape = each["dtype"], shape_of(each["shape"])
    start, end = (count_of(offset, data.nbytes) for offset in each["data_offsets"])
    if math.prod(shape) * item_bytes[dtype] != end - start:
        raise ValueError(f"shape {shape} of {dtype} does not fit {end - start:,} bytes")
    return Stored(dtype, shape, data[start:end])
