"""Updates that grow until somebody reads them: a thousand events, or prints, become one message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blazen_nb.engine.ticks import Attempt
from blazen_nb.peer.overwriting import OverwrittenText
from blazen_nb.updates import StreamName
from blazen_nb.wire.outbox import BATCH_BYTES
from blazen_nb.wire.v1 import kernel_pb2 as pb


class Growing:
    """An update that is built when it is closed, and grows no more then. Its record's lock guards it.

    Args:
        seq: The number of its first update.
        make: Makes the message of its number, kind and fields.
    """

    __slots__ = ("_make", "is_closed", "seq")

    def __init__(self, seq: int, make: Callable[..., bytes]) -> None:
        self.seq = seq
        self.is_closed = False
        """Whether it takes no more."""
        self._make = make

    def build(self) -> bytes:
        """The serialized message; it is closed now."""
        self.is_closed = True
        return self._make(self.seq, **self.contents())

    def contents(self) -> dict[str, Any]:
        """The update's kind and fields."""
        raise NotImplementedError


class GrowingEvents(Growing):
    """Consecutive events."""

    __slots__ = ("_items", "_leaves", "_size", "_types")

    def __init__(self, seq: int, make: Callable[..., bytes]) -> None:
        super().__init__(seq, make)
        self._types: dict[str, int] = {}
        self._items: list[bytes] = []
        self._leaves: list[pb.Leaf] = []
        self._size = 0

    @property
    def takes_more(self) -> bool:
        """Whether the next event goes here: one message must not grow with the whole backlog."""
        return not self.is_closed and self._size <= BATCH_BYTES

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
    """Text of one step and stream; of a line that is written over and over, its last state."""

    __slots__ = ("_attempt", "_in_log", "_lines", "_size", "_stream")

    def __init__(
        self,
        seq: int,
        make: Callable[..., bytes],
        attempt: Attempt,
        stream: StreamName,
        *,
        in_log: bool = False,
    ) -> None:
        super().__init__(seq, make)
        self._attempt = attempt
        self._stream = stream
        self._in_log = in_log
        self._lines = OverwrittenText()
        self._size = 0

    def takes(self, attempt: Attempt, stream: StreamName) -> bool:
        """Whether text of this step and stream goes here."""
        return (
            attempt is self._attempt
            and stream == self._stream
            and not (self._in_log or self.is_closed or self._size > BATCH_BYTES)
        )

    def add(self, text: str) -> None:
        """More of it."""
        self._lines.add(text)
        self._size += len(text)

    def contents(self) -> dict[str, Any]:
        """See Growing."""
        return {
            "output": {
                "step_id": self._attempt.step.step_id,
                "call": self._attempt.call,
                "stream": self._stream,
                "text": self._lines.text(),
                "in_log": self._in_log,
            }
        }


class GrowingProgress(Growing):
    """How far one bar is; only the latest is told, however often a step says so."""

    __slots__ = ("_row",)

    def __init__(self, seq: int, make: Callable[..., bytes]) -> None:
        super().__init__(seq, make)
        self._row: dict[str, Any] = {}

    def takes(self, row: dict[str, Any]) -> bool:
        """Whether it is of the same bar, which has not begun anew."""
        if self.is_closed:
            return False
        same = all(self._row[key] == row[key] for key in ("step_id", "call", "label"))
        return same and bool(self._row["done"] <= row["done"])

    def set(self, row: dict[str, Any]) -> None:
        """This is the latest."""
        self._row = row

    def contents(self) -> dict[str, Any]:
        """See Growing."""
        return {"progress": self._row}
