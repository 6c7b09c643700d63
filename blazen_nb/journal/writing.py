"""What each write does to the tables, inside a transaction that its caller begins and ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from blazen_nb.journal import refusals
from blazen_nb.journal.protocol import BEGUN, Entry, EntryKind, JournaledRun
from blazen_nb.journal.rows import (
    KIND_NUMBERS,
    SELECT_RUNS,
    RunRow,
    code_seal,
    entry_seal,
    part_seal,
    run_values,
    state_seal,
)
from blazen_nb.updates import Outcome

_BEGIN = (
    "INSERT INTO runs (run_id, identity, namespace, client, workflow_name, started_at, code, sum, "
    "outcome, ended_at, last_tick, last_update, size, state_sum) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id) DO NOTHING"
)
_PART = "INSERT INTO payloads (run, part, payload, sum) VALUES (?, ?, ?, ?)"
_ENTRY = "INSERT INTO entries (run, kind, number, previous, payload, sum) VALUES (?, ?, ?, ?, ?, ?)"
_SIZE_OF_KIND = "SELECT COALESCE(SUM(LENGTH(payload)), 0) FROM entries WHERE run = ? AND kind = ?"
_STATE = (
    "UPDATE runs SET outcome = ?, ended_at = ?, last_tick = ?, last_update = ?, size = ?, "
    "state_sum = ? WHERE id = ?"
)
_CODE = (
    "INSERT INTO code (digest, code, sum) VALUES (?, ?, ?) "
    "ON CONFLICT (digest) DO UPDATE SET code = excluded.code, sum = excluded.sum"
)


_PAGES_AT_ONCE = 1024
"""Others that write wait so long."""


@dataclass(slots=True)
class _Open:
    """A run that goes on, as its row will say at the end of the transaction."""

    id: int
    last: dict[EntryKind, int]
    size: int
    outcome: Outcome | None = None
    ended_at: float | None = None


class Tables:
    """The tables as the writer sees them. It is the only writer, so it knows what it wrote.

    A write that is refused (JournalError) has changed nothing.

    Args:
        name: What errors call the journal.
    """

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._name = name
        self._open: dict[bytes, _Open] = {}
        self._changed: dict[bytes, _Open] = {}
        self._code: set[str] = set()
        self._named_lately: set[str] = set()

    def keep_code(self, digest: str, code: bytes) -> None:
        """As the protocol says."""
        self._named_lately.add(digest)
        if digest not in self._code:
            self._execute(_CODE, (digest, code, code_seal(digest, code)))
            self._code.add(digest)

    def begin(self, run: JournaledRun) -> bool:
        """As the protocol says."""
        cursor = self._execute(_BEGIN, run_values(run))
        if not cursor.rowcount:
            return False
        assert cursor.lastrowid is not None
        self._open[run.run_id] = _Open(
            cursor.lastrowid, {"tick": BEGUN, "update": BEGUN}, len(run.start)
        )
        self._keep_part(run.run_id, cursor.lastrowid, "start", run.start)
        self._named_lately.update(run.code)
        return True

    def append(self, run_id: bytes, entries: Sequence[Entry]) -> None:
        """As the protocol says."""
        run = self._unfinished(run_id)
        refusals.check_ascent(run_id, run.last, entries)
        rows = []
        for entry in entries:
            kind, previous = KIND_NUMBERS[entry.kind], run.last[entry.kind]
            sum_ = entry_seal(run_id, kind, entry.number, previous, entry.payload)
            rows.append((run.id, kind, entry.number, previous, entry.payload, sum_))
            run.last[entry.kind] = entry.number
            run.size += len(entry.payload)
        self._connection.executemany(_ENTRY, rows)
        self._changed[run_id] = run

    def end(self, run_id: bytes, outcome: Outcome, ended_at: float, result: bytes) -> None:
        """As the protocol says."""
        run = self._unfinished(run_id)
        self._keep_part(run_id, run.id, "result", result)
        run.size += len(result)
        if run.last["tick"] != BEGUN:
            self._forget_ticks(run)
        run.outcome, run.ended_at = outcome, float(ended_at)
        self._changed[run_id] = run
        del self._open[run_id]

    def forget(self, run_ids: Iterable[bytes]) -> None:
        """As the protocol says."""
        for run_id in run_ids:
            self._open.pop(run_id, None)
            self._changed.pop(run_id, None)
            row = self._execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            if row is not None:
                self._execute("DELETE FROM entries WHERE run = ?", row)
                self._execute("DELETE FROM payloads WHERE run = ?", row)
                self._execute("DELETE FROM runs WHERE id = ?", row)

    def forget_code(self, but: Container[str]) -> None:
        """Code that is not among these, and was not named since the last time, is not there any more."""
        digests = [digest for (digest,) in self._execute("SELECT digest FROM code")]
        going = [it for it in digests if it not in but and it not in self._named_lately]
        self._connection.executemany("DELETE FROM code WHERE digest = ?", zip(going))
        self._code.difference_update(going)
        self._named_lately.clear()

    def shrink(self) -> bool:
        """Give some free pages of the file back; whether there are more."""
        (free,) = self._execute("PRAGMA freelist_count").fetchone()
        # Page by page: Python takes one step of this statement, and frees one page whatever it asks for.
        for _ in range(min(free, _PAGES_AT_ONCE)):
            self._execute("PRAGMA incremental_vacuum(1)")
        return bool(free > _PAGES_AT_ONCE)

    def settle(self) -> None:
        """The rows of all runs that changed say so: once a transaction, however much was appended."""
        if self._changed:
            self._connection.executemany(
                _STATE, [_state(run_id, run) for run_id, run in self._changed.items()]
            )
            self._changed.clear()

    def _keep_part(self, run_id: bytes, id_: int, part: str, payload: bytes) -> None:
        self._execute(_PART, (id_, part, payload, part_seal(run_id, part, payload)))

    def _forget_ticks(self, run: _Open) -> None:
        ticks = (run.id, KIND_NUMBERS["tick"])
        ((size,),) = self._execute(_SIZE_OF_KIND, ticks)
        self._execute("DELETE FROM entries WHERE run = ? AND kind = ?", ticks)
        run.size -= size
        run.last["tick"] = BEGUN

    def _unfinished(self, run_id: bytes) -> _Open:
        run = self._open.get(run_id)
        if run is not None:
            return run
        if run_id in self._changed:
            raise refusals.has_ended(run_id)
        found = self._execute(SELECT_RUNS + "WHERE run_id = ?", (run_id,)).fetchone()
        if found is None:
            raise refusals.not_there(run_id)
        row = RunRow(found, self._name)
        if row.outcome is not None:
            raise refusals.has_ended(run_id)
        run = self._open[run_id] = _Open(row.id, row.last, row.size)
        return run


def _state(run_id: bytes, run: _Open) -> tuple[str | float | int | None, ...]:
    values = (run.outcome, run.ended_at, run.last["tick"], run.last["update"], run.size)
    return (*values, state_seal(run_id, *values), run.id)
