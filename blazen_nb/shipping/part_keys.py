"""Which part of a value is asked for: what stands in ``value[...]``, as plain data."""

from __future__ import annotations

import json
import operator
from typing import Any

from blazen_nb.errors import ValidationError

_DEPTH = 8
_MOST_BYTES = 1 << 20


def key_text(key: Any) -> str:
    """The key as JSON.

    Raises:
        ValidationError: It is none of integers, text, slices, ``...``, None, and tuples and lists of them.
    """
    text = json.dumps(_plain(key, _DEPTH))
    if len(text) > _MOST_BYTES:
        raise ValidationError("the key of a part is too long; ask for it in several")
    return text


def part_of(value: Any, text: str) -> Any:
    """``value[key]``; without a text all of the value.

    Raises:
        ValidationError: There is no such part, or the value has no parts, or the text is no key.
    """
    if not text:
        return value
    try:
        key = _key(json.loads(text), _DEPTH)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValidationError("the key of a part cannot be read") from None
    try:
        part = value[key]
    except Exception as error:  # of whatever type the value is
        kind = type(error).__name__
        raise ValidationError(
            f"{type(value).__qualname__} has no such part: {kind}: {error}"
        ) from None
    # A view of a tensor is pickled with all of the memory that it looks into.
    return part.clone() if hasattr(part, "untyped_storage") else part


def _plain(key: Any, depth: int) -> Any:
    if depth and isinstance(key, list):
        return [_plain(item, depth - 1) for item in key]
    if depth and isinstance(key, tuple):
        return {"tuple": [_plain(item, depth - 1) for item in key]}
    if depth and isinstance(key, slice):
        ends = (key.start, key.stop, key.step)
        return {"slice": [_plain(end, depth - 1) for end in ends]}
    if key is Ellipsis:
        return {"rest": True}
    if key is None or isinstance(key, bool | str):
        return key
    try:
        return operator.index(key)
    except TypeError:
        raise ValidationError(
            "a part is named by integers, text, slices, ..., None, and tuples and lists of them, "
            f"not by {type(key).__qualname__}"
        ) from None


def _key(plain: Any, depth: int) -> Any:
    if not depth:
        return plain
    if isinstance(plain, list):
        return [_key(item, depth - 1) for item in plain]
    if not isinstance(plain, dict):
        return plain
    [(kind, items)] = plain.items()
    if kind == "rest":
        return Ellipsis
    keys = [_key(item, depth - 1) for item in items]
    if kind == "slice":
        start, stop, step = keys
        return slice(start, stop, step)
    if kind == "tuple":
        return tuple(keys)
    raise KeyError(kind)
