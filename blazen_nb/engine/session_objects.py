"""Objects that say themselves what is stored of them, by Blazen's protocol.

``__blazen_serialize__(self) -> bytes`` and the classmethod ``__blazen_deserialize__(cls, data)``. In the snapshot an
object is ``{"type_tag", "data"}``: data is the tag's length in four bytes, the tag, and the object's own bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from blazen_nb.errors import SnapshotError, text_of

MARKER = "__blazen_session_ref__"
"""The one key of the dict that stands for a live object inside JSON."""


def serializes_itself(value: Any) -> bool:
    """Whether the object's class has the protocol."""
    return callable(getattr(type(value), "__blazen_serialize__", None))


def packed(value: Any) -> dict[str, Any]:
    """The object as a snapshot has it.

    Raises:
        Exception: Whatever its own method raises.
    """
    data = type(value).__blazen_serialize__(value)
    if not isinstance(data, bytes | bytearray):
        raise TypeError(f"__blazen_serialize__ returned a {type(data).__name__}, not bytes")
    tag = f"{type(value).__module__}.{type(value).__qualname__}"
    raw = tag.encode()
    return {"type_tag": tag, "data": list(len(raw).to_bytes(4, "big") + raw + data)}


def unpacked(entry: dict[str, Any]) -> Any:
    """The object again; imports the module of its class.

    Raises:
        SnapshotError: There is no such class, it lacks the protocol, or its method raised.
    """
    data = bytes(entry["data"])
    length = int.from_bytes(data[:4], "big")
    tag, own = data[4 : 4 + length].decode(), data[4 + length :]
    deserialize = _deserializer(tag)
    try:
        return deserialize(own)
    except Exception as error:  # the class's own code
        raise SnapshotError(
            f"{tag}.__blazen_deserialize__ failed: {type(error).__name__}: {text_of(error)}"
        ) from error


def _deserializer(tag: str) -> Callable[[bytes], Any]:
    module, _, name = tag.rpartition(".")
    path = [name]
    while module:
        found = _module(module)
        if found is not None:
            for part in path:
                found = getattr(found, part, None)
            if isinstance(found, type) and callable(getattr(found, "__blazen_deserialize__", None)):
                deserialize: Callable[[bytes], Any] = found.__blazen_deserialize__  # type: ignore[attr-defined]
                return deserialize
            break
        module, _, outer = module.rpartition(".")
        path.insert(0, outer)
    raise SnapshotError(
        f"unknown type tag {tag!r}: no such class with __blazen_deserialize__ can be imported here"
    )


def _module(name: str) -> Any:
    if name in sys.modules:
        return sys.modules[name]
    try:
        return import_module(name)
    except ImportError:
        return None
    except Exception as error:  # a module's own code
        raise SnapshotError(f"module {name} cannot be imported: {text_of(error)}") from error
