"""How frames, and values in bulk, travel between a client and a peer; a file for each way.

Nothing above knows which one it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


class Transport(Protocol):
    """Batches of frames to a peer and back, in order; used on the I/O loop only."""

    async def open(self) -> None:
        """Return once the peer has let the stream in; only then may anything be written.

        Raises:
            BlazenError: Nobody is there, or it refuses; the message says why.
        """

    async def read(self) -> bytes | None:
        """The next batch from the peer; None once the stream has ended.

        Raises:
            BlazenError: The stream broke or was refused; the message says why.
        """

    async def write(self, batch: bytes) -> None:
        """Send a batch.

        Raises:
            BlazenError: The stream is gone.
        """

    def fetch(self, request: bytes) -> AsyncIterator[bytes]:
        """The chunks that answer a GetRequest; the peer sends no faster than they are read.

        Raises:
            BlazenError: The call broke or was refused.
        """

    async def send(self, chunks: AsyncIterator[bytes]) -> bytes:
        """Send the chunks of a value, no faster than the peer reads them; the answer is a PutReply.

        Raises:
            BlazenError: The call broke or was refused.
        """

    async def close(self) -> None:
        """End the stream and free what it holds."""
