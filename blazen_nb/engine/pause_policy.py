"""What a snapshot does with live objects: the policies, and the objects that a run keeps for it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from threading import Lock
from typing import Any
from uuid import uuid4

from blazen_nb.errors import LimitError

MOST_OBJECTS = 10_000
"""How many live objects a run may put into events while they are kept."""

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})
_CONTAINERS = (list, tuple, set, frozenset)


class SessionPausePolicy(Enum):
    """What a snapshot does with objects in events that are neither JSON nor plain data, by Blazen's names.

    Values of ``ctx.state`` are pickled under every policy; what cannot be pickled is left out with a warning, or
    an error under HardError. ``ctx.session`` is never stored.
    """

    PickleOrError = "PickleOrError"
    """Pickle each; the snapshot fails where one cannot be. The default."""
    PickleOrSerialize = "PickleOrSerialize"
    """As PickleOrError, but an object with ``__blazen_serialize__`` says itself what is stored of it."""
    WarnDrop = "WarnDrop"
    """Leave each out, and log a warning."""
    HardError = "HardError"
    """The snapshot fails where there is one."""


class KeptObjects:
    """The live objects that steps put into events, emitted or not, in the order they came. Thread-safe."""

    def __init__(self) -> None:
        self._objects: dict[int, tuple[str, Any]] = {}
        self._lock = Lock()

    def keep(self, fields: dict[str, Any]) -> None:
        """Keep the live objects in these fields of an event.

        Raises:
            LimitError: There are too many.
        """
        for found in live_objects(fields):
            self.key_of(found)

    def key_of(self, live: Any) -> str:
        """The key under which the object is kept from now on."""
        with self._lock:
            entry = self._objects.get(id(live))
            if entry is None:
                if len(self._objects) >= MOST_OBJECTS:
                    raise LimitError(
                        f"the steps of this run put {MOST_OBJECTS:,} live objects into events, the most that a run "
                        "keeps for its snapshots; put several into one, or use ctx.session"
                    )
                entry = self._objects[id(live)] = str(uuid4()), live
            return entry[0]

    def objects(self) -> list[Any]:
        """What is kept."""
        with self._lock:
            return [live for _, live in self._objects.values()]


def kept_under(policy: SessionPausePolicy) -> KeptObjects | None:
    """Where a run keeps its live objects; None where a snapshot looks only at events in flight.

    Kept to the run's end, so only under the policies that ask for objects of events that nobody emitted.
    """
    return KeptObjects() if policy in _KEEPING else None


_KEEPING = frozenset({SessionPausePolicy.PickleOrSerialize, SessionPausePolicy.HardError})


def is_live(value: Any) -> bool:
    """Whether the value is an object, not plain data: numbers, text, bytes, arrays, and containers are data."""
    kind = type(value)
    return not (kind in _PLAIN or kind is dict or kind in _CONTAINERS or kind.__module__ == "numpy")


def live_objects(value: Any) -> Iterator[Any]:
    """The live objects in a value, wherever they are in its containers."""
    waiting, seen = [value], set[int]()
    while waiting:
        found = waiting.pop()
        kind = type(found)
        if kind is dict or kind in _CONTAINERS:
            if id(found) not in seen:
                seen.add(id(found))
                waiting.extend(reversed(list(found.values() if kind is dict else found)))
        elif is_live(found):
            yield found
