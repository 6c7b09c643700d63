"""The sockets on which a peer gives and takes values in bulk, beside gRPC: one for this host, one for the network.

Who comes must prove to have a key that a session was told; connections end with their session. A peer with TLS speaks
nothing but TLS on the one for the network, with the certificate and the demands of its port for gRPC.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import ssl
import sys
import threading
from collections.abc import Callable

from blazen_nb.errors import BlazenError, TransportError
from blazen_nb.peer.bulk_values import BulkValues
from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.transfers import Incoming
from blazen_nb.shipping.bulk_reader import BulkReader
from blazen_nb.wire.bulk_messages import CHUNK_BYTES, chunk_of, header_of
from blazen_nb.wire.bulk_socket import (
    ID_BYTES,
    MAGIC,
    PROOF_BYTES,
    STALLED_SECONDS,
    Carrier,
    Inline,
    Segment,
    Stream,
    is_own_user,
    new_segment,
    proof,
    receive_exactly,
    receive_frame,
    same_proof,
    send_frame,
    shut,
)
from blazen_nb.wire.bulk_tls import TlsStream
from blazen_nb.wire.messages import refusal_of
from blazen_nb.wire.tls import ServerTls
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.peer")

CONNECTIONS = 64
"""At once; a client that finds no room takes the way of gRPC."""
_GREETING_SECONDS = 5.0
"""In which whoever comes must have shown the key, with all that TLS needs before."""
_END_SECONDS = 2.0
_GONE = (OSError, BlazenError, ValueError)


class BulkListener:
    """Listens until it is closed; made, and closed, on the I/O loop.

    Args:
        host: Where to listen for the network; None = not at all.
        tls: What it shows there, and whom it admits; None = the peer has no TLS.
    """

    def __init__(self, parts: PeerParts, host: str | None, tls: ServerTls | None) -> None:
        self._parts = parts
        self._values = BulkValues(parts)
        self._keys: dict[bytes, tuple[bytes, str]] = {}
        self._open: dict[socket.socket, bytes] = {}
        self._lock = threading.Lock()
        self._listening: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._threads: set[threading.Thread] = set()
        self._unix_name = self._listen_here()
        self._host = host
        self._tls = tls
        self._tcp_port = 0

    def _listen_here(self) -> str:
        if sys.platform != "linux":
            return ""
        name = f"blazen-nb-{secrets.token_hex(16)}"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"\0{name}")
        self._accept_on(listener)
        return name

    def tcp_port(self) -> int:
        """Where it listens for the network, from now on: not before a client wants it; 0 = it does not."""
        if not self._tcp_port and self._host is not None:
            family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
            with contextlib.suppress(OSError):
                context = self._tls.context() if self._tls is not None else None
                listener = socket.create_server((self._host, 0), family=family)
                self._tcp_port = int(listener.getsockname()[1])
                self._accept_on(listener, context)
        return self._tcp_port

    def _accept_on(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        listener.listen()
        listener.setblocking(False)
        self._listening.append(listener)
        self._tasks.append(asyncio.ensure_future(self._accept(listener, tls)))

    async def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:  # too many files: those who wait are served when some are closed
                await asyncio.sleep(0.1)
                continue
            with self._lock:
                if len(self._open) >= CONNECTIONS:
                    connection.close()
                    continue
                self._open[connection] = b""
            thread = threading.Thread(
                target=self._serve, args=(connection, tls), name="blazen-bulk", daemon=True
            )
            self._threads.add(thread)
            thread.start()
            loop.call_later(_GREETING_SECONDS, self._end_stranger, connection)

    def _end_stranger(self, connection: socket.socket) -> None:
        with self._lock:
            if self._open.get(connection) == b"":
                shut(connection)

    def offer(self, identity: str) -> pb.BulkOffer:
        """What a session is told; it holds until ``withdraw``."""
        key_id, key = os.urandom(ID_BYTES), os.urandom(PROOF_BYTES)
        self._keys[key_id] = key, identity
        return pb.BulkOffer(key_id=key_id, key=key, unix_name=self._unix_name)

    def withdraw(self, key_id: bytes) -> None:
        """The session has ended: so do its connections."""
        self._keys.pop(key_id, None)
        with self._lock:
            mine = [each for each, used in self._open.items() if used == key_id]
        shut(*mine)

    async def close(self) -> None:
        """End all of it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self._listening:
            listener.close()
        with self._lock:
            shut(*self._open)
        for thread in list(self._threads):
            await asyncio.to_thread(thread.join, _END_SECONDS)

    # --- one connection, on its thread -----------------------------------------------------------------------

    def _serve(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        carrier: Carrier | None = None
        try:
            connection.setblocking(True)
            stream = connection if tls is None else TlsStream(connection, tls, None)
            identity, carrier = self._greeted(connection, stream)
            while True:
                connection.settimeout(None)  # the client keeps it for its next value
                kind, message = receive_frame(stream)
                connection.settimeout(STALLED_SECONDS)
                _KINDS[kind](self, stream, carrier, identity, message)
        except _GONE as error:
            _log.debug("a connection for values ends: %s", type(error).__name__)
        except Exception:
            _log.exception("a connection for values broke")
        finally:
            with self._lock:
                self._open.pop(connection, None)
            if carrier is not None:
                carrier.close()
            connection.close()
            self._threads.discard(threading.current_thread())

    def _greeted(self, connection: socket.socket, stream: Stream) -> tuple[str, Carrier]:
        """Whose connection it is, and how its data travels.

        Raises:
            ValueError: It is nobody's.
        """
        is_unix = connection.family == socket.AF_UNIX
        if is_unix and not is_own_user(connection):
            raise ValueError("another user")
        greeting = receive_exactly(stream, len(MAGIC) + 2 * ID_BYTES)
        key_id, nonce = greeting[len(MAGIC) : -ID_BYTES], greeting[-ID_BYTES:]
        if not greeting.startswith(MAGIC) or key_id not in self._keys:
            raise ValueError("not a client")
        key, identity = self._keys[key_id]
        own_nonce = os.urandom(ID_BYTES)
        stream.sendall(own_nonce + proof(key, b"peer", nonce, own_nonce))
        shown = receive_exactly(stream, PROOF_BYTES)
        if not same_proof(shown, proof(key, b"client", nonce, own_nonce)):
            raise ValueError("without the key")
        with self._lock:
            self._open[connection] = key_id
        if key_id not in self._keys:
            raise ValueError("its session has ended")
        return identity, _with_segment(connection) if is_unix else _in_line(connection, stream)

    def _get(self, stream: Stream, carrier: Carrier, identity: str, message: bytes) -> None:
        asked = pb.GetRequest.FromString(message)
        try:
            outgoing = self._values.outgoing(identity, asked)
        except Exception as error:
            _answer(stream, pb.ValueChunk(refusal=refusal_of(error)))
            return
        self._parts.outgoing.enter(outgoing)
        try:
            bulk = outgoing.bulk
            _answer(stream, pb.ValueChunk(header=header_of(bulk)))
            for at in range(asked.offset, bulk.size, CHUNK_BYTES):
                carrier.send(bulk.span(at, at + CHUNK_BYTES))
            carrier.sent()
        finally:
            self._parts.outgoing.leave(outgoing)

    def _put(self, stream: Stream, carrier: Carrier, identity: str, message: bytes) -> None:
        header = chunk_of(message).rest.header
        try:
            with self._values.taking(identity, header) as incoming:
                writer, reader = incoming.claim(), incoming.reader
                _answer(stream, pb.ValueChunk(offset=incoming.arrived))
                if reader is not None:
                    _receive(carrier, incoming, reader, writer)
                try:
                    reply = self._values.kept(incoming)
                except Exception as error:
                    self._parts.incoming.drop(identity, header.upload)
                    reply = pb.PutReply(refusal=refusal_of(error))
                _answer(stream, reply)
        except BlazenError as error:
            _answer(stream, pb.ValueChunk(refusal=refusal_of(error)))


_KINDS: dict[bytes, Callable[[BulkListener, Stream, Carrier, str, bytes], None]] = {
    b"G": BulkListener._get,
    b"P": BulkListener._put,
}


def _receive(carrier: Carrier, incoming: Incoming, reader: BulkReader, writer: object) -> None:
    """Take what is missing.

    Raises:
        OSError: It cannot go on over this connection: no answer can be told apart from data here.
    """
    try:
        for at in range(reader.arrived, reader.size, CHUNK_BYTES):
            end = min(at + CHUNK_BYTES, reader.size)
            carrier.receive(reader.room(at, end))
            incoming.took(writer, end - at)
    except TransportError as error:
        raise ConnectionAbortedError(str(error)) from None


def _answer(stream: Stream, message: pb.ValueChunk | pb.PutReply) -> None:
    send_frame(stream, b"A", message.SerializeToString())


def _in_line(connection: socket.socket, stream: Stream) -> Carrier:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.sendall(b"\1")
    return Inline(stream)


def _with_segment(connection: socket.socket) -> Carrier:
    descriptor = new_segment()
    try:
        socket.send_fds(connection, [b"\1"], [descriptor])
        return Segment(connection, descriptor)
    finally:
        os.close(descriptor)
