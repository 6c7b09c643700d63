"""A journal of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blazen_nb.journal import Journal
from blazen_nb.journal.memory import MemoryJournal
from blazen_nb.journal.sqlite import SqliteJournal
from tests.journal.stories import STARTED


def _now() -> float:
    return STARTED + 1000.0


_KINDS: dict[str, Callable[[Path], Journal]] = {
    "memory": lambda _: MemoryJournal(clock=_now),
    "sqlite": lambda path: SqliteJournal(path, clock=_now),
    "sqlite-normal": lambda path: SqliteJournal(path, clock=_now, synchronous="NORMAL"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a journal's file may be."""
    return tmp_path / "state" / "peer.db"


@pytest.fixture(params=_KINDS)
def journal(request: pytest.FixtureRequest, path: Path) -> Iterator[Journal]:
    """One of each kind, a thousand seconds after the runs of ``stories`` began."""
    made = _KINDS[request.param](path)
    yield made
    made.close()
