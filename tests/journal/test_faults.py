"""Disks that fill up, files that are damaged: it is said, and nothing that was written before is lost."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from blazen_nb.errors import JournalError
from blazen_nb.journal import Entry, Retention
from blazen_nb.journal.sqlite import SqliteJournal
from tests.journal.children import child
from tests.journal.stories import STARTED, a_run, kept, numbers_of, ticks


@pytest.fixture
def full(path: Path) -> Iterator[SqliteJournal]:
    """A journal with a run, on a disk that takes no further page."""
    with closing(SqliteJournal(path)) as journal:
        kept(journal, a_run(1), ended_at=STARTED + 9)
        kept(journal, a_run(2))
        connection = journal._writer._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        yield journal


def _large(number: int) -> Entry:
    return Entry("update", number, bytes(100_000))


def test_a_full_disk_is_said_and_every_later_write_says_the_same(full: SqliteJournal) -> None:
    run_id = a_run(2).run_id
    failing = full.append(run_id, [_large(9)])
    message = str(failing.exception(5))
    assert "peer.db could not be written (database or disk is full)" in message
    later: list[Future[Any]] = [
        full.append(run_id, ticks(3)),
        full.begin(a_run(3)),
        full.end(run_id, "lost", STARTED, b""),
        full.forget([run_id]),
    ]
    assert [(type(it.exception(5)), str(it.exception(5))) for it in later] == [
        (JournalError, message)
    ] * 4
    with pytest.raises(JournalError, match="disk is full"):
        full.prune(Retention(runs=0))


def test_what_was_written_before_the_disk_was_full_can_be_read_then_and_later(
    full: SqliteJournal, path: Path
) -> None:
    run_id = a_run(2).run_id
    assert full.append(run_id, [*ticks(3), _large(9)]).exception(5)
    assert numbers_of(full, run_id, "tick") == [1, 2]
    assert len(full.runs()) == 2
    full.close()
    with closing(SqliteJournal(path)) as again:
        assert numbers_of(again, run_id, "tick") == [1, 2]
        again.append(run_id, [_large(9)]).result(5)


def test_writes_that_share_a_transaction_with_one_that_fails_all_say_so(
    full: SqliteJournal,
) -> None:
    # The first holds the thread, so that those behind it are together.
    run_id = a_run(2).run_id
    behind: list[Future[None]] = []

    def while_it_waits(_: object) -> None:
        behind.extend([full.append(run_id, ticks(3)), full.append(run_id, [_large(9)])])
        behind.append(full.append(run_id, ticks(4)))

    first = full.forget([])
    first.add_done_callback(while_it_waits)
    full.forget([]).result(5)
    assert all("disk is full" in str(future.exception(5)) for future in behind)
    assert numbers_of(full, run_id, "tick") == [1, 2]


def test_a_file_that_may_not_grow_loses_nothing_that_was_acknowledged(path: Path) -> None:
    with child("fill", path, str(300_000)) as process:
        assert process.stdout is not None
        acknowledged, read, errors = json.loads(process.stdout.readline())
        assert process.wait(5) == 0
    assert acknowledged > 5
    assert read == acknowledged
    assert len(set(errors)) == 1
    with closing(SqliteJournal(path)) as journal:
        there = list(journal.entries(a_run().run_id, "update"))
    # The one whose write failed may be there after all, and is whole then.
    assert len(there) in (acknowledged, acknowledged + 1)
    assert {entry.payload for entry in there} == {bytes(10_000)}


@pytest.mark.parametrize(
    "content", [b"not a database", b"SQLite format 3\0" + bytes(84), b"\0" * 4096, b"x" * 5000]
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"peer.db is not a journal .*: choose another file"):
        SqliteJournal(path)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (id)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="not a journal of blazen_nb"):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_a_folder_in_the_place_of_the_file_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(JournalError, match=r"peer.db cannot be opened \(Is a directory\)"):
        SqliteJournal(path)


def test_a_folder_that_cannot_be_made_is_refused(path: Path) -> None:
    path.parent.write_text("a file")
    with pytest.raises(JournalError, match="cannot be made"):
        SqliteJournal(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights here")
def test_a_folder_of_somebody_else_is_refused_with_what_to_do() -> None:
    nobody = 65534
    # Not in a folder of pytest's, into which nobody else may look.
    os.seteuid(nobody)
    try:
        with pytest.raises(JournalError, match="in a folder of yours on a local disk"):
            SqliteJournal(Path("/blazen_nb_test.db"))
    finally:
        os.seteuid(0)


def test_a_log_without_its_file_is_not_written_over(path: Path) -> None:
    SqliteJournal(path).close()
    path.rename(path.with_name("elsewhere.db"))
    log = path.with_name("peer.db-wal")
    log.write_bytes(b"the latest entries")
    with pytest.raises(JournalError, match="put the file back"):
        SqliteJournal(path)
    assert log.read_bytes() == b"the latest entries"


def test_a_file_that_was_cut_off_is_refused_or_read_rightly(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        run = kept(journal, a_run())
        journal.append(run.run_id, [_large(9)]).result(5)
    whole = path.read_bytes()
    refused = 0
    for length in range(1, len(whole), 4096 * 3 + 17):
        path.write_bytes(whole[:length])
        try:
            with closing(SqliteJournal(path)) as journal:
                assert journal.run(run.run_id) == run
                assert list(journal.entries(run.run_id, "update", after=4)) == [_large(9)]
        except JournalError:
            refused += 1
    assert refused > 5


def test_one_damaged_run_does_not_hide_the_others(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        damaged, whole = kept(journal, a_run(1)), kept(journal, a_run(2))
    content = path.read_bytes()
    assert content.count(b"begin 1") == 1
    path.write_bytes(content.replace(b"begin 1", b"begin 7"))
    with closing(SqliteJournal(path)) as journal:
        with pytest.raises(JournalError, match=rf"run {damaged.run_id.hex()} is damaged .*peer.db"):
            journal.run(damaged.run_id)
        assert journal.run(whole.run_id) == whole
        journal.append(whole.run_id, ticks(3)).result(5)
        journal.forget([damaged.run_id]).result(5)
        assert journal.run(damaged.run_id) is None


@pytest.mark.parametrize("name", [b"identit\xfb TEXT", b"identitY TEXT"])
def test_damaged_definitions_of_the_tables_are_refused(path: Path, name: bytes) -> None:
    SqliteJournal(path).close()
    path.write_bytes(path.read_bytes().replace(b"identity TEXT", name))
    with pytest.raises(JournalError, match=r"peer.db .*: move it away to begin a new one"):
        SqliteJournal(path)


def test_a_key_that_is_none_any_more_does_not_change_the_order_of_runs(path: Path) -> None:
    # Found by changing bytes at random: the rows were whole, and came from the oldest on.
    SqliteJournal(path).close()
    path.write_bytes(path.read_bytes().replace(b"id INTEGER PRIMARY", b"id INTEGEX PRIMARY"))
    with pytest.raises(JournalError, match="its tables are not what they were"):
        SqliteJournal(path)


def test_pruning_leaves_a_run_alone_whose_end_cannot_be_trusted(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        kept(journal, a_run(1), ended_at=STARTED + 9)
        kept(journal, a_run(2), ended_at=STARTED + 9)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE runs SET ended_at = 5.0 WHERE id = 1")
        connection.commit()
    with closing(SqliteJournal(path)) as journal:
        assert journal.prune(Retention(seconds=1)).runs == 1
        with pytest.raises(JournalError, match="damaged"):
            journal.run(a_run(1).run_id)


def test_entries_that_are_lost_are_noticed_wherever_they_were(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        run = a_run()
        journal.begin(run)
        journal.append(run.run_id, ticks(*range(1, 6))).result(5)
    whole = path.read_bytes()
    for lost in range(1, 6):
        path.write_bytes(whole)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DELETE FROM entries WHERE number = ?", (lost,))
            connection.commit()
        with closing(SqliteJournal(path)) as journal:
            with pytest.raises(JournalError, match="damaged"):
                list(journal.entries(run.run_id, "tick"))
            after = list(journal.entries(run.run_id, "tick", after=lost)) if lost < 5 else []
            assert [entry.number for entry in after] == list(range(lost + 1, 6))
