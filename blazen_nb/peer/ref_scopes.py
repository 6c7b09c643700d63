"""Whose values a peer keeps, and until when: those of a session, of a run that can be read later, of one run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blazen_nb.engine.refs import RefLifetime, RunRefs, SessionRef
from blazen_nb.errors import EncodeError
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.described import REF_MARKER, Described, describe
from blazen_nb.shipping.diversion import FOREIGN, REF, OpenLeaf
from blazen_nb.wire.ref_messages import ref_of_leaf

if TYPE_CHECKING:
    from blazen_nb.peer.refs import RefTable


@dataclass(slots=True)
class Kept:
    """A ref in the table."""

    ref: SessionRef
    scope: RefScope
    run: RunRefs
    run_id: str
    """Empty where it is of no run."""
    held: bool
    """Made by the peer because a value could not travel: its reader's handle decides when it goes."""
    about: Described
    used_at: float
    created_at: float = field(default_factory=time.time)


class RefScope:
    """Whose refs end together: a session's, a run's, or those of an identity's calls without a session.

    Args:
        client: What the client calls itself whose session it is.
        owner: Of a run's: the session that reads it.
    """

    def __init__(
        self,
        table: RefTable,
        identity: str,
        session_id: str,
        home: str,
        client: str,
        owner: RefScope | None = None,
    ) -> None:
        self.table = table
        self.identity = identity
        self.session_id = session_id
        self.home = home
        self.has_ended = False
        self._client = client
        self.was_taken = False
        """Of a run's: a client has its result, and with it the refs."""
        self._owner = owner

    @property
    def is_left(self) -> bool:
        """Whether the session that it belongs to has ended."""
        return (self._owner or self).has_ended

    @property
    def holder(self) -> tuple[str, str]:
        """The session that has them, and what its client calls itself."""
        session = self._owner or self
        return session.session_id, session._client

    def for_record(self) -> RefScope:
        """The place for the refs of a run that can be read later, by this session or another one."""
        return RefScope(self.table, self.identity, self.session_id, self.home, self._client, self)

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

    def for_run(self, run_id: str = "") -> KeptRefs:
        """The place for the refs of one run of this session."""
        return KeptRefs(self, run_id)

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
    """The refs of one run on a peer; without a run ID, what came by itself."""

    def __init__(self, scope: RefScope, run_id: str = "") -> None:
        super().__init__(scope.table.limits.refs)
        self._scope = scope
        self._run_id = run_id
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
        about = describe(ref.value)
        table.add(Kept(ref, self._scope, self, self._run_id, self._held, about, table.now()))

    def _removed(self, ref: SessionRef) -> None:
        self._scope.table.remove(ref)
