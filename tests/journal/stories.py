"""Runs for journals to keep, and what a journal holds, as plain values that compare."""

from __future__ import annotations

from typing import Any

from blazen_nb.journal import Entry, EntryKind, Journal, JournaledRun

STARTED = 1_700_000_000.0


def a_run(number: int = 1, **differing: Any) -> JournaledRun:
    """A run whose texts are not all ASCII."""
    values: dict[str, Any] = {
        "run_id": number.to_bytes(16, "big"),
        "identity": "token:\N{SNOWMAN}",
        "namespace": "notebook\N{SNOWMAN}",
        "client": "kernel",
        "workflow_name": "Träume",
        "started_at": STARTED + number,
        "start": b"\0begin %d" % number,
        "code": ("d1", "d2"),
    }
    return JournaledRun(**(values | differing))


def ticks(*numbers: int) -> list[Entry]:
    """Ticks whose payloads tell their number."""
    return [Entry("tick", number, b"tick %d" % number) for number in numbers]


def updates(*numbers: int) -> list[Entry]:
    """Updates whose payloads tell their number."""
    return [Entry("update", number, b"update %d" % number) for number in numbers]


def numbers_of(journal: Journal, run_id: bytes, kind: EntryKind) -> list[int]:
    """Numbers of the entries that are there, in order; payloads are checked on the way."""
    found = list(journal.entries(run_id, kind))
    assert all(entry.payload == f"{kind} {entry.number}".encode() for entry in found)
    return [entry.number for entry in found]


def kept(journal: Journal, run: JournaledRun, *, ended_at: float | None = None) -> JournaledRun:
    """The run is in the journal, with two ticks and two updates, and has ended where a time is given."""
    journal.begin(run)
    written = journal.append(run.run_id, [*ticks(1, 2), *updates(1, 4)])
    if ended_at is not None:
        written = journal.end(run.run_id, "succeeded", ended_at, b"result")
    written.result(5)
    return run
