"""What a durable run costs in the journal alone, beside SQLite used plainly; nothing crosses a wire here.

A run is its begin, what a run of one step keeps, and its end; a caller waits until all of it is on the disk.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from measure import Sample, latency, rate_threads
from payload import JOURNALED_RUNS
from subject import serve

from blazen_nb.journal import Entry, JournaledRun
from blazen_nb.journal.sqlite import SqliteJournal, Synchronous

START, RESULT = bytes(300), bytes(100)
ENTRIES = [
    *[Entry("tick", number, bytes(150)) for number in (1, 2, 3)],
    *[Entry("update", number, bytes(150)) for number in (1, 2, 3, 4)],
]


class Journals:
    """A folder with a file for each figure; the one with many runs is filled once."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-journal-")
        self._files = 0
        self._grown: SqliteJournal | None = None

    def empty(
        self, synchronous: Synchronous, measure: Callable[[Callable[[], Any]], Sample]
    ) -> Sample:
        """With a new file."""
        journal = SqliteJournal(self._file(), synchronous=synchronous)
        try:
            return measure(partial(_run, journal))
        finally:
            journal.close()

    def grown(self, synchronous: Synchronous) -> Sample:
        """With a file that has many runs."""
        if self._grown is None:
            self._grown = SqliteJournal(self._file(), synchronous=synchronous)
            for _ in range(JOURNALED_RUNS):
                last = _begun_and_ended(self._grown)
            last.result()
        return latency(partial(_run, self._grown))

    def plain(
        self, synchronous: Synchronous, measure: Callable[[Callable[[], Any]], Sample]
    ) -> Sample:
        """The same rows by SQLite alone: a transaction for each run, no checksums, no threads."""
        plain = _Plain(self._file(), synchronous)
        try:
            return measure(plain.run)
        finally:
            plain.close()

    def close(self) -> None:
        """Nothing of it stays."""
        if self._grown is not None:
            self._grown.close()
        self._folder.cleanup()

    def _file(self) -> Path:
        self._files += 1
        return Path(self._folder.name, f"{self._files}.db")


class _Plain:
    def __init__(self, path: Path, synchronous: Synchronous) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {synchronous}")
        self._connection.execute("CREATE TABLE runs (id BLOB PRIMARY KEY, start, result)")
        self._connection.execute(
            "CREATE TABLE entries (run, kind, number, payload, PRIMARY KEY (run, kind, number))"
            " WITHOUT ROWID"
        )

    def run(self) -> None:
        """As ``_run``."""
        run_id = os.urandom(16)
        rows = [(run_id, entry.kind, entry.number, entry.payload) for entry in ENTRIES]
        with self._lock:
            self._connection.execute("BEGIN")
            self._connection.execute("INSERT INTO runs VALUES (?, ?, NULL)", (run_id, START))
            self._connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?)", rows)
            self._connection.execute("UPDATE runs SET result = ? WHERE id = ?", (RESULT, run_id))
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """The file can go."""
        self._connection.close()


def _run(journal: SqliteJournal) -> None:
    _begun_and_ended(journal).result()


def _begun_and_ended(journal: SqliteJournal) -> Any:
    run_id = os.urandom(16)
    journal.begin(
        JournaledRun(
            run_id=run_id,
            identity="bench",
            namespace="",
            client="bench",
            workflow_name="bench",
            started_at=1.0,
            start=START,
        )
    )
    journal.append(run_id, ENTRIES)
    return journal.end(run_id, "succeeded", 2.0, RESULT)


MEASURES: dict[str, Callable[[Journals], Sample]] = {
    "full_one": lambda them: them.empty("FULL", latency),
    "full_many": lambda them: them.empty("FULL", rate_threads),
    "normal_one": lambda them: them.empty("NORMAL", latency),
    "normal_many": lambda them: them.empty("NORMAL", rate_threads),
    "plain_full_one": lambda them: them.plain("FULL", latency),
    "plain_full_many": lambda them: them.plain("FULL", rate_threads),
    "plain_normal_one": lambda them: them.plain("NORMAL", latency),
    "plain_normal_many": lambda them: them.plain("NORMAL", rate_threads),
    "grown": lambda them: them.grown("NORMAL"),
}

if __name__ == "__main__":
    serve(Journals, MEASURES)
