"""Runs for the tests of journals."""

from __future__ import annotations

from typing import Any

from blazen_nb.journal import Entry, JournaledRun

SECONDS = 10.0


def run(number: int, **changes: Any) -> JournaledRun:
    """A run that can be told from others."""
    fields: dict[str, Any] = {
        "run_id": number.to_bytes(16, "big"),
        "identity": "me",
        "namespace": "nb",
        "client": "notebook",
        "workflow_name": f"w{number}",
        "started_at": 1_000.0 + number,
        "start": b"start %d" % number,
    }
    return JournaledRun(**fields | changes)


def ticks(*numbers: int) -> list[Entry]:
    """Entries of these numbers."""
    return [Entry("tick", number, b"tick %d" % number) for number in numbers]


def updates(*numbers: int) -> list[Entry]:
    """Entries of these numbers."""
    return [Entry("update", number, b"update %d" % number) for number in numbers]
