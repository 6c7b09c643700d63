"""Previews of Python's own values, of containers, and of everything that no library of its own is asked about."""

from __future__ import annotations

import dataclasses
from itertools import islice
from typing import Any

from blazen_nb.render.preview import LONGEST_TEXT, MOST_ROWS, Preview, Row
from blazen_nb.render.words import plural
from blazen_nb.shipping.previews.short import (
    MAPPINGS,
    SERIES,
    TERSE,
    UNORDERED,
    cell,
    is_dataclass,
    own_repr,
    says_nothing,
    short,
    writes_all,
)

_BYTES_SHOWN = 96


def plain_preview(value: Any) -> Preview:
    """The preview of any value.

    Raises:
        Exception: Whatever the value's own code raises.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(value)
    if isinstance(value, MAPPINGS):
        rows = _rows((cell(key), short(item)) for key, item in value.items())
        return _table(rows, len(value), "item")
    if isinstance(value, SERIES):
        return _series(value)
    if type(value) is int or isinstance(value, TERSE):
        return Preview(text=short(value))
    if is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.repr]
        return _attributes({name: getattr(value, name, None) for name in names[:MOST_ROWS]}, names)
    if says_nothing(value) or writes_all(value):
        found = getattr(value, "__dict__", {})
        return _attributes(found, found)
    return Preview(text=own_repr(value, LONGEST_TEXT + 1))


def _text(value: str) -> Preview:
    start = str.__getitem__(value, slice(LONGEST_TEXT))
    return Preview(about=plural(len(value), "character"), text=start + _rest(len(value), start))


def _bytes(value: bytes | bytearray | memoryview) -> Preview:
    whole = memoryview(value)
    if whole.ndim != 1 or not whole.c_contiguous:
        return Preview(about=plural(whole.nbytes, "byte"))
    start = bytes(whole.cast("B")[:_BYTES_SHOWN])
    return Preview(
        about=plural(whole.nbytes, "byte"), text=repr(start) + _rest(whole.nbytes, start)
    )


def _rest(length: int, start: str | bytes) -> str:
    return " ..." if length > len(start) else ""


def _series(value: Any) -> Preview:
    names = getattr(type(value), "_fields", ()) if isinstance(value, tuple) else ()
    ordered = not isinstance(value, UNORDERED)
    labels = [*map(str, names[:MOST_ROWS]), *map(str, range(len(names), MOST_ROWS))]
    first = islice(value, MOST_ROWS)
    rows = _rows(
        (label if ordered else "", short(item)) for label, item in zip(labels, first, strict=False)
    )
    return _table(rows, len(value), "item")


def _attributes(found: Any, names: Any) -> Preview:
    rows = _rows((cell(name), short(item)) for name, item in list(found.items()))
    return _table(rows, len(names), "attribute")


def _rows(items: Any) -> tuple[Row, ...]:
    return tuple(Row(name, (text,)) for name, text in islice(items, MOST_ROWS))


def _table(rows: tuple[Row, ...], count: int, what: str) -> Preview:
    return Preview(about=plural(count, what), rows=rows, more_rows=count - len(rows))
