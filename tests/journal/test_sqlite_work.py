"""How the SQLite journal shares its disk: readers, writers, and space that comes back."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from blazen_nb.journal import Entry, Retention
from blazen_nb.journal.sqlite import SqliteJournal
from tests.journal.stories import STARTED, a_run, kept, numbers_of, ticks


@pytest.fixture
def blocked() -> threading.Event:
    """Set by a test to let the writer's thread go on."""
    return threading.Event()


def test_reads_do_not_wait_for_a_write_that_takes_long(
    path: Path, blocked: threading.Event
) -> None:
    with closing(SqliteJournal(path)) as journal:
        run = kept(journal, a_run())
        begun = threading.Event()

        def long_write(_: object) -> bool:
            begun.set()
            return blocked.wait(5)

        waiting = journal.append(run.run_id, ticks(3))
        long = journal._writer.write(long_write)
        assert begun.wait(5)
        assert journal.run(run.run_id) == run
        assert numbers_of(journal, run.run_id, "tick")[:2] == [1, 2]
        assert len(journal.runs()) == 1
        assert not long.done()
        blocked.set()
        assert long.result(5)
        waiting.result(5)
        assert numbers_of(journal, run.run_id, "tick") == [1, 2, 3]


def test_what_waits_meanwhile_is_one_transaction(path: Path, blocked: threading.Event) -> None:
    with closing(SqliteJournal(path)) as journal:
        commits: list[str] = []
        journal._writer._connection.set_trace_callback(commits.append)
        journal._writer.write(lambda _: blocked.wait(5))
        journal.begin(a_run())
        written = [journal.append(a_run().run_id, ticks(number)) for number in range(1, 101)]
        blocked.set()
        for future in written:
            future.result(5)
        # The one that was waited for may have had the next with it.
        assert commits.count("COMMIT") <= 2
        assert numbers_of(journal, a_run().run_id, "tick") == list(range(1, 101))


def test_closing_writes_what_waits(path: Path, blocked: threading.Event) -> None:
    journal = SqliteJournal(path)
    journal._writer.write(lambda _: blocked.wait(5))
    journal.begin(a_run())
    written = [journal.append(a_run().run_id, ticks(number)) for number in range(1, 51)]
    threading.Timer(0.05, blocked.set).start()
    journal.close()
    assert all(future.done() and future.exception() is None for future in written)
    with closing(SqliteJournal(path)) as again:
        assert numbers_of(again, a_run().run_id, "tick") == list(range(1, 51))


@pytest.mark.slow
def test_of_ten_thousand_runs_the_newest_stay_and_the_space_of_the_others_comes_back(
    path: Path,
) -> None:
    story = [Entry("update", number, bytes(300)) for number in (1, 2)]
    with closing(SqliteJournal(path, synchronous="NORMAL", clock=lambda: STARTED)) as journal:
        for number in range(10_000):
            run = a_run(number)
            journal.begin(run)
            journal.append(run.run_id, story)
            ended = journal.end(run.run_id, "succeeded", STARTED + number, b"result")
        ended.result(10)
        assert len(journal.runs()) == 10_000
    large = path.stat().st_size
    with closing(SqliteJournal(path, clock=lambda: STARTED)) as journal:
        assert journal.prune(Retention(runs=100)).runs == 9_900
        expected = [a_run(number).run_id for number in range(9_999, 9_899, -1)]
        assert [run.run_id for run in journal.runs()] == expected
        assert len(list(journal.entries(expected[-1], "update"))) == 2
    assert path.stat().st_size < large / 20


def test_ticks_of_ended_runs_take_no_space_for_long(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        for number in range(30):
            run = a_run(number, start=b"")
            journal.begin(run)
            journal.append(run.run_id, [Entry("tick", 1, bytes(200_000))])
            journal.end(run.run_id, "succeeded", STARTED, b"").result(5)
    assert path.stat().st_size < 1_000_000
