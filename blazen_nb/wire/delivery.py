"""Which frames of a session have arrived: what is needed to take it up on another connection without a gap.

Both sides count the frames that come in, and keep those that they send until the other side has told, by a Beat or when
it comes back, that they are there. Hello, Welcome, Beat and Goodbye belong to a connection and are not counted.
"""

from __future__ import annotations

from collections import deque

TELL_FRAMES = 64
TELL_BYTES = 256 * 1024
"""The other side is told after so much that it may let go of it."""
WINDOW_BYTES = 8 << 20
"""So much may be on its way; what comes in order waits beyond that, what is urgent does not."""


class Delivery:
    """Both directions of one session, seen from one side; on the I/O loop."""

    def __init__(self) -> None:
        self.received = 0
        """Frames that have come in."""
        self.is_due = False
        """Whether the other side should be told of them."""
        self._untold_frames = self._untold_bytes = 0
        self._sent: deque[bytes] = deque()
        self._again: deque[bytes] = deque()
        self._arrived = 0
        self._bytes = 0

    # --- what comes in ---------------------------------------------------------------------------------------

    def came(self, size: int) -> bool:
        """Count a frame of this size; True where the other side should be told."""
        self.received += 1
        self._untold_frames += 1
        self._untold_bytes += size
        if self._untold_frames >= TELL_FRAMES or self._untold_bytes >= TELL_BYTES:
            self.is_due = True
        return self.is_due

    def told(self) -> int:
        """The number to tell, which is told now."""
        self.is_due = False
        self._untold_frames = self._untold_bytes = 0
        return self.received

    # --- what goes out ---------------------------------------------------------------------------------------

    def keep(self, frame: bytes) -> None:
        """This serialized frame, as a batch of one, is sent now."""
        self._sent.append(frame)
        self._bytes += len(frame)

    def arrived(self, received: int) -> None:
        """The other side has so many frames of ours."""
        while self._arrived < received and (self._sent or self._again):
            gone = (self._sent or self._again).popleft()
            self._arrived += 1
            self._bytes -= len(gone)

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be sent until some of it has arrived."""
        return self._bytes > WINDOW_BYTES

    @property
    def is_open(self) -> bool:
        """Whether something is not known to have arrived."""
        return bool(self._sent or self._again)

    def repeat(self) -> None:
        """On a new connection: what is not known to have arrived is to be sent once more, first of all."""
        self._again = deque((*self._sent, *self._again))
        self._sent.clear()

    def next_again(self) -> bytes | None:
        """What is to be sent once more, in order; it is sent now."""
        if not self._again:
            return None
        frame = self._again.popleft()
        self._sent.append(frame)
        return frame
