"""The values that a peer keeps for its callers: found by UUID, kept by session, let go with it.

RefTable    all refs of the peer, by UUID
  RefScope  those of one session, or of an identity's calls without a session; its end is theirs
    RefScope  those of a run that can be read later: its session's until that ends, then whoever takes the result
      KeptRefs  those of one run
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from blazen_nb.engine.refs import RefLifetime, RunRefs, SessionRef
from blazen_nb.errors import EncodeError, SessionRefError
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.described import REF_MARKER, Described, RefInfo, describe
from blazen_nb.shipping.diversion import FOREIGN, REF, OpenLeaf
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.ref_messages import ref_of_leaf


@dataclass(slots=True)
class Kept:
    """A ref in the table."""

    ref: SessionRef
    scope: RefScope
    run: RunRefs
    held: bool
    """Made by the peer because a value could not travel: its reader's handle decides when it goes."""
    about: Described
    used_at: float
    created_at: float = field(default_factory=time.time)


class RefTable:
    """A peer's refs. Thread-safe.

    Args:
        now: Seconds on a clock that only goes forward.
    """

    def __init__(
        self,
        node_id: str,
        incarnation: str,
        limits: Limits,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.node_id = node_id
        self.incarnation = incarnation
        self.limits = limits
        self.now = now
        self._kept: dict[str, Kept] = {}
        self._scopes: dict[tuple[str, str], RefScope] = {}
        self._lock = threading.Lock()

    def scope(self, identity: str, session_id: str, home: str) -> RefScope:
        """The place for a session's refs, made where it is not there; an empty session ID: calls without one.

        Args:
            home: Module name of the session's namespace.
        """
        with self._lock:
            known = self._scopes.get((identity, session_id))
            if known is None:
                known = RefScope(self, identity, session_id, home)
                self._scopes[identity, session_id] = known
            return known

    def scope_of(self, identity: str, session_id: str) -> RefScope:
        """The place for the refs of a session that is there.

        Raises:
            SessionRefError: There is no such session.
        """
        with self._lock:
            known = self._scopes.get((identity, session_id))
        if known is None or not session_id:
            raise SessionRefError("values are kept for sessions, and this one has ended")
        return known

    def find(self, uuid: str, identity: str) -> Kept:
        """The ref.

        Raises:
            SessionRefError: This peer keeps no such ref for this identity.
        """
        with self._lock:
            kept = self._kept.get(uuid)
            if kept is not None and kept.scope.identity == identity:
                kept.used_at = self.now()
                return kept
        raise SessionRefError(
            f"unknown session ref {uuid}: peer {self.node_id} keeps no such value (any more)"
        )

    def release(self, uuid: str, identity: str) -> bool:
        """Let go of the ref's value; False where this identity has no such ref."""
        try:
            kept = self.find(uuid, identity)
        except SessionRefError:
            return False
        if not kept.run.release(uuid):  # its run has ended
            self.remove(kept.ref)
            kept.ref.drop()
        return True

    def add(self, kept: Kept) -> None:
        """Have the ref found from now on."""
        with self._lock:
            self._kept[kept.ref.uuid] = kept

    def remove(self, ref: SessionRef) -> None:
        """Have it found no more."""
        with self._lock:
            self._kept.pop(ref.uuid, None)

    def of_scope(self, scope: RefScope) -> list[Kept]:
        """The scope's refs, and those of its identity that only an explicit release ends."""
        explicit = RefLifetime.UntilExplicitDrop
        with self._lock:
            return [
                kept
                for kept in self._kept.values()
                if kept.scope.belongs_to(scope)
                or (kept.ref.lifetime is explicit and kept.scope.identity == scope.identity)
            ]

    def end_scope(self, scope: RefScope) -> None:
        """The session is over: its refs go, but for what only an explicit release ends and what runs still keep."""
        with self._lock:
            self._scopes.pop((scope.identity, scope.session_id), None)
            mine = [
                kept
                for kept in self._kept.values()
                if kept.scope.ends_with(scope)
                and kept.run.has_ended
                and kept.ref.lifetime is RefLifetime.UntilParentFinish
            ]
        for kept in mine:
            self.release(kept.ref.uuid, scope.identity)

    def end_home(self, home: str) -> None:
        """A namespace is over: what its sessions kept goes, where they have ended and nobody else has taken it."""
        with self._lock:
            mine = [
                kept
                for kept in self._kept.values()
                if kept.scope.home == home
                and kept.scope.is_left
                and kept.run.has_ended
                and kept.ref.lifetime is RefLifetime.UntilParentFinish
            ]
        for kept in mine:
            self.release(kept.ref.uuid, kept.scope.identity)

    def expire(self) -> None:
        """Drop what callers without a session have not used for as long as the limits say."""
        latest = self.now() - self.limits.ref_lease_seconds
        with self._lock:
            stale = [
                kept
                for kept in self._kept.values()
                if not kept.scope.session_id
                and kept.used_at < latest
                and kept.run.has_ended
                and kept.ref.lifetime is not RefLifetime.UntilExplicitDrop
            ]
        for kept in stale:
            self.release(kept.ref.uuid, kept.scope.identity)

    def close(self) -> None:
        """Drop all of them."""
        with self._lock:
            everything = list(self._kept.values())
        for kept in everything:
            self.release(kept.ref.uuid, kept.scope.identity)

    def info(self, kept: Kept) -> RefInfo:
        """What a caller is told of a ref."""
        return RefInfo(
            uuid=kept.ref.uuid,
            node_id=self.node_id,
            incarnation=self.incarnation,
            about=kept.about,
            lifetime=kept.ref.lifetime.name,
            created_at=kept.created_at,
            held=kept.held,
        )

    def resolve(self, info: RefInfo, identity: str) -> Any:
        """The live object behind a ref that came in an input.

        Raises:
            SessionRefError: It belongs to another peer, or is gone.
        """
        if info.incarnation != self.incarnation:
            raise SessionRefError(
                f"session ref {info.uuid} belongs to peer {info.node_id}, not to this run of {self.node_id}: "
                "a value is where it was made, fetch() brings it here"
            )
        return self.find(info.uuid, identity).ref.value

    def __len__(self) -> int:
        return len(self._kept)


class RefScope:
    """Whose refs end together: a session's, a run's, or those of an identity's calls without a session.

    Args:
        owner: Of a run's: the session that reads it.
    """

    def __init__(
        self,
        table: RefTable,
        identity: str,
        session_id: str,
        home: str,
        owner: RefScope | None = None,
    ) -> None:
        self.table = table
        self.identity = identity
        self.session_id = session_id
        self.home = home
        self.has_ended = False
        self.was_taken = False
        """Of a run's: a client has its result, and with it the refs."""
        self._owner = owner

    @property
    def is_left(self) -> bool:
        """Whether the session that it belongs to has ended."""
        return (self._owner or self).has_ended

    def for_record(self) -> RefScope:
        """The place for the refs of a run that can be read later, by this session or another one."""
        return RefScope(self.table, self.identity, self.session_id, self.home, self)

    def belongs_to(self, session: RefScope) -> bool:
        """Whether that session's refs are these."""
        return self is session or self._owner is session

    def ends_with(self, session: RefScope) -> bool:
        """Whether they go with that session: a run whose result nobody has taken keeps its own."""
        return self is session or (self._owner is session and self.was_taken)

    def taken_by(self, session: RefScope) -> None:
        """That session has the run's result: its refs are the session's from now on."""
        self._owner, self.was_taken = session, True
        if session.has_ended:
            session.end()

    def let_go(self) -> None:
        """The run can be read no more: its refs go, unless a session has its result."""
        if not self.was_taken:
            self.end()

    def for_run(self) -> KeptRefs:
        """The place for the refs of one run of this session."""
        return KeptRefs(self)

    def keep(self, value: Any) -> Kept:
        """Keep a value that came by itself, for as long as whoever sent it holds its handle."""
        refs = KeptRefs(self)
        kept = refs.keep(value)
        refs.run_ended(succeeded=True)
        return kept

    def end(self) -> None:
        """The session is over; runs that go on keep theirs until they have ended."""
        self.has_ended = True
        self.table.end_scope(self)

    def open_leaf(self, tag: str, payload: bytes) -> Any:
        """The live object that a leaf of an input stands for (OpenLeaf).

        Raises:
            SessionRefError: It belongs to another peer, or is gone.
            EncodeError: The leaf is none of a ref.
        """
        if tag != REF:
            raise EncodeError("an input refers to buffers that did not come with it")
        return self.table.resolve(ref_of_leaf(payload), self.identity)

    def pinned(self, bundle: CodeBundle) -> OpenLeaf:
        """As ``open_leaf`` for the values of a bundle, looked up now: a release that follows comes too late."""
        leaves = [leaf for _, value in bundle.values for leaf in value.leaves if leaf[0] in FOREIGN]
        found = {payload: self.open_leaf(tag, payload) for tag, payload in leaves}
        return lambda _, payload: found[payload]

    def resolved(self, value: Any) -> Any:
        """The JSON value with live objects in the place of the refs that it names.

        Raises:
            SessionRefError: One of them is not here.
        """
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and isinstance(value.get(REF_MARKER), str):
            return self.table.find(value[REF_MARKER], self.identity).ref.value
        return {key: self.resolved(item) for key, item in value.items()}


class KeptRefs(RunRefs):
    """The refs of one run on a peer."""

    def __init__(self, scope: RefScope) -> None:
        super().__init__(scope.table.limits.refs)
        self._scope = scope
        self._made: dict[int, Kept] = {}
        self._held = False

    def keep(self, value: Any) -> Kept:
        """A ref to a value that leaves the run and cannot travel; the same object gets the same ref.

        Raises:
            LimitError: The run holds as many refs as it may.
        """
        with self._lock:
            known = self._made.get(id(value))
            if known is not None and not known.ref.is_dropped:
                return known
            self._held = True
            try:
                ref = self.put(value, RefLifetime.UntilParentFinish)
            finally:
                self._held = False
            self.let_leave(ref)
            kept = self._made[id(value)] = self._scope.table.find(ref.uuid, self._scope.identity)
            return kept

    def run_ended(self, *, succeeded: bool) -> None:
        """See RunRefs."""
        with self._lock:
            self._made.clear()
            super().run_ended(succeeded=succeeded)
        if self._scope.has_ended:
            self._scope.end()

    def _added(self, ref: SessionRef) -> None:
        table = self._scope.table
        table.add(Kept(ref, self._scope, self, self._held, describe(ref.value), table.now()))

    def _removed(self, ref: SessionRef) -> None:
        self._scope.table.remove(ref)
