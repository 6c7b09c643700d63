"""Reads, each in a snapshot of its own: they never wait for the writer, nor it for them."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blazen_nb.errors import JournalError
from blazen_nb.journal import refusals
from blazen_nb.journal.protocol import BEGUN, Entry, EntryKind, JournaledRun
from blazen_nb.journal.rows import (
    KIND_NUMBERS,
    RUN_COLUMNS,
    RunRow,
    code_seal,
    damaged_run,
    entry_seal,
    part_seal,
)
from blazen_nb.journal.schema import connected, damaged

_KEPT_OPEN = 4
_PAGE_ENTRIES = 256
_PAGE_BYTES = 1 << 20
_RUN = f"SELECT {RUN_COLUMNS} FROM runs WHERE run_id = ?"
_RUNS = f"SELECT {RUN_COLUMNS} FROM runs ORDER BY id DESC"
_ENTRIES = (
    "SELECT number, previous, payload, sum FROM entries "
    "WHERE run = ? AND kind = ? AND number > ? ORDER BY number"
)


class Reader:
    """What is in the file, checked.

    Args:
        path: A journal in the present format.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = path.name
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    def code(self, digest: str) -> bytes:
        """As the protocol says."""
        with self._snapshot() as connection:
            found = connection.execute(
                "SELECT code, sum FROM code WHERE digest = ?", (digest,)
            ).fetchone()
        if found is None:
            raise refusals.no_code(digest)
        code, stored = found
        if not isinstance(code, bytes) or code_seal(digest, code) != stored:
            raise JournalError(
                f"the code {digest} is damaged in the journal {self._name}: register it again"
            )
        return code

    def run(self, run_id: bytes) -> JournaledRun | None:
        """As the protocol says."""
        with self._snapshot() as connection:
            row = self._row(connection, run_id)
            if row is None:
                return None
            parts = connection.execute(
                "SELECT part, payload, sum FROM payloads WHERE run = ?", (row.id,)
            ).fetchall()
        payloads = {part: payload for part, payload, _ in parts}
        expected = {"start"} if row.outcome is None else {"start", "result"}
        whole = all(
            isinstance(payload, bytes) and part_seal(run_id, part, payload) == stored
            for part, payload, stored in parts
        )
        if not whole or payloads.keys() != expected:
            raise damaged_run(self._name, run_id)
        return row.run(payloads["start"], payloads.get("result"))

    def runs(self, *, unfinished: bool) -> list[JournaledRun]:
        """As the protocol says."""
        with self._snapshot() as connection:
            # All are read and checked: a run must not be passed over for a flipped bit in its outcome.
            rows = [RunRow(row, self._name) for row in connection.execute(_RUNS)]
        return [row.run() for row in rows if not (unfinished and row.outcome)]

    def entries(self, run_id: bytes, kind: EntryKind, after: int) -> Iterator[Entry]:
        """As the protocol says."""
        cursor, page, there = after, self._page(run_id, kind, after), False
        while page is not None:
            entries, is_last = page
            yield from entries
            if is_last:
                return
            there, cursor = True, entries[-1].number
            page = self._page(run_id, kind, cursor)
        if there:
            raise JournalError(f"run {run_id.hex()} was forgotten while it was read")

    def close(self) -> None:
        """Later reads are refused; one that goes on ends first. Idempotent."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _row(self, connection: sqlite3.Connection, run_id: bytes) -> RunRow | None:
        found = connection.execute(_RUN, (run_id,)).fetchone()
        if found is None:
            return None
        row = RunRow(found, self._name)
        if row.run_id != run_id:
            raise damaged_run(self._name, run_id)
        return row

    def _page(self, run_id: bytes, kind: EntryKind, after: int) -> tuple[list[Entry], bool] | None:
        """The next entries, and whether there are no more now; None where the run is not there.

        In pages, for a snapshot that stays open keeps the write-ahead log from being emptied.
        """
        with self._snapshot() as connection:
            row = self._row(connection, run_id)
            if row is None:
                return None
            entries: list[Entry] = []
            size, last, number = 0, row.last[kind], KIND_NUMBERS[kind]
            for found in connection.execute(_ENTRIES, (row.id, number, after)):
                # Where a reader begins in the middle of what one append wrote, nothing is known of the entry before.
                before = entries[-1].number if entries else (BEGUN if after == BEGUN else None)
                entries.append(self._entry(run_id, kind, found, before))
                size += len(entries[-1].payload)
                if len(entries) == _PAGE_ENTRIES or size > _PAGE_BYTES:
                    break
        read = entries[-1].number if entries else after
        is_last = read >= last
        if not is_last and not (len(entries) == _PAGE_ENTRIES or size > _PAGE_BYTES):
            raise damaged_run(self._name, run_id)
        return entries, is_last

    def _entry(
        self, run_id: bytes, kind: EntryKind, found: tuple[Any, ...], previous: int | None
    ) -> Entry:
        number, before, payload, stored = found
        sound = isinstance(payload, bytes) and isinstance(number, int)
        follows = previous is None or before == previous
        if not (
            sound
            and follows
            and entry_seal(run_id, KIND_NUMBERS[kind], number, before, payload) == stored
        ):
            raise damaged_run(self._name, run_id)
        return Entry(kind, number, payload)

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection whose reads all see the same moment.

        Raises:
            JournalError: The journal is closed, or its file cannot be read.
        """
        with self._lock:
            if self._closed:
                raise refusals.closed()
            connection = self._idle.pop() if self._idle else None
        try:
            connection = connection or connected(self._path)
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError, ValueError, TypeError, AssertionError) as error:
            if connection is not None:
                connection.close()
            raise damaged(self._name, str(error) or type(error).__name__) from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        with self._lock:
            if not self._closed and len(self._idle) < _KEPT_OPEN:
                self._idle.append(connection)
                return
        connection.close()
