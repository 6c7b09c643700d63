"""A socket for values in bulk, beside gRPC: who is there, frames, and data either in line or through shared memory.

On one host the socket is a Unix one and carries only words; the data lies in a segment that both sides map, a few
slots that are filled and emptied in turn and so stay warm. The segment has no name: it is gone with the last of the
two processes, however that ends. It is sealed, so that neither can shrink it under the other.

    client: MAGIC, key ID, nonce      peer: nonce, proof      client: proof      peer: 1, with the segment over Unix
    then, for each value: a frame that asks, a frame that answers, data in chunks, each with its checksum

A peer with TLS has all of this inside TLS on its socket for the network.
"""

from __future__ import annotations

import contextlib
import hmac
import mmap
import os
import socket
import struct
from collections.abc import Sequence
from typing import Protocol

from blazen_nb.errors import DamagedError, TransportError
from blazen_nb.shipping.checksum import CHECKSUM_BYTES, checksum
from blazen_nb.wire.bulk_messages import CHUNK_BYTES

MAGIC = b"BLZNBLK1"
ID_BYTES = 16
PROOF_BYTES = 32
SLOTS = 4
SEGMENT_BYTES = SLOTS * CHUNK_BYTES
STALLED_SECONDS = 60.0
"""How long the other side may neither send nor take anything in the middle of a value."""
LARGEST_FRAME = 16 << 20
"""The sizes of a value's parts, where it has very many."""

_HEAD = struct.Struct("!cI")
_CREDENTIALS = struct.Struct("3i")


class Stream(Protocol):
    """Bytes in order, both ways: a socket, or TLS on one."""

    def sendall(self, data: bytes | memoryview, /) -> None:
        """See socket.socket."""

    def recv_into(self, view: memoryview, /) -> int:
        """See socket.socket."""


class Carrier(Protocol):
    """The data of values on a connection, chunk by chunk; blocks."""

    def send(self, pieces: Sequence[memoryview]) -> bytes:
        """The checksum of a chunk that is on its way, no larger than CHUNK_BYTES."""

    def receive(self, room: Sequence[memoryview]) -> None:
        """The next chunk, into this memory, which is as large.

        Raises:
            DamagedError: It is not what was sent.
        """

    def sent(self) -> None:
        """Return once the other side has taken all chunks."""

    def close(self) -> None:
        """Give its memory back."""


class Inline:
    """Data in the stream itself."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def send(self, pieces: Sequence[memoryview]) -> bytes:
        """See Carrier."""
        for piece in pieces:
            self._stream.sendall(piece)
        of_pieces = checksum(pieces)
        self._stream.sendall(of_pieces)
        return of_pieces

    def receive(self, room: Sequence[memoryview]) -> None:
        """See Carrier."""
        for view in room:
            receive_into(self._stream, view)
        _check(room, receive_exactly(self._stream, CHECKSUM_BYTES))

    def sent(self) -> None:
        """See Carrier: the answer to the value says so."""

    def close(self) -> None:
        """See Carrier: it has none."""


class Segment:
    """Data through shared memory; the socket says which slots are full (a checksum each) and empty (a byte each)."""

    def __init__(self, sock: socket.socket, descriptor: int) -> None:
        self._socket = sock
        self._mapping = mmap.mmap(descriptor, SEGMENT_BYTES)
        self._memory = memoryview(self._mapping)
        self._slot = 0
        self._full = 0

    def send(self, pieces: Sequence[memoryview]) -> bytes:
        """See Carrier."""
        while self._full == SLOTS:
            self._emptied()
        at = 0
        with self._next() as slot:
            for piece in pieces:
                slot[at : at + piece.nbytes] = piece
                at += piece.nbytes
            of_pieces = checksum((slot[:at],))
        self._socket.sendall(of_pieces)
        self._full += 1
        return of_pieces

    def receive(self, room: Sequence[memoryview]) -> None:
        """See Carrier."""
        expected = receive_exactly(self._socket, CHECKSUM_BYTES)
        at = 0
        with self._next() as slot:
            for view in room:
                view[:] = slot[at : at + view.nbytes]
                at += view.nbytes
        _check(room, expected)  # of the copy: nobody else can change that
        self._socket.sendall(b"\0")

    def sent(self) -> None:
        """See Carrier."""
        while self._full:
            self._emptied()

    def close(self) -> None:
        """See Carrier."""
        self._memory.release()
        self._mapping.close()

    def _emptied(self) -> None:
        taken = self._socket.recv(self._full)
        if not taken:
            raise ConnectionResetError("the other side is gone")
        self._full -= len(taken)

    def _next(self) -> memoryview:
        start = self._slot * CHUNK_BYTES
        self._slot = (self._slot + 1) % SLOTS
        return self._memory[start : start + CHUNK_BYTES]


# --- who is there --------------------------------------------------------------------------------------------------


def proof(key: bytes, who: bytes, client_nonce: bytes, peer_nonce: bytes) -> bytes:
    """What only somebody with the key can say, and only on this connection."""
    return hmac.digest(key, who + client_nonce + peer_nonce, "sha256")


def same_proof(one: bytes, other: bytes) -> bool:
    """Whether they are alike, in a time that tells nothing."""
    return hmac.compare_digest(one, other)


def is_own_user(sock: socket.socket) -> bool:
    """Whether the process at the other end of a Unix socket is this user's."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(raw)[1] == os.geteuid())


def new_segment() -> int:
    """The descriptor of a segment's memory, sealed; the caller closes it. On Linux only, as what follows."""
    import fcntl  # which Windows does not have

    descriptor = os.memfd_create("blazen-nb-bulk", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, SEGMENT_BYTES)
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def is_segment(descriptor: int) -> bool:
    """Whether what came is as large as it must be, and cannot be made smaller: reading would end this process."""
    import fcntl

    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError:
        return False
    return bool(seals & fcntl.F_SEAL_SHRINK) and os.fstat(descriptor).st_size == SEGMENT_BYTES


# --- frames --------------------------------------------------------------------------------------------------------


def send_frame(stream: Stream, kind: bytes, message: bytes) -> None:
    """A message and its kind, one byte."""
    stream.sendall(_HEAD.pack(kind, len(message)) + message)


def receive_frame(stream: Stream) -> tuple[bytes, bytes]:
    """The next message's kind, and the message.

    Raises:
        TransportError: It is larger than any can be.
    """
    kind, size = _HEAD.unpack(receive_exactly(stream, _HEAD.size))
    if size > LARGEST_FRAME:
        raise TransportError("what came on a socket for values is no frame")
    return kind, receive_exactly(stream, size)


def receive_exactly(stream: Stream, size: int) -> bytes:
    """The next bytes; errors as for ``receive_into``."""
    data = bytearray(size)
    receive_into(stream, memoryview(data))
    return bytes(data)


def receive_into(stream: Stream, view: memoryview) -> None:
    """Fill the memory with the next bytes.

    Raises:
        OSError: The connection broke, or nothing came for long.
    """
    while view.nbytes:
        count = stream.recv_into(view)
        if not count:
            raise ConnectionResetError("the other side is gone")
        view = view[count:]


def shut(*sockets: socket.socket) -> None:
    """Have whoever reads or writes on them, on other threads, fail."""
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _check(room: Sequence[memoryview], expected: bytes) -> None:
    if checksum(room) != expected:
        raise DamagedError("a value arrives damaged: its checksum is another one")
