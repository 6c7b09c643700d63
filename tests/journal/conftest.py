"""Both journals, for the one contract that they keep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from blazen_nb.journal import Journal
from blazen_nb.journal.memory import MemoryJournal
from blazen_nb.journal.sqlite import SqliteJournal


class Now:
    """Seconds since the epoch, as a test says."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    """The journals' clock."""
    return Now()


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path, now: Now) -> Iterator[Journal]:
    """An empty journal of each kind."""
    kept: Journal = (
        MemoryJournal(clock=now)
        if request.param == "memory"
        else SqliteJournal(tmp_path / "runs.db", clock=now)
    )
    yield kept
    kept.close()
