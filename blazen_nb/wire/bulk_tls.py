"""A socket for values in bulk whose bytes are encrypted.

``ssl.SSLSocket`` would do, but asks the system twice for each record of 16 KiB, which costs the reader a third more
processor time; and a call that another thread shuts it under may go on without encryption.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_READ_BYTES = 256 << 10
"""What is asked of the system at a time."""


class TlsStream:
    """TLS on a connected socket, which stays the caller's; blocks, and is used by one thread at a time.

    Args:
        host: Whose certificate a client wants to see; None = this is the server.

    Raises:
        OSError: The handshake failed, or the connection broke.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str | None) -> None:
        self._socket = sock
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._arrived, self._leaving, server_side=host is None, server_hostname=host
        )
        self._room = memoryview(bytearray(_READ_BYTES))
        self._done(self._tls.do_handshake)

    def sendall(self, data: bytes | memoryview, /) -> None:
        """As a socket's; what it is given is in memory once more meanwhile."""
        rest = memoryview(data)
        while rest.nbytes:
            rest = rest[self._tls.write(rest) :]
            self._send_off()

    def recv_into(self, view: memoryview, /) -> int:
        """As a socket's; a stream that ends is an error."""
        return int(self._done(lambda: self._tls.read(view.nbytes, view)))

    def _done(self, work: Callable[[], T]) -> T:
        """What the work gives, once enough has arrived for it."""
        while True:
            try:
                return work()
            except ssl.SSLWantReadError:
                pass
            finally:
                self._send_off()  # if it failed, the other side is told why
            count = self._socket.recv_into(self._room)
            if not count:
                raise ConnectionResetError("the other side is gone")
            self._arrived.write(self._room[:count])

    def _send_off(self) -> None:
        if self._leaving.pending:
            self._socket.sendall(self._leaving.read())
