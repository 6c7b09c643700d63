"""Values as they are kept for another process: JSON, bytes, and what can be pickled; of the rest, what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blazen_nb.engine.refs import SessionRef
from blazen_nb.errors import BlazenError, text_of
from blazen_nb.shipping.diversion import LIVE, Leaf
from blazen_nb.shipping.values import EncodedValue, decode, encode

LARGEST_PICKLE = 1 << 20
"""Bytes that a part of a value may have which is neither JSON nor bytes; a larger one stays live."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Stands where a live object was that ended with its process."""

    what: str
    """``a torch.nn.modules.linear.Linear``."""


class _EveryName:
    """Classes of the user's own go by name: the process that goes on has the code, and their classes with it."""

    def __contains__(self, name: object) -> bool:
        return True


class _LiveLeaves:
    """See Diversion."""

    largest_leaf: int | None = LARGEST_PICKLE

    def take(self, value: Any) -> Leaf | None:
        if type(value) is bytes:
            return "bytes", value
        if isinstance(value, Gone):
            return LIVE, value.what.encode()
        return self.take_rest(value) if isinstance(value, SessionRef) else None

    def take_rest(self, value: Any) -> Leaf | None:
        cls = type(value)
        name = (
            cls.__qualname__
            if cls.__module__ == "builtins"
            else f"{cls.__module__}.{cls.__qualname__}"
        )
        return LIVE, f"a {name}".encode()


def keep(value: Any, home: str) -> EncodedValue:
    """The value for another process; what cannot be kept of it is marked.

    Args:
        home: The module whose classes and functions are the user's own.
    """
    try:
        return encode(value, home=home, named=_EveryName(), diversion=_LiveLeaves())
    except BlazenError as error:  # it contains itself, or is nested too deeply
        return encode(
            Gone(f"a value that cannot be kept: {text_of(error)}"), diversion=_LiveLeaves()
        )


def open_kept(kept: EncodedValue, home: str) -> tuple[Any, list[str]]:
    """The value, with a Gone in the place of each part that is not there any more; and what those were."""
    gone: list[str] = []

    def open_leaf(_: str, payload: bytes) -> Gone:
        gone.append(payload.decode())
        return Gone(gone[-1])

    try:
        return decode(kept, trusted=True, home=home, open_leaf=open_leaf), gone
    except BlazenError as error:
        what = f"a value that cannot be opened any more: {text_of(error)}"
        return Gone(what), [what]
