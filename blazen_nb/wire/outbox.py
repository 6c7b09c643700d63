"""What waits to be written on a session's stream, and how large frames are cut and joined. Knows nothing of gRPC.

The writer takes everything that waits as one message, with no timer: under load many frames share one write, alone
a frame goes at once. Small control frames overtake the run updates, so a cancel never waits behind a figure.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from blazen_nb.errors import LimitError
from blazen_nb.wire.io_loop import IoLoop

BATCH_BYTES = 256 * 1024
PART_BYTES = 128 * 1024
OPEN_FRAMES = 64
"""How many unfinished frames one side may have on its way; an Outbox has one."""


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
    return _varint(field << 3 | 2) + _varint(len(message)) + message  # 2: length-delimited


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


class Outbox:
    """Frames on their way out; any thread may put, one writer on the I/O loop takes.

    Args:
        frame_type: ClientFrame or PeerFrame, to wrap parts of large frames.
    """

    def __init__(self, io: IoLoop, frame_type: Any) -> None:
        self._io = io
        self._frame_type = frame_type
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
        while True:
            await self._ready.wait()
            self._ready.clear()
            self._scheduled = False
            self._writing = True
            while batch := self._take():
                await write(batch)
            self._writing = False
            self._written.set()

    async def flushed(self) -> None:
        """Return once all that was put is written; on the I/O loop."""
        while self._urgent or self._ordered or self._parts or self._writing:
            self._written.clear()
            await self._written.wait()

    def close(self) -> None:
        """Nobody reads any more: what waits and what still comes is dropped."""
        self._closed = True
        self._urgent.clear()
        self._ordered.clear()
        self._parts.clear()

    def _take(self) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._urgent and size < BATCH_BYTES:
            size += self._add(taken, self._urgent.popleft())
        while size < BATCH_BYTES:
            if self._parts:
                part = self._parts.popleft()
                taken.append(part)
                size += len(part)
            elif self._ordered:
                frame = self._next_in_order()
                size += self._add(taken, frame) if frame is not None else 0
            else:
                break
        return b"".join(taken)

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


class Parts:
    """Joins the parts of large frames again.

    Args:
        limit: Bytes of unfinished frames that are held at most; of frames, OPEN_FRAMES.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._open: dict[int, bytearray | None] = {}
        """By part ID; None where the frame was refused and the rest of it is passed over."""
        self._turned_away = -1
        """The highest part ID whose frame was not even begun. IDs ascend, so that one number is enough."""

    def add(self, part: Any) -> bytes | None:
        """The whole frame's bytes with its last part, else None.

        Raises:
            LimitError: More is held than the limit allows, or too many frames are unfinished; what else comes of
                this frame is dropped.
        """
        if part.part_id not in self._open:
            if part.part_id <= self._turned_away:
                return None
            self._begin(part.part_id)
        frame = self._open[part.part_id]
        if frame is not None:
            frame += part.data
            self._held += len(part.data)
            if self._held > self._limit:
                self._close(part.part_id, frame, part.last)
                raise LimitError(
                    f"a message larger than {self._limit / (1 << 20):g} MiB, the limit; send less at once"
                )
        if not part.last:
            return None
        self._close(part.part_id, frame, last=True)
        return None if frame is None else bytes(frame)

    def _begin(self, part_id: int) -> None:
        if len(self._open) >= OPEN_FRAMES:
            self._turned_away = part_id
            raise LimitError(
                f"more than {OPEN_FRAMES} unfinished messages at once, the limit; finish one before the next"
            )
        self._open[part_id] = bytearray()

    def _close(self, part_id: int, frame: bytearray | None, last: bool) -> None:
        self._held -= len(frame or b"")
        if last:
            del self._open[part_id]
        else:
            self._open[part_id] = None
