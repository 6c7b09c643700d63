"""What waits to be written on a session's stream, and how large frames are cut. Knows nothing of gRPC.

The writer takes everything that waits as one message, with no timer: under load many frames share one write, alone
a frame goes at once. Small control frames overtake the run updates, so a cancel never waits behind a figure.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from blazen_nb.wire.delivery import Delivery
from blazen_nb.wire.io_loop import IoLoop
from blazen_nb.wire.varint import varint

BATCH_BYTES = 256 * 1024
PART_BYTES = 128 * 1024


class Source(Protocol):
    """Where frames come from one by one, as fast as the connection takes them."""

    def take(self) -> bytes | None:
        """The next serialized frame; None where there is none: whoever has one again puts the source again."""


def as_batch(frame: bytes) -> bytes:
    """A serialized frame as a serialized batch of one; batches may be joined."""
    return nested(1, frame)


def nested(field: int, message: bytes) -> bytes:
    """A serialized message as this field of another one, whose serialized parts may be joined.

    Args:
        field: Its number.
    """
    return varint(field << 3 | 2) + varint(len(message)) + message  # 2: length-delimited


class Outbox:
    """Frames on their way out; any thread may put, one writer on the I/O loop takes.

    It outlives the connection that it is written to: what is put while there is none waits for the next.

    Args:
        frame_type: ClientFrame or PeerFrame, to wrap parts of large frames.
        delivery: Keeps what was sent until it has arrived; None where the session ends with its connection.
    """

    def __init__(self, io: IoLoop, frame_type: Any, delivery: Delivery | None = None) -> None:
        self.delivery = delivery
        self._io = io
        self._frame_type = frame_type
        self._beat: bytes | None = None
        self._urgent: deque[bytes] = deque()
        self._ordered: deque[bytes | Source] = deque()
        self._parts: deque[bytes] = deque()
        self._part_ids = itertools.count(1)
        self._ready = asyncio.Event()
        self._scheduled = False
        self._closed = False
        self._writing = False
        self._written = asyncio.Event()

    def put_urgent(self, frame: bytes) -> None:
        """Send this serialized frame before anything that waits in order."""
        if not self._closed:
            self._urgent.append(frame)
            self._wake()

    def put(self, frame: bytes | Source) -> None:
        """Send this frame, or what the source has, after those put before it; sources take turns."""
        if not self._closed:
            self._ordered.append(frame)
            self._wake()

    def take(self, frame: Any, size: int) -> bool:
        """Take note of a frame of the other side; True where it was a Beat, and so for nobody else.

        Args:
            size: Bytes of it, about; on the I/O loop.
        """
        delivery = self.delivery
        if delivery is None:
            return False
        if frame.WhichOneof("kind") == "beat":
            delivery.arrived(frame.beat.received)
            if frame.beat.answer:
                self.beat()
            self._written.set()
            self._wake()  # the window may have been full
            return True
        if delivery.came(size):
            self.beat()
        return False

    def beat(self, *, answer: bool = False) -> None:
        """Say that this side is here, and what has arrived, before anything else; on the I/O loop.

        Args:
            answer: The other side is asked to say so, too.
        """
        if self.delivery is not None and not self._closed:
            beat = {"received": self.delivery.told(), "answer": answer}
            self._beat = as_batch(self._frame_type(beat=beat).SerializeToString())
            self._wake()

    def repeat(self, received: int) -> None:
        """The next writer begins with what the other side, which has so many frames, has not got; on the I/O loop."""
        assert self.delivery is not None
        self.delivery.arrived(received)
        self.delivery.repeat()

    def restart(self) -> list[bytes]:
        """Nobody is there any more who knows what was sent: counting begins anew, and nothing waits.

        What did wait, and of which nothing was sent, is returned in order; sources are not among it.
        """
        waiting = [*self._urgent, *(item for item in self._ordered if isinstance(item, bytes))]
        self._urgent.clear()
        self._ordered.clear()
        self._parts.clear()
        self._beat = None
        if self.delivery is not None:
            self.delivery = Delivery()
        return waiting

    @property
    def is_closed(self) -> bool:
        """Whether nobody reads any more."""
        return self._closed

    def _wake(self) -> None:
        if self._scheduled:
            return
        self._scheduled = True
        if self._io.is_here:
            self._ready.set()
        else:
            self._io.loop.call_soon_threadsafe(self._ready.set)

    async def write_all(self, write: Callable[[bytes], Awaitable[Any]]) -> None:
        """Write batches as frames come, until cancelled."""
        try:
            while True:
                self._ready.clear()
                self._scheduled = False
                self._writing = True
                while batch := self._take():
                    await write(batch)
                self._writing = False
                self._written.set()
                await self._ready.wait()
        finally:
            self._writing = False

    async def flushed(self) -> None:
        """Return once all that was put is written, and where that is told, has arrived; on the I/O loop."""
        while self._urgent or self._ordered or self._parts or self._writing:
            self._written.clear()
            await self._written.wait()
        self.beat(answer=True)
        while self.delivery is not None and self.delivery.is_open:
            self._written.clear()
            await self._written.wait()

    def close(self) -> None:
        """Nobody reads any more: what waits and what still comes is dropped."""
        self._closed = True
        self._urgent.clear()
        self._ordered.clear()
        self._parts.clear()

    def _take(self) -> bytes:
        delivery = self.delivery
        if delivery is None:
            return b"".join(self._taken(BATCH_BYTES))
        beat, self._beat = self._beat, None
        again: list[bytes] = []
        size = 0
        while size < BATCH_BYTES and (frame := delivery.next_again()) is not None:
            again.append(frame)
            size += len(frame)
        taken = self._taken(BATCH_BYTES - size)
        for frame in taken:
            delivery.keep(frame)
        return b"".join((beat or b"", *again, *taken))

    def _taken(self, room: int) -> list[bytes]:
        """Frames, each as a batch of one, until there is no room for more."""
        taken: list[bytes] = []
        size = 0
        while self._urgent and size < room:
            size += self._add(taken, self._urgent.popleft())
        is_full = self.delivery is not None and self.delivery.is_full
        while size < room and not is_full:
            if self._parts:
                part = self._parts.popleft()
                taken.append(part)
                size += len(part)
            elif self._ordered:
                frame = self._next_in_order()
                size += self._add(taken, frame) if frame is not None else 0
            else:
                break
        return taken

    def _next_in_order(self) -> bytes | None:
        item = self._ordered.popleft()
        if isinstance(item, bytes):
            return item
        frame = item.take()
        if frame is not None:
            self._ordered.append(item)
        return frame

    def _add(self, taken: list[bytes], frame: bytes) -> int:
        if len(frame) <= BATCH_BYTES:
            taken.append(as_batch(frame))
            return len(frame)
        self._parts.extend(self._cut(frame))
        return 0

    def _cut(self, frame: bytes) -> list[bytes]:
        # Each part names the request, so that whoever asked is told where one of them is refused.
        request_id = self._frame_type.FromString(frame).request_id
        part_id = next(self._part_ids)
        starts = range(0, len(frame), PART_BYTES)
        return [
            as_batch(
                self._frame_type(
                    request_id=request_id,
                    part={
                        "part_id": part_id,
                        "data": frame[start : start + PART_BYTES],
                        "last": start + PART_BYTES >= len(frame),
                    },
                ).SerializeToString()
            )
            for start in starts
        ]
