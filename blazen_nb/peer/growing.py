"""Frames of a run's story that grow while they wait for the writer: a thousand events, or prints, become one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blazen_nb.engine.ticks import Attempt
from blazen_nb.updates import StreamName
from blazen_nb.wire.outbox import BATCH_BYTES
from blazen_nb.wire.v1 import kernel_pb2 as pb


class Growing:
    """A frame that is built when the writer comes to it, and grows no more then (wire.outbox.Lazy).

    Args:
        seq: The number of its first update.
        finish: Makes the frame of its contents; the log's, because that knows whether it may still grow.
    """

    __slots__ = ("_finish", "seq")

    def __init__(self, seq: int, finish: Callable[[Growing], bytes]) -> None:
        self.seq = seq
        self._finish = finish

    def build(self) -> bytes:
        """The serialized frame."""
        return self._finish(self)

    def contents(self) -> dict[str, Any]:
        """The update's kind and fields."""
        raise NotImplementedError

    @property
    def characters(self) -> int:
        """How much it counts as output that waits."""
        return 0


class GrowingEvents(Growing):
    """Consecutive events."""

    __slots__ = ("_items", "_leaves", "_size", "_types")

    def __init__(self, seq: int, finish: Callable[[Growing], bytes]) -> None:
        super().__init__(seq, finish)
        self._types: dict[str, int] = {}
        self._items: list[bytes] = []
        self._leaves: list[pb.Leaf] = []
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether the next event begins another frame: one frame must not grow with the whole backlog."""
        return self._size > BATCH_BYTES

    def add(self, event_type: str, fields: bytes, leaves: tuple[tuple[str, bytes], ...]) -> None:
        """One more."""
        position = self._types.setdefault(event_type, len(self._types))
        self._items.append(b"[%d,%b]" % (position, fields))
        self._size += len(fields)
        self._leaves.extend(pb.Leaf(type_tag=tag, data=data) for tag, data in leaves)

    def contents(self) -> dict[str, Any]:
        """See Growing."""
        json = b"[" + b",".join(self._items) + b"]"
        return {"events": {"types": list(self._types), "json": json, "leaves": self._leaves}}


class GrowingOutput(Growing):
    """Text of one step and stream."""

    __slots__ = ("_attempt", "_characters", "_stream", "_texts")

    def __init__(
        self,
        seq: int,
        finish: Callable[[Growing], bytes],
        attempt: Attempt,
        stream: StreamName,
    ) -> None:
        super().__init__(seq, finish)
        self._attempt = attempt
        self._stream = stream
        self._texts: list[str] = []
        self._characters = 0

    @property
    def characters(self) -> int:
        """See Growing."""
        return self._characters

    def takes(self, attempt: Attempt, stream: StreamName) -> bool:
        """Whether text of this step and stream goes here."""
        return attempt is self._attempt and stream == self._stream

    def add(self, text: str) -> None:
        """More of it."""
        self._texts.append(text)
        self._characters += len(text)

    def contents(self) -> dict[str, Any]:
        """See Growing."""
        return {
            "output": {
                "step_id": self._attempt.step.step_id,
                "call": self._attempt.call,
                "stream": self._stream,
                "text": "".join(self._texts),
            }
        }


class GrowingProgress(Growing):
    """How far one bar is; only the latest is told, however often a step says so."""

    __slots__ = ("_row",)

    def __init__(self, seq: int, finish: Callable[[Growing], bytes]) -> None:
        super().__init__(seq, finish)
        self._row: dict[str, Any] = {}

    def takes(self, row: dict[str, Any]) -> bool:
        """Whether it is of the same bar, which has not begun anew."""
        same = all(self._row[key] == row[key] for key in ("step_id", "call", "label"))
        return same and bool(self._row["done"] <= row["done"])

    def set(self, row: dict[str, Any]) -> None:
        """This is the latest."""
        self._row = row

    def contents(self) -> dict[str, Any]:
        """See Growing."""
        return {"progress": self._row}
