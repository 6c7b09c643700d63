"""A journal in a file: SQLite with a write-ahead log, one thread that writes, and reads beside it."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Literal

from blazen_nb.errors import JournalError, ValidationError
from blazen_nb.journal import refusals
from blazen_nb.journal.file_lock import FileLock
from blazen_nb.journal.protocol import BEGUN, Entry, EntryKind, JournaledRun, Pruned, Retention
from blazen_nb.journal.reading import Reader
from blazen_nb.journal.schema import connected, ready
from blazen_nb.journal.writer import Writer
from blazen_nb.updates import Outcome

Synchronous = Literal["FULL", "NORMAL"]

VACUUM_PAGES = 4096
"""So much of the file is given back with each pruning at most, 16 MiB: nobody waits long for that."""


class SqliteJournal:
    """Keeps runs in a file on a local disk. Thread-safe.

    Args:
        path: The file; it and its folder are made where they are missing, readable by this user only.
        synchronous: ``"FULL"``: what is acknowledged outlives a power cut. ``"NORMAL"``: it outlives the end of the
            process, however that ends, and a power cut may take the last moments; writes take less than half as long.
        clock: Seconds since the epoch.

    Raises:
        ValidationError: There is no such mode.
        JournalError: Somebody else has the file open, it is no journal, newer than this version, damaged, or cannot be
            written.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: Synchronous = "FULL",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if synchronous not in ("FULL", "NORMAL"):
            raise ValidationError(f'synchronous is "FULL" or "NORMAL", not {synchronous!r}')
        self.path = Path(path)
        self._clock = clock
        _make_folder(self.path)
        self._lock = FileLock(self.path)
        try:
            ready(self.path)
            self._reader = Reader(self.path)
            connection = connected(self.path)
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            self._writer = Writer(connection, self.path.name)
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
        kept = tuple(entries)
        return self._writer.write(lambda tables: tables.append(run_id, kept))

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
        going = tuple(run_ids)
        return self._writer.write(lambda tables: tables.forget(going))

    def prune(self, retention: Retention) -> Pruned:
        """As the protocol says; what is free of the file is given back, some of it each time."""
        now = self._clock()
        pruned = self._writer.write(lambda tables: tables.prune(retention, now)).result()
        self._writer.write(lambda tables: tables.shrink(VACUUM_PAGES)).result()
        return pruned

    def close(self) -> None:
        """As the protocol says."""
        self._writer.close()
        self._reader.close()
        self._lock.release()

    def _leave(self) -> None:
        self._writer.leave()


def journal_path(node_id: str) -> Path:
    """Where the journal of the peer of this name lies, unless its user says otherwise; nothing is made.

    The user's state folder: ``$XDG_STATE_HOME/blazen_nb/journals``, by default below ``~/.local/state``.
    """
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    safe = "".join(c if c.isalnum() or c in "-_." else f"%{ord(c):02x}" for c in node_id)
    return Path(state).expanduser() / "blazen_nb" / "journals" / f"{safe.lstrip('.') or 'peer'}.db"


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(
            f"the folder of the journal {path.name} cannot be made ({error.strerror}): choose another file"
        ) from error


_open: weakref.WeakSet[SqliteJournal] = weakref.WeakSet()


def _leave_in_child() -> None:
    # A forked child has neither the thread that writes nor any business with the file.
    for journal in list(_open):
        journal._leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_in_child)
