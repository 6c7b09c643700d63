"""What every journal promises."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from blazen_nb.errors import JournalError, ValidationError
from blazen_nb.journal import Entry, Journal, Retention
from tests.journal.stories import STARTED, a_run, kept, numbers_of, ticks, updates

KEEP_ALL = Retention(seconds=None, runs=None, size=None)


def test_a_run_is_read_as_it_was_begun(journal: Journal) -> None:
    run = a_run()
    assert journal.run(run.run_id) is None
    assert journal.begin(run).result(5) is True
    assert journal.run(run.run_id) == run


def test_a_run_that_is_begun_again_stays_as_it_is(journal: Journal) -> None:
    run = kept(journal, a_run())
    assert journal.begin(replace(run, client="another", start=b"other")).result(5) is False
    assert journal.run(run.run_id) == run
    assert numbers_of(journal, run.run_id, "tick") == [1, 2]


def test_a_run_that_has_ended_says_how(journal: Journal) -> None:
    run = kept(journal, a_run(), ended_at=STARTED + 9)
    assert journal.run(run.run_id) == replace(
        run, outcome="succeeded", ended_at=STARTED + 9, result=b"result"
    )
    assert journal.begin(run).result(5) is False


def test_updates_outlive_the_end_of_a_run_and_ticks_do_not(journal: Journal) -> None:
    run = kept(journal, a_run(), ended_at=STARTED + 9)
    assert numbers_of(journal, run.run_id, "update") == [1, 4]
    assert numbers_of(journal, run.run_id, "tick") == []


def test_runs_are_listed_from_the_newest_without_their_payloads(journal: Journal) -> None:
    first, second = kept(journal, a_run(1), ended_at=STARTED + 9), kept(journal, a_run(2))
    unfinished = replace(second, start=b"")
    ended = replace(first, start=b"", outcome="succeeded", ended_at=STARTED + 9)
    assert journal.runs() == [unfinished, ended]
    assert journal.runs(unfinished=True) == [unfinished]


def test_entries_are_read_after_a_number_of_either_kind(journal: Journal) -> None:
    run = kept(journal, a_run())
    journal.append(run.run_id, [*updates(5, 9), *ticks(7)]).result(5)
    assert [entry.number for entry in journal.entries(run.run_id, "update", after=2)] == [4, 5, 9]
    assert [entry.number for entry in journal.entries(run.run_id, "tick", after=2)] == [7]
    assert list(journal.entries(run.run_id, "tick", after=7)) == []
    assert list(journal.entries(b"?" * 16, "tick")) == []


def test_large_entries_and_many_come_whole(journal: Journal) -> None:
    run = kept(journal, a_run())
    large = [Entry("update", number, bytes([number % 251]) * 70_000) for number in range(10, 50)]
    small = [Entry("tick", number, b"%d" % number) for number in range(10, 2000)]
    journal.append(run.run_id, [*large, *small]).result(5)
    assert list(journal.entries(run.run_id, "update", after=9)) == large
    assert list(journal.entries(run.run_id, "tick", after=9)) == small


def test_what_is_appended_while_entries_are_read_follows(journal: Journal) -> None:
    run = a_run()
    journal.begin(run)
    journal.append(run.run_id, ticks(*range(1, 1001))).result(5)
    reading = journal.entries(run.run_id, "tick")
    assert next(reading).number == 1
    journal.append(run.run_id, ticks(1001)).result(5)
    journal.begin(a_run(2)).result(5)
    assert [entry.number for entry in reading][:999] == list(range(2, 1001))


def test_numbers_that_do_not_ascend_are_refused_with_all_that_came_with_them(
    journal: Journal,
) -> None:
    run = kept(journal, a_run())
    refused = journal.append(run.run_id, [*ticks(3), *updates(4)])
    with pytest.raises(JournalError, match=r"update 4 of run 0+1 does not come after 4"):
        refused.result(5)
    journal.append(run.run_id, ticks(3)).result(5)
    assert numbers_of(journal, run.run_id, "tick") == [1, 2, 3]
    assert numbers_of(journal, run.run_id, "update") == [1, 4]


def test_a_run_that_is_not_there_takes_nothing_and_the_journal_goes_on(journal: Journal) -> None:
    run = a_run()
    refused = [journal.append(run.run_id, ticks(1)), journal.end(run.run_id, "lost", STARTED, b"")]
    for future in refused:
        with pytest.raises(JournalError, match="begin it first"):
            future.result(5)
    assert journal.begin(run).result(5)


def test_a_run_that_has_ended_takes_nothing(journal: Journal) -> None:
    run = a_run()
    # At once and later: the first two may share a transaction with the end.
    journal.begin(run)
    journal.end(run.run_id, "failed", STARTED + 5, b"why")
    at_once = journal.append(run.run_id, ticks(1))
    with pytest.raises(JournalError, match="has ended"):
        at_once.result(5)
    with pytest.raises(JournalError, match="has ended"):
        journal.end(run.run_id, "succeeded", STARTED + 6, b"").result(5)
    found = journal.run(run.run_id)
    assert found is not None
    assert (found.outcome, found.result) == ("failed", b"why")


@pytest.mark.parametrize("differing", [{"run_id": b"short"}, {"client": "\ud800"}])
def test_a_run_that_cannot_be_written_is_refused_at_once(
    journal: Journal, differing: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        journal.begin(a_run(**differing))
    assert journal.begin(a_run()).result(5)


def test_code_is_there_once_a_later_write_is(journal: Journal) -> None:
    journal.keep_code("d1", b"\0source")
    journal.keep_code("d1", b"\0source")
    journal.begin(a_run()).result(5)
    assert journal.code("d1") == b"\0source"
    with pytest.raises(JournalError, match="the code d7 is not in the journal"):
        journal.code("d7")


def test_forgotten_runs_are_not_there_and_can_begin_anew(journal: Journal) -> None:
    first, second = kept(journal, a_run(1)), kept(journal, a_run(2))
    journal.forget([first.run_id, b"?" * 16]).result(5)
    assert journal.run(first.run_id) is None
    assert numbers_of(journal, first.run_id, "update") == []
    with pytest.raises(JournalError, match="not in the journal"):
        journal.append(first.run_id, ticks(3)).result(5)
    assert [run.run_id for run in journal.runs()] == [second.run_id]
    assert journal.begin(first).result(5) is True
    assert numbers_of(journal, first.run_id, "tick") == []


@pytest.mark.parametrize(
    ("retention", "stay"),
    [
        (KEEP_ALL, [1, 2, 3, 4]),
        (Retention(seconds=980.0, runs=None, size=None), [1, 3, 4]),
        (Retention(seconds=None, runs=1, size=None), [1, 4]),
        (Retention(seconds=None, runs=0, size=None), [1]),
        (Retention(seconds=None, runs=None, size=95), [1, 4]),
        (Retention(seconds=None, runs=None, size=0), [1]),
    ],
)
def test_pruning_forgets_the_oldest_ended_runs_beyond_any_limit(
    journal: Journal, retention: Retention, stay: list[int]
) -> None:
    kept(journal, a_run(1))
    for number, ended_at in ((2, 10), (3, 20), (4, 30)):
        kept(journal, a_run(number), ended_at=STARTED + ended_at)
    pruned = journal.prune(retention)
    assert [run.run_id[-1] for run in reversed(journal.runs())] == stay
    # start, result and two updates; ticks went with the end.
    size = len(b"\0begin 1") + len(b"result") + 2 * len(b"update 1")
    assert (pruned.runs, pruned.size) == (4 - len(stay), (4 - len(stay)) * size)
    assert journal.prune(retention).runs == 0
    assert numbers_of(journal, a_run(1).run_id, "tick") == [1, 2]


def test_code_goes_once_no_unfinished_run_names_it(journal: Journal) -> None:
    for digest in ("d1", "d2", "d3"):
        journal.keep_code(digest, digest.encode())
    run = kept(journal, a_run(1, code=("d1",)))
    kept(journal, a_run(2, code=("d2",)), ended_at=STARTED + 9)
    journal.prune(KEEP_ALL)
    # A begin that names it could still be on its way.
    assert journal.code("d3") == b"d3"
    journal.prune(KEEP_ALL)
    assert journal.code("d1") == b"d1"
    for digest in ("d2", "d3"):
        with pytest.raises(JournalError, match="register it again"):
            journal.code(digest)
    journal.end(run.run_id, "cancelled", STARTED + 9, b"").result(5)
    journal.prune(KEEP_ALL)
    with pytest.raises(JournalError, match="register it again"):
        journal.code("d1")


def test_code_that_went_can_be_kept_again(journal: Journal) -> None:
    journal.keep_code("d1", b"source")
    journal.prune(KEEP_ALL)
    journal.prune(KEEP_ALL)
    journal.keep_code("d1", b"source")
    kept(journal, a_run(1, code=("d1",)))
    journal.prune(KEEP_ALL)
    journal.prune(KEEP_ALL)
    assert journal.code("d1") == b"source"


def test_eight_threads_at_once_keep_the_order_of_each_run(journal: Journal) -> None:
    def story(number: int) -> list[int]:
        run = a_run(number)
        journal.begin(run)
        for tick in range(1, 200):
            written = journal.append(run.run_id, [*ticks(tick), *updates(2 * tick)])
            if tick % 40 == 0:
                seen = numbers_of(journal, run.run_id, "update")
                assert seen == [2 * number for number in range(1, len(seen) + 1)]
        written.result(5)
        return numbers_of(journal, run.run_id, "tick")

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(story, range(1, 9))) == [list(range(1, 200))] * 8
    assert len(journal.runs()) == 8


def test_a_callback_may_write_and_one_that_raises_harms_nobody(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()
    run = a_run()

    def appended(future: Future[None]) -> None:
        future.result()
        done.set()

    def begun(future: Future[bool]) -> None:
        assert future.result()
        journal.append(run.run_id, ticks(1)).add_done_callback(appended)

    journal.begin(run).add_done_callback(begun)
    assert done.wait(5)
    journal.append(run.run_id, ticks(2)).add_done_callback(lambda _: 1 // 0)
    journal.append(run.run_id, ticks(3)).result(5)
    assert numbers_of(journal, run.run_id, "tick") == [1, 2, 3]


def test_a_write_cannot_be_cancelled(journal: Journal) -> None:
    begun = journal.begin(a_run())
    assert not begun.cancel()
    assert begun.result(5)


def test_a_closed_journal_refuses_and_closing_it_again_is_nothing(journal: Journal) -> None:
    run = kept(journal, a_run())
    journal.close()
    journal.close()
    journal.keep_code("d1", b"")
    with pytest.raises(JournalError, match="closed"):
        journal.append(run.run_id, ticks(3)).result(5)
    for read in (journal.runs, lambda: journal.run(run.run_id), lambda: journal.code("d1")):
        with pytest.raises(JournalError, match="closed"):
            read()
    with pytest.raises(JournalError, match="closed"):
        list(journal.entries(run.run_id, "tick"))
    with pytest.raises(JournalError, match="closed"):
        journal.prune(Retention())
