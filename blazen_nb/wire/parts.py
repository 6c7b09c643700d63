"""Frames that came in parts, because they are too large for one batch, joined again."""

from __future__ import annotations

from typing import Any

from blazen_nb.errors import LimitError

OPEN_FRAMES = 64
"""How many unfinished frames one side may have on its way; an Outbox has one."""


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
