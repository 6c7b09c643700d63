"""What a server has only while it serves: its port, its socket, its watchdog."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import grpc
import grpc.aio

from blazen_nb.engine.timers import TimerHandle, thread_clock
from blazen_nb.errors import TransportError, ValidationError
from blazen_nb.peer import capture
from blazen_nb.peer.bulk_listener import BulkListener
from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.service import FLUSH_SECONDS, PeerRpcs
from blazen_nb.wire import connection_file, io_loop
from blazen_nb.wire.address import Address
from blazen_nb.wire.auth import TokenCheck
from blazen_nb.wire.connection_file import ConnectionFile
from blazen_nb.wire.outbox import BATCH_BYTES
from blazen_nb.wire.tls import ServerTls

WATCH_SECONDS = 0.5
"""How often the watchdog looks for async steps that block their loop."""


class Running:
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
        self._bulk: BulkListener | None = None
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
        self._bulk = BulkListener(self._parts, None if where.is_unix else where.host, self._tls)
        self._parts.offer_bulk = self._bulk.offer
        self._parts.withdraw_bulk = self._bulk.withdraw
        self._parts.bulk_port = self._bulk.tcp_port
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
        if self._rpcs is not None:
            self._rpcs.tidy()
        self._watch = thread_clock.call_later(WATCH_SECONDS, self._look)

    async def _stop(self) -> None:
        if self._rpcs is not None:
            self._rpcs.end_sessions()
        if self._server is not None:
            await self._server.stop(FLUSH_SECONDS)
        if self._bulk is not None:
            await self._bulk.close()
        if self._rpcs is not None:
            self._rpcs.close()

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
