"""The journal that outlives its process: one SQLite file on a local disk, one thread that writes."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Literal, get_args

from blazen_nb.errors import JournalError, ValidationError
from blazen_nb.journal import refusals, schema
from blazen_nb.journal.file_lock import FileLock
from blazen_nb.journal.protocol import BEGUN, Entry, EntryKind, JournaledRun, Pruned, Retention
from blazen_nb.journal.reading import Reader
from blazen_nb.journal.retention import beyond, pruned
from blazen_nb.journal.writer import Writer
from blazen_nb.journal.writing import Tables
from blazen_nb.updates import Outcome

_RUNS_AT_ONCE = 128
_LOG_BYTES = 8 << 20
Synchronous = Literal["FULL", "NORMAL"]


class SqliteJournal:
    """Keeps runs in a file of its own, which no other journal can open meanwhile.

    Args:
        path: The file, on a local disk; it and its folder are made where they are missing, for this user alone.
        synchronous: ``FULL``: what was acknowledged outlives a loss of power, too. ``NORMAL``: it outlives the
            process, and the latest may be lost with the machine.
        clock: Seconds since the epoch.

    Raises:
        ValidationError: There is no such mode.
        JournalError: Somebody else has the file, or it is no journal, newer than this version, damaged, or cannot be
            written; it is left as it was.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "FULL",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if synchronous not in get_args(Synchronous):
            raise ValidationError(f'synchronous is "FULL" or "NORMAL", not {synchronous!r}')
        # Links to one file would otherwise have a lock each.
        path = Path(path).expanduser().resolve()
        self._clock = clock
        _make_folder(path)
        self._lock = FileLock(path)
        try:
            schema.ready(path)
            self._writer = Writer(_for_writing(path, synchronous), path.name)
            self._reader = Reader(path)
        except BaseException:
            self._lock.release()
            raise
        _open.add(self)

    def keep_code(self, digest: str, code: bytes) -> None:
        """As the protocol says."""
        self._writer.write(lambda tables: tables.keep_code(digest, code))

    def code(self, digest: str) -> bytes:
        """As the protocol says."""
        return self._reader.code(digest)

    def begin(self, run: JournaledRun) -> Future[bool]:
        """As the protocol says."""
        refusals.check_run(run)
        return self._writer.write(lambda tables: tables.begin(run))

    def append(self, run_id: bytes, entries: Sequence[Entry]) -> Future[None]:
        """As the protocol says."""
        them = tuple(entries)
        return self._writer.write(lambda tables: tables.append(run_id, them))

    def end(self, run_id: bytes, outcome: Outcome, ended_at: float, result: bytes) -> Future[None]:
        """As the protocol says."""
        return self._writer.write(lambda tables: tables.end(run_id, outcome, ended_at, result))

    def run(self, run_id: bytes) -> JournaledRun | None:
        """As the protocol says."""
        return self._reader.run(run_id)

    def runs(self, *, unfinished: bool = False) -> list[JournaledRun]:
        """As the protocol says."""
        return self._reader.runs(unfinished=unfinished)

    def entries(self, run_id: bytes, kind: EntryKind, after: int = BEGUN) -> Iterator[Entry]:
        """As the protocol says."""
        return self._reader.entries(run_id, kind, after)

    def forget(self, run_ids: Iterable[bytes]) -> Future[None]:
        """As the protocol says."""
        them = tuple(run_ids)
        return self._writer.write(lambda tables: tables.forget(them))

    def prune(self, retention: Retention) -> Pruned:
        """As the protocol says."""
        held = self._reader.holdings()
        going = beyond(held.ended, held.unfinished_size, retention, self._clock())
        # In parts: whoever starts a run meanwhile waits for one of them, not for all.
        for first in range(0, len(going), _RUNS_AT_ONCE):
            self.forget(run.run_id for run in going[first : first + _RUNS_AT_ONCE]).result()
        if held.all_are_whole:
            self._writer.write(lambda tables: tables.forget_code(held.named)).result()
        while self._writer.write(Tables.shrink).result():
            pass
        return pruned(going)

    def close(self) -> None:
        """As the protocol says."""
        _open.discard(self)
        self._writer.close()
        self._reader.close()
        self._lock.release()


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(
            f"the folder of the journal {path.name} cannot be made ({error.strerror})"
        ) from error


def _for_writing(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    try:
        connection = schema.connected(path)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        # After a burst the write-ahead log would keep the size that it once had.
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        return connection
    except sqlite3.Error as error:
        raise JournalError(f"the journal {path.name} cannot be opened ({error})") from error


_open: weakref.WeakSet[SqliteJournal] = weakref.WeakSet()


def _leave_in_child() -> None:
    for journal in list(_open):
        journal._writer.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_in_child)
