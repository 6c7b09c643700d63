"""A value in a few characters: what stands in a cell of a preview, or for an item of a container."""

from __future__ import annotations

import array
import dataclasses
import sys
from collections import ChainMap, UserDict, UserList, deque
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from itertools import islice
from operator import attrgetter
from types import MappingProxyType, MethodType, SimpleNamespace
from typing import Any

from blazen_nb.render.preview import LONGEST_CELL
from blazen_nb.render.ref import shape_words
from blazen_nb.render.words import clip
from blazen_nb.shipping.described import type_name
from blazen_nb.shipping.modules import notebook_name

_DEEPEST = 2
_MOST_ITEMS = 4
_MOST_BITS = 256
"""Of an int: the digits of a long one take quadratic time."""
_LARGE = 1 << 20
MAPPINGS: Any = (dict, UserDict, ChainMap, MappingProxyType)
UNORDERED: Any = (set, frozenset)
_VIEWS: Any = (type({}.keys()), type({}.values()), type({}.items()))
SERIES: Any = (list, tuple, *UNORDERED, deque, UserList, array.array, range, *_VIEWS)
TERSE: Any = (BaseException, partial, MethodType)
"""What has nothing to show but in short."""
_LONG: Any = (str, bytes, bytearray, list, tuple, dict, *UNORDERED, deque)
_MANY = 10_000
_BRACKETS: dict[type[Any], str] = {list: "[]", tuple: "()", set: "{}", dict: "{}"}


class _Nothing:
    """Stands for a class of a library that is not loaded."""


def cell(value: Any) -> str:
    """The value in a table: text without quotes, numbers as far as a reader needs them."""
    if isinstance(value, str):
        return str.__getitem__(value, slice(2 * LONGEST_CELL)).replace("\n", "\\n")
    if isinstance(value, float | _of("numpy", "floating")):
        return f"{float(value):.6g}"
    if isinstance(value, date | timedelta):
        return str(value)
    return short(value)


def short(value: Any, depth: int = _DEEPEST) -> str:
    """The value as an item of another one; whatever its own ``__repr__`` does, short text or an Exception's name."""
    try:
        return clip(_short(value, depth), LONGEST_CELL)
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__}>"


def own_repr(value: Any, limit: int) -> str:
    """What its ``__repr__`` says, cut.

    Raises:
        Exception: Whatever that raises.
    """
    if says_nothing(value) or is_large(value):
        return f"<{type_name(value)}>"
    return notebook_name(str.__getitem__(repr(value), slice(limit)))


def says_nothing(value: Any) -> bool:
    """Whether its ``__repr__`` is the one that tells no more than an address."""
    return getattr(type(value), "__repr__", None) is object.__repr__


def writes_all(value: Any) -> bool:
    """Whether its ``__repr__`` may write all of something long: C code does that with Python's lock held."""
    if isinstance(value, type):
        return False
    if isinstance(value, SimpleNamespace | _of("torch", "nn.Module")) or is_dataclass(value):
        return True
    parts = getattr(value, "__dict__", None)
    return isinstance(parts, dict) and any(
        isinstance(part, _LONG) and len(part) > _MANY for part in list(parts.values())
    )


def is_dataclass(value: Any) -> bool:
    """Whether it is an instance of one."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def is_large(value: Any) -> bool:
    """Whether it says of itself that it is an array of some size: its ``__repr__`` may fetch all of it from a GPU."""
    size = getattr(value, "nbytes", None)
    size = size() if callable(size) else size
    return isinstance(size, int) and size > _LARGE


def _short(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return repr(str.__getitem__(value, slice(LONGEST_CELL)))
    if isinstance(value, bytes | bytearray):
        return repr(bytes(memoryview(value)[:LONGEST_CELL]))
    if type(value) is int:
        bits = value.bit_length()
        return str(value) if bits <= _MOST_BITS else f"<int of {bits:,} bits>"
    if isinstance(value, MAPPINGS):
        return _braced(value, depth, [_pair(item, depth) for item in _first(value.items(), depth)])
    if isinstance(value, BaseException):
        return type_name(value) + short(value.args, depth)
    if isinstance(value, SERIES):
        return _braced(value, depth, [short(item, depth - 1) for item in _first(value, depth)])
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and not isinstance(value, type):
        return _array(value, shape)
    if isinstance(value, partial | MethodType) or writes_all(value):
        return f"{type_name(value)}(...)"
    return own_repr(value, LONGEST_CELL + 1)


def _first(items: Any, depth: int) -> list[Any]:
    return list(islice(items, _MOST_ITEMS)) if depth > 0 else []


def _pair(item: tuple[Any, Any], depth: int) -> str:
    return f"{short(item[0], depth - 1)}: {short(item[1], depth - 1)}"


def _braced(value: Any, depth: int, items: list[str]) -> str:
    brackets = _BRACKETS.get(type(value), "()")
    name = "" if type(value) in _BRACKETS else type_name(value)
    rest = ["..."] if len(value) > len(items) else []
    comma = "," if type(value) is tuple and len(items) == 1 and not rest else ""
    return f"{name}{brackets[0]}{', '.join([*items, *rest])}{comma}{brackets[1]}"


def _array(value: Any, shape: tuple[Any, ...]) -> str:
    is_numpy = isinstance(value, _of("numpy", "generic") | _of("numpy", "ndarray"))
    if is_numpy and not shape and value.dtype.kind != "O":
        return str(value)[: LONGEST_CELL + 1]
    facts = (
        type(value).__name__,
        shape_words(tuple(int(n) for n in shape)),
        _dtype(value),
        _device(value),
    )
    return " ".join(fact for fact in facts if fact)


def _of(library: str, name: str) -> Any:
    """The class, where the library is loaded; else, or while it is being loaded, one that nothing is of."""
    with suppress(KeyError, AttributeError):
        return attrgetter(name)(sys.modules[library])
    return _Nothing


def _dtype(value: Any) -> str:
    if type(value).__name__ == "DataFrame":  # a column may have that name
        return ""
    dtype = getattr(value, "dtype", None)
    return "" if dtype is None else str(dtype).removeprefix("torch.")


def _device(value: Any) -> str:
    device = getattr(value, "device", None) if "torch" in sys.modules else None
    there = type(device).__module__ == "torch" and str(device) != "cpu"
    return str(device) if there else ""
