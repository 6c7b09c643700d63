"""What every journal keeps, whatever it keeps it in."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from blazen_nb.errors import JournalError, ValidationError
from blazen_nb.journal import Entry, Journal, Retention
from tests.journal.conftest import Now
from tests.journal.runs import SECONDS, run, ticks, updates

FOREVER = Retention(seconds=None, runs=None, size=None)


def test_a_run_is_there_once_it_was_begun_and_a_second_start_of_it_changes_nothing(
    journal: Journal,
) -> None:
    first = run(1, code=("a", "b"))
    assert journal.begin(first).result(SECONDS) is True
    assert journal.begin(replace(first, workflow_name="other")).result(SECONDS) is False
    assert journal.run(first.run_id) == first
    assert journal.run(run(2).run_id) is None


def test_entries_come_in_order_from_any_number_on_each_kind_by_itself(journal: Journal) -> None:
    one = run(1)
    journal.begin(one)
    journal.append(one.run_id, [*ticks(1, 2), *updates(1, 5)])
    journal.append(one.run_id, [*updates(9), *ticks(3)]).result(SECONDS)
    assert list(journal.entries(one.run_id, "tick")) == ticks(1, 2, 3)
    assert list(journal.entries(one.run_id, "update")) == updates(1, 5, 9)
    assert list(journal.entries(one.run_id, "update", after=1)) == updates(5, 9)
    assert list(journal.entries(one.run_id, "update", after=7)) == updates(9)
    assert list(journal.entries(one.run_id, "update", after=9)) == []
    assert list(journal.entries(run(2).run_id, "update")) == []


def test_an_ended_run_keeps_its_updates_and_result_and_loses_its_ticks(journal: Journal) -> None:
    one = run(1)
    journal.begin(one)
    journal.append(one.run_id, [*ticks(1), *updates(1)])
    journal.end(one.run_id, "succeeded", 2_000.0, b"result").result(SECONDS)
    found = journal.run(one.run_id)
    assert found == replace(one, outcome="succeeded", ended_at=2_000.0, result=b"result")
    assert list(journal.entries(one.run_id, "tick")) == []
    assert list(journal.entries(one.run_id, "update")) == updates(1)


def test_what_does_not_fit_is_refused_and_the_journal_goes_on(journal: Journal) -> None:
    one, other = run(1), run(2)
    journal.begin(one)
    journal.append(one.run_id, ticks(1, 2)).result(SECONDS)
    refused = [
        journal.append(other.run_id, ticks(1)),
        journal.append(one.run_id, [*ticks(3), *ticks(2)]),
        journal.end(other.run_id, "failed", 1.0, b""),
    ]
    for future in refused:
        with pytest.raises(JournalError):
            future.result(SECONDS)
    assert list(journal.entries(one.run_id, "tick")) == ticks(1, 2)
    journal.end(one.run_id, "failed", 1.0, b"").result(SECONDS)
    for late in (
        journal.append(one.run_id, ticks(3)),
        journal.end(one.run_id, "succeeded", 2.0, b""),
    ):
        with pytest.raises(JournalError, match="has ended"):
            late.result(SECONDS)
    with pytest.raises(ValidationError):
        journal.begin(run(3, run_id=b"short"))
    assert journal.begin(run(4)).result(SECONDS) is True


def test_runs_are_listed_the_newest_first_and_the_unfinished_by_themselves(
    journal: Journal,
) -> None:
    for number in (1, 2, 3):
        journal.begin(run(number))
    journal.end(run(2).run_id, "cancelled", 5.0, b"r").result(SECONDS)
    assert [each.workflow_name for each in journal.runs()] == ["w3", "w2", "w1"]
    assert [each.workflow_name for each in journal.runs(unfinished=True)] == ["w3", "w1"]
    assert {each.result for each in journal.runs()} == {None}


def test_code_is_kept_by_its_digest(journal: Journal) -> None:
    journal.keep_code("d1", b"def f(): ...")
    journal.keep_code("d1", b"def f(): ...")
    journal.begin(run(1, code=("d1",))).result(SECONDS)
    assert journal.code("d1") == b"def f(): ..."
    with pytest.raises(JournalError, match="d2"):
        journal.code("d2")


def test_code_goes_when_no_unfinished_run_names_it(journal: Journal) -> None:
    journal.keep_code("used", b"1")
    journal.keep_code("unused", b"2")
    journal.begin(run(1, code=("used",))).result(SECONDS)
    for _ in range(2):
        journal.prune(FOREVER)
    assert journal.code("used") == b"1"
    with pytest.raises(JournalError):
        journal.code("unused")


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        (FOREVER, ["w4", "w3", "w2", "w1"]),
        (replace(FOREVER, seconds=150.0), ["w4", "w3"]),
        (replace(FOREVER, runs=1), ["w4", "w3"]),
        (replace(FOREVER, size=2_500), ["w4", "w3", "w2"]),
        (replace(FOREVER, runs=0), ["w4"]),
    ],
)
def test_ended_runs_go_by_age_number_or_size_and_unfinished_ones_stay(
    journal: Journal, now: Now, limits: Retention, left: list[str]
) -> None:
    now.seconds = 10_300.0
    for number in (1, 2, 3):
        journal.begin(run(number))
        journal.append(run(number).run_id, [Entry("update", 1, bytes(1_000))])
        journal.end(run(number).run_id, "succeeded", 10_000.0 + number * 60, b"")
    journal.begin(run(4)).result(SECONDS)
    pruned = journal.prune(limits)
    assert [each.workflow_name for each in journal.runs()] == left
    assert pruned.runs == 4 - len(left)
    assert pruned.size == pruned.runs * len(b"start 1" + bytes(1_000))


def test_a_forgotten_run_is_as_one_that_never_was(journal: Journal) -> None:
    one = run(1)
    journal.begin(one)
    journal.append(one.run_id, updates(1))
    journal.forget([one.run_id, run(2).run_id]).result(SECONDS)
    assert journal.run(one.run_id) is None
    assert list(journal.entries(one.run_id, "update")) == []
    assert journal.begin(one).result(SECONDS) is True


def test_writes_of_many_threads_keep_the_order_within_each_run(journal: Journal) -> None:
    called: list[int] = []

    def write(number: int) -> None:
        mine = run(number)
        journal.begin(mine)
        for tick in range(1, 101):
            future = journal.append(mine.run_id, ticks(tick))
            future.add_done_callback(lambda done, tick=tick: called.append(tick))  # type: ignore[misc]
        future.result(SECONDS)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    for number in range(8):
        assert list(journal.entries(run(number).run_id, "tick")) == ticks(*range(1, 101))
    assert sorted(called) == sorted(list(range(1, 101)) * 8)


def test_a_closed_journal_refuses(journal: Journal) -> None:
    journal.begin(run(1)).result(SECONDS)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.begin(run(2)).result(SECONDS)
    with pytest.raises(JournalError, match="closed"):
        journal.runs()
