"""What the sessions and services of one peer share."""

from __future__ import annotations

import json
import logging
import platform
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from blazen_nb import __version__
from blazen_nb.engine.registry import StepRegistry
from blazen_nb.errors import AuthError
from blazen_nb.journal import Journal
from blazen_nb.peer.device_reports import DeviceReports
from blazen_nb.peer.durable.runs import DurableRuns
from blazen_nb.peer.freed_memory import give_memory_back
from blazen_nb.peer.namespaces import Namespace, NamespaceTable
from blazen_nb.peer.previews import Previews
from blazen_nb.peer.refs import RefTable
from blazen_nb.peer.runs import RunManager
from blazen_nb.peer.transfers import Incoming, Outgoing, Transfers
from blazen_nb.peer.watching import Watchers
from blazen_nb.render.words import seconds
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.v1.kernel_pb2 import BulkOffer

_log = logging.getLogger("blazen_nb.peer")

AcceptCode = Literal["authenticated", "never"]


@dataclass(frozen=True, slots=True, eq=False)
class SessionInfo:
    """A connected session, for descriptions; two kernels of one notebook are alike, and are two."""

    client: str
    identity: str
    namespace: str
    """Its name; empty for one of the session's own."""
    since: float = field(default_factory=time.time)
    """Seconds since the epoch."""


class PeerParts:
    """A peer's namespaces and runs, and what it says of itself."""

    def __init__(
        self,
        node_id: str,
        limits: Limits,
        accept_code: AcceptCode,
        expose: Mapping[str, Any],
        journal: Journal | None = None,
        *,
        hands_over: bool = True,
    ) -> None:
        self.node_id = node_id
        self.limits = limits
        self.version = __version__
        self.incarnation = secrets.token_hex(8)
        """Made anew with each start: a client that meets another one knows the peer was restarted."""
        self.hands_over = hands_over
        """Clients in this process get the objects behind refs themselves."""
        self.accepts_code = accept_code == "authenticated"
        self.namespaces = NamespaceTable(limits, expose)
        self.refs = RefTable(node_id, self.incarnation, limits)
        self.outgoing: Transfers[Outgoing] = Transfers()
        self.incoming: Transfers[Incoming] = Transfers()
        self.offer_bulk: Callable[[str], BulkOffer | None] = lambda _: None
        """What a session of this identity is told of sockets for values in bulk; set while the peer listens."""
        self.withdraw_bulk: Callable[[bytes], None] = lambda _: None
        self.bulk_port: Callable[[], int] = lambda: 0
        self.devices = DeviceReports()
        self.previews = Previews()
        self.watchers = Watchers()
        self.runs = RunManager(node_id, self.namespaces, limits, self.watchers.tell)
        self.durable: DurableRuns | None = None
        """Runs that outlive this process; None where the peer has no journal."""
        if journal is not None:
            self.durable = DurableRuns(self, journal)
            self.runs.find_earlier = self.durable.find
        self.sessions: set[SessionInfo] = set()
        self._began = time.monotonic()
        self._shared: dict[str, Namespace] = {}

    def require_code_accepted(self, what: str) -> None:
        """Nothing, where clients may send code.

        Raises:
            AuthError: They may not.
        """
        if not self.accepts_code:
            raise AuthError(
                f"peer {self.node_id} does not accept code, so {what} is refused; it runs only steps registered "
                'there. Start it with accept_code="authenticated" to change that'
            )

    def session_began(self, info: SessionInfo) -> None:
        """It is among the sessions."""
        self.sessions.add(info)
        self.watchers.tell()

    def session_ended(self, info: SessionInfo) -> None:
        """It is not any more."""
        self.sessions.discard(info)
        self.watchers.tell()

    def shared_namespace(self, identity: str) -> Namespace:
        """The namespace for calls without a session, one for each identity."""
        known = self._shared.get(identity)
        if known is None:
            known = self._shared[identity] = self.namespaces.open(identity, "")[0]
        return known

    def drop_transfers(self, identity: str, ids: Iterable[bytes], *, given_up: bool) -> None:
        """Forget transfers that nobody will go on with.

        Args:
            given_up: Values of uploads among them go, too.
        """
        for transfer_id in ids:
            incoming = self.incoming.find(identity, transfer_id)
            if given_up and incoming is not None:
                incoming.give_up()
            elif given_up:
                self.incoming.refuse(identity, transfer_id)
            self.outgoing.drop(identity, transfer_id)
            self.incoming.drop(identity, transfer_id)

    def tidy(self) -> None:
        """Forget what nobody uses any more: runs that have ended long ago, and refs and namespaces left behind."""
        self.runs.tidy()
        if self.durable is not None:
            self.durable.tidy()
        self.refs.expire()
        self.outgoing.expire()
        self.incoming.expire()
        ended = self.namespaces.end_unused()
        for namespace in ended:
            self.refs.end_home(namespace.id)
            _log.info(
                "namespace %s has ended: no client and no run has used it for %s; its variables are gone",
                namespace.name,
                seconds(self.limits.namespace_lease_seconds),
            )
        if ended:
            give_memory_back()

    def replace_blocked(self) -> list[str]:
        """Name steps that block a cell thread; where calls without a session share one, give them a new one."""
        for namespace in self._shared.values():
            if namespace.executor.look_for_blocked():
                namespace.executor.replace_current()
        return self.namespaces.look_for_blocked()

    def description(self, registry: StepRegistry) -> bytes:
        """What the peer is and does, as JSON."""
        runs = self.runs.running()
        return json.dumps(
            {
                "node_id": self.node_id,
                "version": self.version,
                "python": platform.python_version(),
                "host": {"system": platform.system(), "machine": platform.machine()},
                "incarnation": self.incarnation,
                "uptime": time.monotonic() - self._began,
                "accepts_code": self.accepts_code,
                "steps": registry.step_ids(),
                "sessions": len(self.sessions),
                "runs": [
                    {
                        "run_id": run.run_id,
                        "workflow_name": run.workflow_name,
                        "duration": run.duration,
                    }
                    for run in runs
                ],
                "abandoned": self.runs.abandoned(),
                "blocked": self.namespaces.look_for_blocked(),
            }
        ).encode()
