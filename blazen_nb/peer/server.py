"""PeerServer: offers this process's steps, and runs cells, for clients on one port."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from blazen_nb.errors import ValidationError
from blazen_nb.journal import Journal
from blazen_nb.peer.access import AccessRules
from blazen_nb.peer.durable.opening import opened
from blazen_nb.peer.namespaces import check_exposed
from blazen_nb.peer.parts import AcceptCode, PeerParts
from blazen_nb.peer.running import Running
from blazen_nb.render.static import is_static
from blazen_nb.render.words import shown_address
from blazen_nb.wire import io_loop
from blazen_nb.wire.auth import TokenCheck
from blazen_nb.wire.limits import DEFAULT_LIMITS, Limits
from blazen_nb.wire.tls import ServerTls

if TYPE_CHECKING:
    from blazen_nb.render.server import Access, PeerServerView

_log = logging.getLogger("blazen_nb.peer")


Resume = Literal["auto", "manual"]


class PeerServer:
    """A peer in this process. Making one binds nothing; ``start``, ``serve`` or ``aserve`` do, once.

    Running a peer is offering code execution: whoever has the token can run anything here. It binds loopback
    unless told otherwise, and then makes a token of its own, readable by this user only. Thread-safe.

    Args:
        node_id: The peer's name, as clients see it.
        token: What clients must send; default BLAZEN_PEER_TOKEN, else on loopback a random one in a connection file.
        tls: What ``load_server_tls`` made: connections are encrypted; with a CA for clients, only those with a
            certificate of it are admitted, and need no token unless one is set.
        insecure: No token at all; then code is refused unless ``accept_code`` says otherwise.
        accept_code: ``"authenticated"``: clients may send cells and functions; ``"never"``: only steps registered
            in this process run.
        expose: Objects that every namespace sees under these names: the objects themselves, no copy.
        hand_over: Clients in this very process get and put the objects behind refs themselves, no copy; False: copies
            of them, as all others.
        limits: What it admits at once.
        journal: Where runs are kept that outlive this process: a file, ``"memory"`` (for tests), or a Journal; None =
            no run is durable. A file belongs to one peer at a time.
        resume: ``"auto"``: runs that were cut off go on when the peer starts; ``"manual"``: once ``resume_runs`` is
            called.

    Example:
        >>> from blazen_nb import PeerServer
        >>> with PeerServer("gpu-box") as server:
        ...     server.start("127.0.0.1:0").startswith("127.0.0.1:")
        True
    """

    def __init__(
        self,
        node_id: str,
        *,
        token: str | None = None,
        tls: ServerTls | None = None,
        insecure: bool = False,
        accept_code: AcceptCode | None = None,
        expose: Mapping[str, Any] | None = None,
        hand_over: bool = True,
        limits: Limits = DEFAULT_LIMITS,
        journal: Journal | str | Path | None = None,
        resume: Resume = "auto",
    ) -> None:
        if not node_id:
            raise ValidationError("a peer needs a node ID: its name, as clients see it")
        if insecure and token is not None:
            raise ValidationError("insecure=True means no token; leave one of the two out")
        if insecure and tls is not None and tls.asks_for_certificates:
            raise ValidationError(
                "insecure=True admits everybody, a CA for clients does not; leave one out"
            )
        if accept_code not in (None, "authenticated", "never"):
            raise ValidationError(f'accept_code is "authenticated" or "never", not {accept_code!r}')
        self.node_id = node_id
        self.address: str | None = None
        """Where it listens, ``host:port``; None before ``start`` and after ``close``."""
        self._rules = AccessRules(node_id, token, tls, insecure=insecure)
        self._access: Access = "open" if insecure else "token"
        self._tls = tls
        check_exposed(expose or {})
        if resume not in ("auto", "manual"):
            raise ValidationError(f'resume is "auto" or "manual", not {resume!r}')
        self._resume = resume
        self._parts = PeerParts(
            node_id,
            limits,
            accept_code or ("never" if insecure else "authenticated"),
            expose or {},
            opened(journal),
            hands_over=hand_over,
        )
        self._lock = threading.Lock()
        self._state = "new"
        self._stopped = threading.Event()
        self._on_stop: Callable[[], object] = _nothing
        self._running: Running | None = None
        self._began: float | None = None
        self._ended: float | None = None
        self._process = os.getpid()
        atexit.register(_close_at_exit, weakref.ref(self))

    # --- starting --------------------------------------------------------------------------------------------

    def start(self, address: str = "127.0.0.1:0") -> str:
        """The address it listens on, ``host:port``; it serves in a background thread from now on.

        Args:
            address: ``host:port``, ``:port`` (loopback) or ``unix:PATH``; port 0 picks one. What it returns begins
                with ``https://`` where connections are encrypted.

        Raises:
            ValidationError: Not an address, a second start, a closed server, or an address that others can reach
                without a token or a certificate.
            TransportError: The address cannot be bound.
        """
        where = self._rules.where(address)
        token, access = self._rules.token_for(where)
        with self._lock:
            if self._state != "new":
                raise ValidationError(
                    "this server is closed; make a new PeerServer"
                    if self._state == "closed"
                    else "this server was started before; one PeerServer serves once"
                )
            self._state, self._access = "starting", access
        running = Running(self._parts, TokenCheck(token, made_here=access == "file"), self._tls)
        try:
            if self._resume == "auto":
                self.resume_runs()  # before anybody can ask for them
            bound = running.bind(where)
            running.file = self._rules.written_file(bound, token, access)
        except BaseException:
            running.stop()
            with self._lock:
                self._state = "new"
            raise
        with self._lock:
            self._running = running
            self._state = "serving"
            self._began = time.time()
            self.address = str(bound)
        _log.info("peer %s listens on %s", self.node_id, self.address)
        return self.address

    def serve(self, address: str) -> None:
        """Serve until ``stop`` or an interrupt; blocks. Arguments and errors as for ``start``."""
        self.start(address)
        try:
            while not self._stopped.wait(io_loop.POLL_SECONDS):
                pass
        finally:
            self.close()

    async def aserve(self, address: str) -> None:
        """Serve until ``stop`` or until the caller is cancelled. Arguments and errors as for ``start``."""
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._on_stop = lambda: loop.call_soon_threadsafe(stopped.set)
        try:
            self.start(address)
        except BaseException:
            self._on_stop = _nothing
            raise
        try:
            await stopped.wait()
        finally:
            await asyncio.to_thread(self.close)

    def resume_runs(self) -> None:
        """Go on with the runs that an earlier process with this journal was cut off from; nothing without a journal.

        Finished steps are not run again, what was in flight begins again. A run that cannot go on has failed then, with
        the reason; plain cells are such.
        """
        if self._parts.durable is not None:
            self._parts.durable.resume_all()

    # --- ending ----------------------------------------------------------------------------------------------

    def stop(self, grace: float = 0.0) -> None:
        """Take no new runs, let those in flight end for ``grace`` seconds, cancel the rest; then ``close``."""
        if self._running is not None:
            self._parts.runs.drain(grace)
        self.close()

    def close(self) -> None:
        """End it: runs are cancelled, the port is free and its threads are gone. Idempotent, from any thread."""
        if os.getpid() != self._process:
            return  # a forked child has the object; the threads and the port are its parent's
        with self._lock:
            running, self._running = self._running, None
            on_stop, self._on_stop = self._on_stop, _nothing
            self._state = "closed"
            self.address = None
        self._stopped.set()
        on_stop()
        if running is not None:
            self._parts.runs.drain(0)
            self._parts.runs.close()
            self._parts.refs.close()
            self._parts.devices.close()
            self._parts.previews.close()
            self._parts.namespaces.close()
            running.stop()
            self._ended = time.time()
            self._parts.watchers.tell()
        if self._parts.durable is not None:
            self._parts.durable.close()

    def __enter__(self) -> PeerServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_running", None) is not None and os.getpid() == self._process:
            warnings.warn(
                f"peer {self.node_id} was not closed; call close() or use `with`",
                ResourceWarning,
                stacklevel=2,
            )
            if io_loop.is_current():
                # Garbage is collected on any thread; on the loop's own, closing would wait for itself.
                threading.Thread(target=self.close, name="blazen-close").start()
            else:
                self.close()

    # --- what it shows ---------------------------------------------------------------------------------------

    @property
    def _phase(self) -> Literal["new", "serving", "stopped"]:
        if self._state == "closed":
            return "stopped"
        return "serving" if self._state == "serving" else "new"

    @property
    def has_ended(self) -> bool:
        """Whether it has served, and nothing of that is left: no run, no port, no thread."""
        return self._ended is not None

    def watch(self, watcher: Callable[[], object]) -> None:
        """Have ``watcher`` called when a session or a run begins or ends, and once this server has ended.

        It is called on whichever thread made the change, so it only takes note; ``describe`` says what is.
        """
        self._parts.watchers.add(watcher)

    def describe(self) -> PeerServerView:
        """Where it listens, who is connected and what runs, right now; no token."""
        from blazen_nb.peer.served import served_runs, served_sessions
        from blazen_nb.render.server import PeerServerView

        running = self._running
        return PeerServerView(
            node_id=self.node_id,
            address=self.address or "",
            state=self._phase,
            trust="TLS" if self._tls else "",
            access=self._access,
            found_locally=running is not None and running.file is not None,
            exposed=self._parts.namespaces.exposed,
            since=self._began,
            until=self._ended,
            sessions=served_sessions(self._parts),
            runs=served_runs(self._parts),
        )

    def _repr_html_(self) -> str | None:
        from blazen_nb.render.server import peer_server_repr

        return None if is_static() else peer_server_repr(self.describe())[0]

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        from blazen_nb.render.server import peer_server_repr

        p.text(peer_server_repr(self.describe())[1] if is_static() else repr(self))

    def __repr__(self) -> str:
        where = f" on {shown_address(self.address)}" if self.address else ""
        return f"PeerServer({self.node_id}, {self._phase}{where})"


def _nothing() -> None:
    """Nobody waits for the end."""


def _close_at_exit(reference: weakref.ref[PeerServer]) -> None:
    server = reference()
    if server is not None:
        server.close()
