"""Whatever byte of a closed file is changed: what is read is right, or it is an error."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blazen_nb.errors import JournalError
from blazen_nb.journal import EntryKind
from blazen_nb.journal.sqlite import SqliteJournal
from tests.faults.scale import scale
from tests.journal.stories import STARTED, a_run, kept, ticks

RUNS = range(1, 41)
ENDED = 30
Reads = dict[str, Callable[[SqliteJournal], Any]]


def _run(run_id: bytes, journal: SqliteJournal) -> Any:
    return journal.run(run_id)


def _entries(run_id: bytes, kind: EntryKind, journal: SqliteJournal) -> Any:
    return list(journal.entries(run_id, kind))


def _reads() -> Reads:
    reads: Reads = {
        "runs": lambda journal: journal.runs(),
        "unfinished": lambda journal: journal.runs(unfinished=True),
        "code": lambda journal: journal.code("d1"),
    }
    for number in (*RUNS, 99):
        run_id = a_run(number).run_id
        reads[f"run {number}"] = partial(_run, run_id)
        reads[f"ticks of {number}"] = partial(_entries, run_id, "tick")
        reads[f"updates of {number}"] = partial(_entries, run_id, "update")
    return reads


READS = _reads()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, Any]]:
    """A closed file with deep trees, overflowing payloads and free pages, and what is read from it."""
    path = tmp_path_factory.mktemp("written") / "peer.db"
    with closing(SqliteJournal(path)) as journal:
        journal.keep_code("d1", b"source" * 2000)
        for number in RUNS:
            run = kept(journal, a_run(number))
            journal.append(run.run_id, ticks(*range(3, 60)))
            if number > ENDED:
                journal.end(run.run_id, "succeeded", STARTED + number, b"result" * 1500)
        journal.forget([a_run(1).run_id]).result(5)
    with closing(SqliteJournal(path)) as journal:
        answers = {name: read(journal) for name, read in READS.items()}
    return path.read_bytes(), answers


@pytest.mark.faults
@settings(
    deadline=None,
    max_examples=scale(100, 5_000),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(where=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_a_changed_byte_gives_right_data_or_an_error(
    written: tuple[bytes, dict[str, Any]], tmp_path: Path, where: float, change: int
) -> None:
    content, answers = written
    path = tmp_path / "peer.db"
    damaged = bytearray(content)
    damaged[int(where * len(content))] ^= change
    path.write_bytes(damaged)
    for name, answer in _answers(path).items():
        assert isinstance(answer, JournalError) or answer == answers[name], name


def _answers(path: Path) -> dict[str, Any]:
    try:
        journal = SqliteJournal(path)
    except JournalError as error:
        return {"opening": error}
    with closing(journal):
        return {name: _answer(journal, name) for name in READS}


def _answer(journal: SqliteJournal, name: str) -> Any:
    try:
        return READS[name](journal)
    except JournalError as error:
        return error
