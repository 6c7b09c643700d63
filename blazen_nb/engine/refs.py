"""Session refs: values that steps hand to the run's keeping, and how long each is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, NoReturn, Protocol
from uuid import uuid4

from blazen_nb.errors import LimitError, SessionRefError

MOST_REFS = 10_000
"""Refs that a run may hold at once."""

_GONE = object()


class RefLifetime(Enum):
    """How long a value that a step has put away is kept, by Blazen's names.

    A ref that leaves its run, in its result, its exported state or an event of its stream, is kept until its parent
    finishes where it would have ended sooner. A run that does not succeed keeps only what has left it.
    """

    UntilContextDrop = "UntilContextDrop"
    """Until the run has ended."""
    UntilParentFinish = "UntilParentFinish"
    """Until the caller's session with the peer has ended; of a sub-workflow, until the outermost run has."""
    UntilExplicitDrop = "UntilExplicitDrop"
    """Until somebody releases it."""
    UntilSnapshot = "UntilSnapshot"
    """Until the next snapshot of the run, at most until the run has ended."""


_WITH_THE_RUN = (RefLifetime.UntilContextDrop, RefLifetime.UntilSnapshot)


class Ref:
    """A value that is kept somewhere, seen from either side of the wire."""

    __slots__ = ("__weakref__", "uuid")
    uuid: str


class SessionRef(Ref):
    """A value in a run's keeping, made by ``ctx.put``. Where it goes the value does not: a caller gets a RemoteRef."""

    __slots__ = ("_value", "lifetime")

    def __init__(self, value: Any, lifetime: RefLifetime) -> None:
        self._value = value
        self.lifetime = lifetime
        self.uuid = str(uuid4())

    @property
    def value(self) -> Any:
        """The live object.

        Raises:
            SessionRefError: It was released.
        """
        value = self._value
        if value is _GONE:
            raise SessionRefError(f"session ref {self.uuid} was released, its value is gone")
        return value

    @property
    def is_dropped(self) -> bool:
        """Whether the value is gone."""
        return self._value is _GONE

    def drop(self) -> None:
        """Let go of the value, whoever still has this ref."""
        self._value = _GONE

    def __copy__(self) -> SessionRef:
        return self

    def __deepcopy__(self, _: Any) -> SessionRef:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a SessionRef cannot be pickled: it stands for an object of this process. Put it into the result "
            "itself, or into a list or dict there, and it arrives as a RemoteRef"
        )

    def __repr__(self) -> str:
        value = self._value
        what = "released" if value is _GONE else type(value).__name__
        return f"SessionRef({what}, {self.lifetime.name}, {self.uuid[:8]})"


class RefsOwner(Protocol):
    """A run, as far as its sub-workflows share its refs."""

    @property
    def refs(self) -> RunRefs:
        """The values that its steps have put away."""


class RunRefs:
    """The refs of one run. Thread-safe.

    Args:
        limit: How many it may hold at once.
    """

    def __init__(self, limit: int = MOST_REFS) -> None:
        self._limit = limit
        self._refs: dict[str, SessionRef] = {}
        self._left: set[str] = set()
        self._lock = threading.RLock()
        self._has_ended = False

    @property
    def has_ended(self) -> bool:
        """Whether the run is over."""
        return self._has_ended

    def put(self, value: Any, lifetime: RefLifetime) -> SessionRef:
        """Keep the value; what a step still puts after the run's end is its own to keep.

        Raises:
            LimitError: The run holds as many refs as it may.
        """
        ref = SessionRef(value, RefLifetime(lifetime))
        with self._lock:
            if self._has_ended:
                return ref
            if len(self._refs) >= self._limit:
                raise LimitError(
                    f"the run holds {self._limit:,} session refs, the limit; release some, or put several values "
                    "into one"
                )
            self._refs[ref.uuid] = ref
            self._added(ref)
        return ref

    def let_leave(self, ref: Ref) -> None:
        """The ref goes to a reader outside of the run, so the run's end does not end it."""
        with self._lock:
            mine = self._refs.get(ref.uuid)
            if mine is not None:
                self._left.add(ref.uuid)
                if mine.lifetime in _WITH_THE_RUN:
                    mine.lifetime = RefLifetime.UntilParentFinish

    def release(self, uuid: str) -> bool:
        """Drop this ref's value; False where the run holds no such ref."""
        with self._lock:
            ref = self._refs.pop(uuid, None)
            self._left.discard(uuid)
            if ref is not None:
                self._removed(ref)
                ref.drop()
        return ref is not None

    def snapshot_taken(self) -> None:
        """Drop what was kept until a snapshot."""
        self._drop_those(RefLifetime.UntilSnapshot)

    def run_ends(self, *, succeeded: bool) -> None:
        """Drop what goes with the run; of a run that did not succeed all that has not left it."""
        self._drop_those(*(_WITH_THE_RUN if succeeded else RefLifetime))

    def run_ended(self, *, succeeded: bool) -> None:
        """As ``run_ends``, and hold nothing from now on: its caller knows how it ended."""
        with self._lock:
            self.run_ends(succeeded=succeeded)
            self._has_ended = True
            self._refs.clear()
            self._left.clear()

    def _drop_those(self, *lifetimes: RefLifetime) -> None:
        with self._lock:
            for uuid, ref in list(self._refs.items()):
                if ref.lifetime in lifetimes and uuid not in self._left:
                    self.release(uuid)

    def _added(self, ref: SessionRef) -> None:
        """For those who find refs by other ways than their run."""

    def _removed(self, ref: SessionRef) -> None:
        """The run lets go of the ref before it has ended, or with its end."""

    def __len__(self) -> int:
        return len(self._refs)


class LazyRefs:
    """Where a run's refs are, once a step puts the first value away: most runs never do.

    Args:
        make: Makes the place for them.
        parent: The run whose step started this one: what is put away is the parent's.
    """

    def __init__(self, make: Callable[[], RunRefs], parent: RefsOwner | None) -> None:
        self._make = make
        self._parent = parent
        self._made: RunRefs | None = None
        self._lock = threading.Lock()

    def get(self) -> RunRefs:
        """The place, made where it is not there."""
        if self._parent is not None:
            return self._parent.refs
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def let_leave(self, value: Any) -> None:
        """The refs in this value go to a reader outside of the run."""
        if self._made is not None:
            for ref in refs_in(value):
                self._made.let_leave(ref)

    def snapshot_taken(self) -> None:
        """See RunRefs."""
        if self._made is not None:
            self._made.snapshot_taken()

    def run_ends(self, *, succeeded: bool) -> None:
        """See RunRefs."""
        if self._made is not None:
            self._made.run_ends(succeeded=succeeded)

    def run_ended(self, *, succeeded: bool) -> None:
        """See RunRefs."""
        if self._made is not None:
            self._made.run_ended(succeeded=succeeded)


def refs_in(value: Any) -> Iterator[Ref]:
    """The refs in a value, wherever they are in its lists, tuples, sets and dicts."""
    waiting, seen = [value], set[int]()
    while waiting:
        found = waiting.pop()
        if isinstance(found, Ref):
            yield found
        elif isinstance(found, dict | list | tuple | set | frozenset) and id(found) not in seen:
            seen.add(id(found))
            waiting.extend(found)
            waiting.extend(found.values() if isinstance(found, dict) else ())
