"""Numbers a run's updates and writes them into its record, one order for all that the run tells."""

from __future__ import annotations

import threading
from typing import Any, TypeVar

from blazen_nb.errors import unicode_of
from blazen_nb.peer.growing import Growing
from blazen_nb.peer.run_record import RunRecord
from blazen_nb.wire.v1 import kernel_pb2 as pb

GrowingT = TypeVar("GrowingT", bound=Growing)


class UpdateWriter:
    """The one who writes a record. Its methods want its lock, which is the record's."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.lock: threading.RLock = record.lock
        self.growing: Growing | None = None
        """The update that was told last, where it may still grow."""
        self.is_closed = False
        """Whether the run has ended: nothing is told any more."""
        self._seq = record.last_seq

    @property
    def next_seq(self) -> int:
        """The number of the next update."""
        return self._seq + 1

    def append(self, **kind: Any) -> None:
        """One more update."""
        if not self.is_closed:
            self._seq += 1
            self.growing = None
            self.record.append(self._seq, self.message(self._seq, **kind))

    def grow(self, growing: GrowingT) -> GrowingT:
        """One more, which may still grow; whoever adds an item that has a number of its own calls ``count``."""
        self.growing = growing
        self.record.grow(growing)
        return growing

    def count(self) -> None:
        """One more number is taken."""
        self._seq += 1

    def message(self, seq: int, **kind: Any) -> bytes:
        """The update, serialized."""
        try:
            update = pb.RunUpdate(run_id=self.record.raw_id, seq=seq, **kind)
        except UnicodeEncodeError:
            update = pb.RunUpdate(run_id=self.record.raw_id, seq=seq, **_writable(kind))
        return update.SerializeToString()


def _writable(value: Any) -> Any:
    """The value with no text in it that protobuf cannot write: a question mark is better than a lost update."""
    if isinstance(value, str):
        return unicode_of(value)
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list | tuple) else value
