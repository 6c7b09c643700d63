"""Reads, each in a snapshot of its own: they never wait for the writer, nor it for them."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blazen_nb.errors import JournalError
from blazen_nb.journal import refusals
from blazen_nb.journal.protocol import Entry, EntryKind, JournaledRun
from blazen_nb.journal.retention import EndedRun
from blazen_nb.journal.rows import (
    KIND_NUMBERS,
    SELECT_RUNS,
    RunRow,
    code_seal,
    damaged_run,
    entry_seal,
    part_seal,
)
from blazen_nb.journal.schema import connected, reason

_KEPT_OPEN = 4
_PAGE_ENTRIES = 256
_PAGE_BYTES = 1 << 20
_RUN = SELECT_RUNS + "WHERE run_id = ?"
_RUNS = SELECT_RUNS + "ORDER BY id DESC"
_ENTRIES = (
    "SELECT number, previous, payload, sum FROM entries "
    "WHERE run = ? AND kind = ? AND number > ? ORDER BY number"
)


@dataclass(slots=True)
class Holdings:
    """What is kept, as far as it decides about what stays."""

    ended: list[EndedRun] = field(default_factory=list)
    unfinished_size: int = 0
    named: set[str] = field(default_factory=set)
    """Digests of the code that unfinished runs need."""
    all_are_whole: bool = True

    def add(self, row: RunRow) -> None:
        """This run is kept."""
        if row.ended_at is None:
            self.unfinished_size += row.size
            self.named.update(row.run().code)
        else:
            self.ended.append(EndedRun(row.run_id, row.ended_at, row.size))


class _Page:
    """Some entries that follow each other."""

    __slots__ = ("entries", "is_last", "read", "size")

    def __init__(self, after: int) -> None:
        self.entries: list[Entry] = []
        self.read = after
        """The number up to which everything has been read."""
        self.size = 0
        self.is_last = False

    @property
    def is_full(self) -> bool:
        return len(self.entries) == _PAGE_ENTRIES or self.size > _PAGE_BYTES

    def add(self, kind: EntryKind, checked: tuple[int, bytes]) -> None:
        number, payload = checked
        self.entries.append(Entry(kind, number, payload))
        self.read = number
        self.size += len(payload)


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

    def holdings(self) -> Holdings:
        """What there is to decide about; damaged runs are left out, and so stay."""
        with self._snapshot() as connection:
            found = connection.execute(SELECT_RUNS).fetchall()
        holdings = Holdings()
        for values in found:
            try:
                row = RunRow(values, self._name)
            except JournalError:
                holdings.all_are_whole = False
            else:
                holdings.add(row)
        return holdings

    def entries(self, run_id: bytes, kind: EntryKind, after: int) -> Iterator[Entry]:
        """As the protocol says."""
        page = self._page(run_id, kind, after)
        while page:
            yield from page.entries
            if page.is_last:
                return
            page = self._page(run_id, kind, page.entries[-1].number)
            if page is None:
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

    def _page(self, run_id: bytes, kind: EntryKind, after: int) -> _Page | None:
        # A snapshot that stays open would keep the write-ahead log from being emptied: one a page.
        with self._snapshot() as connection:
            row = self._row(connection, run_id)
            if row is None:
                return None
            number = KIND_NUMBERS[kind]
            found = connection.execute(_ENTRIES, (row.id, number, after))
            page = _Page(after)
            for values in found:
                page.add(kind, self._checked(run_id, number, page.read, values))
                if page.is_full:
                    break
            page.is_last = page.read >= row.last[kind]
            if not (page.is_last or page.is_full):
                raise damaged_run(self._name, run_id)
            return page

    def _checked(
        self, run_id: bytes, kind: int, before: int, values: tuple[Any, ...]
    ) -> tuple[int, bytes]:
        number, previous, payload, stored = values
        if (
            not isinstance(payload, bytes)
            or entry_seal(run_id, kind, number, previous, payload) != stored
            or previous > before
        ):
            raise damaged_run(self._name, run_id)
        return number, payload

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        connection = self._taken()
        try:
            connection.execute("BEGIN")
            yield connection
        except (sqlite3.Error, UnicodeError) as error:
            raise JournalError(
                f"the journal {self._name} cannot be read ({reason(error)})"
            ) from error
        finally:
            self._give_back(connection)

    def _taken(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise refusals.closed()
            if self._idle:
                return self._idle.pop()
        try:
            connection = connected(self._path)
            connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal {self._name} cannot be read ({reason(error)})"
            ) from error
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with contextlib.suppress(sqlite3.Error):
            connection.rollback()
        with self._lock:
            if not self._closed and len(self._idle) < _KEPT_OPEN:
                self._idle.append(connection)
                return
        connection.close()
