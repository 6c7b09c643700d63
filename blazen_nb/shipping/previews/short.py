"""A value in a few characters: what stands in a cell of a preview, or for an item of a container."""

from __future__ import annotations

import dataclasses
import sys
from datetime import date, timedelta
from itertools import islice
from operator import attrgetter
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
_VIEWS: Any = (type({}.keys()), type({}.values()), type({}.items()))
_SERIES: Any = (list, tuple, set, frozenset, range, *_VIEWS)
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
    if isinstance(value, dict):
        return _braced(value, depth, [_pair(item, depth) for item in _first(value.items(), depth)])
    if isinstance(value, _SERIES):
        return _braced(value, depth, [short(item, depth - 1) for item in _first(value, depth)])
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and not isinstance(value, type):
        return _array(value, shape)
    if isinstance(value, _of("torch", "nn.Module")) or (
        dataclasses.is_dataclass(value) and not isinstance(value, type)
    ):
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
    if not shape and isinstance(value, _of("numpy", "generic") | _of("numpy", "ndarray")):
        return str(value)[: LONGEST_CELL + 1]
    facts = (
        type(value).__name__,
        shape_words(tuple(int(n) for n in shape)),
        _dtype(value),
        _device(value),
    )
    return " ".join(fact for fact in facts if fact)


def _of(library: str, name: str) -> Any:
    """The class, where the library is loaded; else one that nothing is of."""
    module = sys.modules.get(library)
    return _Nothing if module is None else attrgetter(name)(module)


def _dtype(value: Any) -> str:
    if type(value).__name__ == "DataFrame":  # a column may have that name
        return ""
    dtype = getattr(value, "dtype", None)
    return "" if dtype is None else str(dtype).removeprefix("torch.")


def _device(value: Any) -> str:
    device = getattr(value, "device", None) if "torch" in sys.modules else None
    there = type(device).__module__ == "torch" and str(device) != "cpu"
    return str(device) if there else ""
