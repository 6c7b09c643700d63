"""PeerServer: offers this process's steps, and runs cells, for clients on one port."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from blazen_nb.engine.timers import TimerHandle, thread_clock
from blazen_nb.errors import TransportError, ValidationError
from blazen_nb.peer import capture
from blazen_nb.peer.parts import AcceptCode, PeerParts
from blazen_nb.peer.service import FLUSH_SECONDS, PeerRpcs
from blazen_nb.wire import connection_file, io_loop
from blazen_nb.wire.address import Address, parse
from blazen_nb.wire.auth import TokenCheck, make_token, resolve_token
from blazen_nb.wire.connection_file import ConnectionFile
from blazen_nb.wire.limits import DEFAULT_LIMITS, Limits
from blazen_nb.wire.outbox import BATCH_BYTES
from blazen_nb.wire.tls import ServerTls

_log = logging.getLogger("blazen_nb.peer")

WATCH_SECONDS = 0.5
"""How often the watchdog looks for async steps that block their loop."""


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
        limits: What it admits at once.

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
        limits: Limits = DEFAULT_LIMITS,
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
        self._token = token
        self._tls = tls
        self._insecure = insecure
        self._parts = PeerParts(
            node_id, limits, accept_code or ("never" if insecure else "authenticated"), expose or {}
        )
        self._lock = threading.Lock()
        self._state = "new"
        self._stopped = threading.Event()
        self._on_stop: Callable[[], object] = _nothing
        self._running: _Running | None = None
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
        where = self._where(address)
        token = self._token_for(where)
        with self._lock:
            if self._state != "new":
                raise ValidationError(
                    "this server is closed; make a new PeerServer"
                    if self._state == "closed"
                    else "this server was started before; one PeerServer serves once"
                )
            self._state = "starting"
        running = _Running(self._parts, TokenCheck(token), self._tls)
        try:
            bound = running.bind(where)
            if bound.is_loopback and (self._made_token or (token is None and self._by_certificate)):
                running.file = connection_file.write(
                    node_id=self.node_id,
                    address=bound,
                    token=token,
                    certificate=self._tls.own_certificate if self._tls else None,
                )
        except BaseException:
            running.stop()
            with self._lock:
                self._state = "new"
            raise
        with self._lock:
            self._running = running
            self._state = "serving"
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

    @property
    def _by_certificate(self) -> bool:
        return self._tls is not None and self._tls.asks_for_certificates

    def _where(self, address: str) -> Address:
        where = parse(address, use="bind")
        if self._tls is None and where.secure:
            raise ValidationError(
                f"{where} asks for TLS: pass tls=load_server_tls(cert, key), or leave https:// out"
            )
        if self._tls is not None and (where.is_unix or where.secure is False):
            raise ValidationError(f"tls is given, but {address} has none; give host:port")
        return where.with_tls(self._tls is not None)

    def _token_for(self, where: Address) -> str | None:
        self._made_token = False
        if self._insecure:
            return None
        # A client's connection file is no source here: it belongs to whoever listens there already.
        token = resolve_token(self._token, None)
        if token is None and self._by_certificate:
            return None
        if token is None and not where.is_loopback:
            raise ValidationError(
                f"{where} can be reached from other machines, and whoever reaches a peer can run code on it: "
                "set BLAZEN_PEER_TOKEN or pass token=..., admit clients by certificate, or bind 127.0.0.1 and "
                "use an SSH tunnel"
            )
        if token is None:
            self._made_token = True
            token = make_token()
        elif not where.is_loopback and self._tls is None:
            _log.warning(
                "peer %s: the token travels unencrypted to %s; use TLS (`blazen-nb certs`) or a trusted network",
                self.node_id,
                where,
            )
        return token

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
            self._parts.refs.close()
            self._parts.namespaces.close()
            running.stop()

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

    def _repr_html_(self) -> str:
        from blazen_nb.render.reprs import PeerServerView, ServedRun, peer_server_repr

        runs = tuple(
            ServedRun(
                run_id=run.run_id,
                state="running",
                workflow_name=run.workflow_name,
                elapsed=run.duration,
            )
            for run in self._parts.runs.running()
        )
        view = PeerServerView(
            node_id=self.node_id,
            address=self.address or "",
            state="serving" if self._state == "serving" else "stopped",
            trust=self._trust(),
            sessions=len(self._parts.sessions),
            runs=runs,
        )
        return peer_server_repr(view)[0]

    def _trust(self) -> str:
        callers = "certificate" if self._by_certificate else "token"
        return ("no token" if self._insecure else callers) + (", TLS" if self._tls else "")

    def __repr__(self) -> str:
        where = f" on {self.address}" if self.address else ""
        return f"PeerServer({self.node_id}, {'serving' if self._state == 'serving' else self._state}{where})"


def _nothing() -> None:
    """Nobody waits for the end."""


def _close_at_exit(reference: weakref.ref[PeerServer]) -> None:
    server = reference()
    if server is not None:
        server.close()


class _Running:
    """The parts of a server that exist only while it serves."""

    def __init__(self, parts: PeerParts, check: TokenCheck, tls: ServerTls | None) -> None:
        self.file: ConnectionFile | None = None
        self._parts = parts
        self._check = check
        self._tls = tls
        self._socket: Path | None = None
        self._io = io_loop.acquire()
        self._server: grpc.aio.Server | None = None
        self._rpcs: PeerRpcs | None = None
        self._watch: TimerHandle | None = None
        capture.install()

    def bind(self, where: Address) -> Address:
        """Where it listens now.

        Raises:
            TransportError: The address is taken, or not this machine's.
        """
        bound = self._io.run(self._bind(where))
        self._watch = thread_clock.call_later(WATCH_SECONDS, self._look)
        return bound

    async def _bind(self, where: Address) -> Address:
        # What exceeds the limit is refused by us, with a word; gRPC would end the stream.
        limit = self._parts.limits.message_bytes + 4 * BATCH_BYTES
        options = [
            ("grpc.so_reuseport", 0),  # else a second server binds the same port, silently
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", limit),
        ]
        self._server = grpc.aio.server(options=options)
        self._rpcs = PeerRpcs(self._parts, self._check, self._io)
        self._server.add_generic_rpc_handlers((self._rpcs,))
        if where.is_unix:
            self._prepare_socket(Path(where.path))
        try:
            port = self._add_port(self._server, where.grpc_target)
        except RuntimeError:
            port = 0
        if port == 0:
            raise TransportError(
                f"cannot listen on {where}: it is in use or not an address of this machine"
            )
        await self._server.start()
        return where if where.is_unix else where.with_port(port)

    def _add_port(self, server: grpc.aio.Server, target: str) -> int:
        if self._tls is None:
            return int(server.add_insecure_port(target))
        return int(server.add_secure_port(target, self._tls.credentials()))

    def _prepare_socket(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.parent.stat().st_mode & 0o077:
            raise ValidationError(f"the folder of socket {path.name} must be private: chmod 700 it")
        self._socket = path

    def _look(self) -> None:
        self._parts.replace_blocked()
        self._parts.tidy()
        self._watch = thread_clock.call_later(WATCH_SECONDS, self._look)

    async def _stop(self) -> None:
        if self._rpcs is not None:
            self._rpcs.end_sessions()
        if self._server is not None:
            await self._server.stop(FLUSH_SECONDS)

    def stop(self) -> None:
        """Free the port and the threads."""
        if self._watch is not None:
            self._watch.cancel()
        if self.file is not None:
            connection_file.remove(self.file)
        with contextlib.suppress(TimeoutError):
            self._io.run(self._stop(), timeout=5)
        if self._socket is not None and self._socket.exists():
            os.unlink(self._socket)
        capture.uninstall()
        io_loop.release(self._io)
