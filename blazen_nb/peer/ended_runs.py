"""Runs that have ended and can still be read: as many, and for as long, as the limits say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from blazen_nb.peer.run_record import RunRecord
from blazen_nb.wire.limits import Limits

_MOST_FILES = 128
"""How many of them may hold files open."""


class EndedRuns:
    """The records of ended runs. Thread-safe.

    Where there are too many, those go first whose result a client has, then the oldest.

    Args:
        forgotten: Called with each record that can no longer be read, outside of any lock.
        now: Seconds on a clock that only goes forward.
    """

    def __init__(
        self,
        limits: Limits,
        forgotten: Callable[[RunRecord], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._forgotten = forgotten
        self._now = now
        self._records: dict[bytes, tuple[RunRecord, float]] = {}
        self._lock = threading.Lock()

    def add(self, record: RunRecord) -> None:
        """The run is over."""
        with self._lock:
            self._records[record.raw_id] = (record, self._now())

    def find(self, run_id: bytes) -> RunRecord | None:
        """The record of this run, where it is still kept."""
        found = self._records.get(run_id)
        return found[0] if found else None

    def all(self) -> list[RunRecord]:
        """Those that are kept, the newest last."""
        with self._lock:
            return [record for record, _ in self._records.values()]

    def tidy(self) -> None:
        """Forget what is too old or too much."""
        for record in self._take_surplus():
            record.close()
            self._forgotten(record)

    def close(self) -> None:
        """Forget all of them."""
        with self._lock:
            records, self._records = self._records, {}
        for record, _ in records.values():
            record.close()

    def _take_surplus(self) -> list[RunRecord]:
        latest = self._now() - self._limits.ended_seconds
        with self._lock:
            gone = [record for record, at in self._records.values() if at < latest]
            kept = [record for record, at in self._records.values() if at >= latest]
            count, size = len(kept), sum(record.size for record in kept)
            files = sum(record.has_file for record in kept)
            for record in sorted(
                kept, key=lambda record: not record.was_taken
            ):  # stable: oldest first
                if (
                    count <= self._limits.ended_runs
                    and size <= self._limits.ended_bytes
                    and files <= _MOST_FILES
                ):
                    break
                gone.append(record)
                count, size, files = count - 1, size - record.size, files - record.has_file
            for record in gone:
                del self._records[record.raw_id]
        return gone
