"""A client's sockets for values in bulk; where the peer offers none that can be reached, values go by gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from blazen_nb.errors import BlazenError, TransportError
from blazen_nb.wire.bulk_messages import chunk_of
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
    is_segment,
    proof,
    receive_exactly,
    receive_frame,
    same_proof,
    send_frame,
    shut,
)
from blazen_nb.wire.bulk_tls import TlsStream
from blazen_nb.wire.tls import ClientTls
from blazen_nb.wire.v1 import kernel_pb2 as pb

if TYPE_CHECKING:
    from blazen_nb.client.link import PeerLink

T = TypeVar("T")

_log = logging.getLogger("blazen_nb.client")

_CONNECT_SECONDS = 1.0
"""For a port that a firewall swallows; then it is not tried again in this session."""
_IDLE = 2
"""Connections kept for the next values: their memory is warm."""


class BulkConnection:
    """A connection that has been let in."""

    def __init__(
        self, sock: socket.socket, stream: Stream, carrier: Carrier, key_id: bytes
    ) -> None:
        self.socket = sock
        self.stream = stream
        self.carrier = carrier
        self.key_id = key_id

    async def use(self, work: Callable[[], T], *others: BulkConnection) -> T:
        """What the work on this connection gives, done on a thread; a cancelled caller ends the connection with it.

        Args:
            others: Connections that the work is on, too.

        Raises:
            TransportError: The connection broke.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                result, error = work(), None
            except BaseException as raised:
                result, error = None, raised
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_settle, done, result, error)

        threading.Thread(target=run, name="blazen-bulk", daemon=True).start()
        try:
            return await asyncio.shield(done)
        except OSError as error:
            raise TransportError(f"the connection for values broke: {error}") from None
        except asyncio.CancelledError:
            for connection in (self, *others):
                connection.shut()
            await asyncio.wait([done])
            done.exception()
            raise

    def asked(self, kind: bytes, request: bytes) -> pb.ValueChunk:
        """The peer's word before the data; blocks.

        Raises:
            BlazenError: It refuses.
        """
        send_frame(self.stream, kind, request)
        return chunk_of(self.answer()).rest

    def answer(self) -> bytes:
        """The peer's next word; blocks."""
        return receive_frame(self.stream)[1]

    def shut(self) -> None:
        """Have whoever reads or writes on it fail."""
        shut(self.socket)

    def close(self) -> None:
        """End it."""
        self.carrier.close()
        self.socket.close()


class BulkSockets:
    """The connections of one session; on the I/O loop."""

    def __init__(self) -> None:
        self.ways: tuple[str, ...] = ("unix", "tcp")
        """Which are tried, in this order."""
        self._idle: list[BulkConnection] = []
        self._refused = b""
        self._closed = False

    async def take(self, link: PeerLink) -> BulkConnection | None:
        """A connection for one value; None where there is no other way than gRPC's."""
        offer = link.welcome.bulk
        while self._idle:
            connection = self._idle.pop()
            if connection.key_id == offer.key_id:
                return connection
            connection.close()
        if not offer.key_id or offer.key_id == self._refused or self._closed:
            return None
        connected = await self._connected(offer, link)
        if connected is None:
            self._refused = offer.key_id
        return connected

    def give_back(self, connection: BulkConnection) -> None:
        """It has brought its value."""
        if self._closed or len(self._idle) >= _IDLE:
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """The session has ended."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def _connected(self, offer: pb.BulkOffer, link: PeerLink) -> BulkConnection | None:
        if "unix" in self.ways and offer.unix_name and sys.platform == "linux":
            connection = await _attempted(offer, f"\0{offer.unix_name}")
            if connection is not None:
                return connection
        if "tcp" in self.ways and link.address.host:
            port = await _tcp_port(link)
            if port:
                return await _attempted(offer, (link.address.host, port), link.tls)
        return None


async def _tcp_port(link: PeerLink) -> int:
    """Where the peer listens for values from the network; 0 = nowhere."""
    with contextlib.suppress(BlazenError):  # then nor can values come that way
        async with contextlib.aclosing(link.fetch(pb.GetRequest(tcp_socket=True))) as messages:
            async for message in messages:
                return chunk_of(message).rest.tcp_port
    return 0


async def _attempted(
    offer: pb.BulkOffer, where: str | tuple[str, int], tls: ClientTls | None = None
) -> BulkConnection | None:
    """A connection that a thread has made; one for a caller that is cancelled meanwhile is closed."""
    trying = asyncio.ensure_future(asyncio.to_thread(_tried, offer, where, tls))
    try:
        return await asyncio.shield(trying)
    except asyncio.CancelledError:
        trying.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(trying: asyncio.Future[BulkConnection | None]) -> None:
    connection = None if trying.cancelled() else trying.result()
    if connection is not None:
        connection.close()


def _tried(
    offer: pb.BulkOffer, where: str | tuple[str, int], tls: ClientTls | None
) -> BulkConnection | None:
    sock: socket.socket | None = None
    try:
        stream: Stream
        sock = stream = _connected(where)
        if isinstance(where, tuple) and tls is not None:
            stream = TlsStream(sock, tls.context(), where[0])
        carrier = _greeted(sock, stream, offer)
        if carrier is not None:
            sock.settimeout(STALLED_SECONDS)
            return BulkConnection(sock, stream, carrier, offer.key_id)
    except OSError as error:
        _log.debug("no connection for values beside gRPC: %s", error)
    if sock is not None:
        sock.close()
    return None


def _connected(where: str | tuple[str, int]) -> socket.socket:
    if isinstance(where, tuple):
        sock = socket.create_connection(where, _CONNECT_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(_CONNECT_SECONDS)
        sock.connect(where)
    except OSError:
        sock.close()
        raise
    return sock


def _greeted(sock: socket.socket, stream: Stream, offer: pb.BulkOffer) -> Carrier | None:
    """How data travels; None where it is not the peer that answers, or its memory cannot be used."""
    is_unix = sock.family == socket.AF_UNIX
    if is_unix and not is_own_user(sock):
        return None
    nonce = os.urandom(ID_BYTES)
    stream.sendall(MAGIC + offer.key_id + nonce)
    their_nonce = receive_exactly(stream, ID_BYTES)
    shown = receive_exactly(stream, PROOF_BYTES)
    if not same_proof(shown, proof(offer.key, b"peer", nonce, their_nonce)):
        return None
    stream.sendall(proof(offer.key, b"client", nonce, their_nonce))
    if not is_unix:
        return Inline(stream) if receive_exactly(stream, 1) == b"\1" else None
    _, descriptors, _, _ = socket.recv_fds(sock, 1, 1)
    try:
        if len(descriptors) == 1 and is_segment(descriptors[0]):
            return Segment(sock, descriptors[0])
        return None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
