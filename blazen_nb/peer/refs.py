"""The values that a peer keeps for its callers: found by UUID, kept by session, let go with it.

RefTable    all refs of the peer, by UUID
  RefScope  those of one session, or of an identity's calls without a session; its end is theirs
    RefScope  those of a run that can be read later: its session's until that ends, then whoever takes the result
      KeptRefs  those of one run
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from blazen_nb.devices import Holding
from blazen_nb.engine.refs import RefLifetime, SessionRef
from blazen_nb.errors import SessionRefError
from blazen_nb.peer.ref_scopes import Kept, RefScope
from blazen_nb.shipping.described import RefInfo
from blazen_nb.wire.limits import Limits


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

    def scope(self, identity: str, session_id: str, home: str, client: str = "") -> RefScope:
        """The place for a session's refs, made where it is not there; an empty session ID: calls without one.

        Args:
            home: Module name of the session's namespace.
            client: What its client calls itself.
        """
        with self._lock:
            known = self._scopes.get((identity, session_id))
            if known is None:
                known = RefScope(self, identity, session_id, home, client)
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

    def holdings(self, identity: str) -> list[Holding]:
        """Who has how much kept, the most first: this identity's clients each, all others as one."""
        with self._lock:
            everything = list(self._kept.values())
        groups: dict[tuple[bool, str, str, str], list[int | None]] = defaultdict(list)
        for kept in everything:
            is_others = kept.scope.identity != identity
            device = "" if kept.about.device == "cpu" else kept.about.device
            session_id, holder = ("", "") if is_others else kept.scope.holder
            groups[is_others, session_id, holder, device].append(kept.about.size)
        found = [
            Holding(
                holder=holder,
                is_others=is_others,
                device=device,
                count=len(sizes),
                size=sum(size for size in sizes if size is not None),
                unknown=sizes.count(None),
            )
            for (is_others, _, holder, device), sizes in groups.items()
        ]
        return sorted(found, key=lambda holding: -holding.size)

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
            run_id=kept.run_id,
            holder=kept.scope.holder[1],
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
