"""A journal that lasts as long as its process: for tests, and for peers that need no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar

from blazen_nb.errors import JournalError
from blazen_nb.journal import refusals
from blazen_nb.journal.protocol import BEGUN, Entry, EntryKind, JournaledRun, Pruned, Retention
from blazen_nb.journal.retention import EndedRun, beyond, pruned
from blazen_nb.updates import Outcome

T = TypeVar("T")


@dataclass(slots=True)
class _Kept:
    run: JournaledRun
    entries: dict[EntryKind, list[Entry]] = field(
        default_factory=lambda: {"tick": [], "update": []}
    )

    @property
    def last(self) -> dict[EntryKind, int]:
        return {kind: them[-1].number if them else BEGUN for kind, them in self.entries.items()}

    @property
    def size(self) -> int:
        payloads = sum(len(entry.payload) for entry in chain(*self.entries.values()))
        return len(self.run.start) + len(self.run.result or b"") + payloads


class MemoryJournal:
    """Keeps runs in memory. Thread-safe; a write is done when its call returns.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: dict[bytes, _Kept] = {}
        self._code: dict[str, bytes] = {}
        self._named_lately: set[str] = set()
        self._closed = False

    def keep_code(self, digest: str, code: bytes) -> None:
        """As the protocol says."""
        with self._lock:
            self._code[digest] = code
            self._named_lately.add(digest)

    def code(self, digest: str) -> bytes:
        """As the protocol says."""
        with self._lock:
            self._check_open()
            if digest not in self._code:
                raise refusals.no_code(digest)
            return self._code[digest]

    def begin(self, run: JournaledRun) -> Future[bool]:
        """As the protocol says."""
        refusals.check_run(run)
        return self._write(lambda: self._begin(run))

    def append(self, run_id: bytes, entries: Sequence[Entry]) -> Future[None]:
        """As the protocol says."""
        return self._write(lambda: self._append(run_id, entries))

    def end(self, run_id: bytes, outcome: Outcome, ended_at: float, result: bytes) -> Future[None]:
        """As the protocol says."""
        return self._write(lambda: self._end(run_id, outcome, ended_at, result))

    def run(self, run_id: bytes) -> JournaledRun | None:
        """As the protocol says."""
        with self._lock:
            self._check_open()
            kept = self._runs.get(run_id)
            return kept.run if kept else None

    def runs(self, *, unfinished: bool = False) -> list[JournaledRun]:
        """As the protocol says."""
        with self._lock:
            self._check_open()
            return [
                replace(kept.run, start=b"", result=None)
                for kept in reversed(self._runs.values())
                if not (unfinished and kept.run.outcome)
            ]

    def entries(self, run_id: bytes, kind: EntryKind, after: int = BEGUN) -> Iterator[Entry]:
        """As the protocol says."""
        with self._lock:
            self._check_open()
            kept = self._runs.get(run_id)
            them = list(kept.entries[kind]) if kept else []
        yield from (entry for entry in them if entry.number > after)

    def forget(self, run_ids: Iterable[bytes]) -> Future[None]:
        """As the protocol says."""
        return self._write(lambda: self._forget(run_ids))

    def prune(self, retention: Retention) -> Pruned:
        """As the protocol says."""
        with self._lock:
            self._check_open()
            going = self._beyond(retention)
            self._forget(run.run_id for run in going)
            self._forget_code()
            return pruned(going)

    def close(self) -> None:
        """As the protocol says; what was kept is gone."""
        with self._lock:
            self._closed = True
            self._runs.clear()
            self._code.clear()

    def _write(self, change: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        try:
            with self._lock:
                self._check_open()
                done = change()
        except JournalError as error:
            future.set_exception(error)
        else:
            future.set_result(done)
        return future

    def _check_open(self) -> None:
        if self._closed:
            raise refusals.closed()

    def _begin(self, run: JournaledRun) -> bool:
        if run.run_id in self._runs:
            return False
        self._runs[run.run_id] = _Kept(replace(run, outcome=None, ended_at=None, result=None))
        self._named_lately.update(run.code)
        return True

    def _append(self, run_id: bytes, entries: Sequence[Entry]) -> None:
        kept = self._unfinished(run_id)
        refusals.check_ascent(run_id, kept.last, entries)
        for entry in entries:
            kept.entries[entry.kind].append(entry)

    def _end(self, run_id: bytes, outcome: Outcome, ended_at: float, result: bytes) -> None:
        kept = self._unfinished(run_id)
        kept.run = replace(kept.run, outcome=outcome, ended_at=ended_at, result=result)
        kept.entries["tick"].clear()

    def _unfinished(self, run_id: bytes) -> _Kept:
        kept = self._runs.get(run_id)
        if kept is None:
            raise refusals.not_there(run_id)
        if kept.run.outcome:
            raise refusals.has_ended(run_id)
        return kept

    def _forget(self, run_ids: Iterable[bytes]) -> None:
        for run_id in run_ids:
            self._runs.pop(run_id, None)

    def _beyond(self, limits: Retention) -> list[EndedRun]:
        ended, unfinished_size = [], 0
        for run_id, kept in self._runs.items():
            if kept.run.ended_at is None:
                unfinished_size += kept.size
            else:
                ended.append(EndedRun(run_id, kept.run.ended_at, kept.size))
        return beyond(ended, unfinished_size, limits, self._clock())

    def _forget_code(self) -> None:
        unfinished = (kept.run for kept in self._runs.values() if kept.run.outcome is None)
        named = set(chain.from_iterable(run.code for run in unfinished)) | self._named_lately
        self._code = {digest: code for digest, code in self._code.items() if digest in named}
        self._named_lately.clear()
