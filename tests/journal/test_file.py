"""The file: who may read it, who may open it, which format it has."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from blazen_nb.errors import JournalError, ValidationError
from blazen_nb.journal import Retention
from blazen_nb.journal.schema import FORMAT
from blazen_nb.journal.sqlite import SqliteJournal
from tests.journal.children import child
from tests.journal.stories import STARTED, a_run, kept, numbers_of, ticks

OLD_FILE = Path(__file__).parent / "files" / "format-1.db"


def test_the_file_is_there_after_a_restart_with_all_that_was_written(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        journal.keep_code("d1", b"source")
        first = kept(journal, a_run(1), ended_at=STARTED + 9)
        second = kept(journal, a_run(2))
    with closing(SqliteJournal(path)) as journal:
        assert journal.code("d1") == b"source"
        ended = replace(first, outcome="succeeded", ended_at=STARTED + 9, result=b"result")
        assert journal.run(first.run_id) == ended
        assert journal.runs(unfinished=True) == [replace(second, start=b"")]
        journal.append(second.run_id, ticks(3)).result(5)
        assert numbers_of(journal, second.run_id, "tick") == [1, 2, 3]
        with pytest.raises(JournalError, match="has ended"):
            journal.append(first.run_id, ticks(3)).result(5)


def test_a_mode_that_there_is_not_is_refused_before_anything_is_made(path: Path) -> None:
    with pytest.raises(ValidationError, match=r'"FULL" or "NORMAL", not .OFF'):
        SqliteJournal(path, synchronous="OFF")  # type: ignore[arg-type]  # what is tested
    assert not path.parent.exists()


def test_file_and_folder_are_for_this_user_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(SqliteJournal(path)) as journal:
            kept(journal, a_run())
            files = sorted(path.parent.iterdir())
            assert {file.name for file in files} >= {"peer.db", "peer.db-wal", "peer.db.lock"}
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_may_read_is_closed_to_them(path: Path) -> None:
    SqliteJournal(path).close()
    path.chmod(0o644)
    SqliteJournal(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_journal_of_this_process_is_refused_also_through_a_link(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        link = path.with_name("link.db")
        link.symlink_to(path)
        for name in (path, link):
            with pytest.raises(JournalError, match="open in this process already: close it first"):
                SqliteJournal(name)
        # The attempts have not loosened anything.
        kept(journal, a_run())
        with pytest.raises(JournalError, match="already"):
            SqliteJournal(path)
    SqliteJournal(path).close()


def test_another_process_is_refused_until_the_first_is_killed(path: Path) -> None:
    with child("hold", path) as holder:
        with pytest.raises(JournalError, match=rf"in use by process {holder.pid}: end that peer"):
            SqliteJournal(path)
        holder.kill()
        holder.wait(5)
        SqliteJournal(path).close()


def test_a_forked_child_neither_writes_nor_holds_the_file(path: Path) -> None:
    with child("fork", path) as parent:
        assert parent.stdout is not None
        forked, refusal = json.loads(parent.stdout.readline())
        try:
            assert "forked" in refusal
            parent.kill()
            parent.wait(5)
            with closing(SqliteJournal(path)) as journal:
                assert numbers_of(journal, a_run().run_id, "tick") == [1, 2]
        finally:
            os.kill(forked, signal.SIGKILL)


def test_a_file_of_the_first_format_is_brought_to_the_present_one(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(OLD_FILE.read_bytes())
    with closing(SqliteJournal(path, clock=lambda: STARTED + 100)) as journal:
        ended = replace(a_run(1), outcome="succeeded", ended_at=STARTED + 60, result=b"result")
        assert journal.run(a_run(1).run_id) == ended
        assert journal.run(a_run(2).run_id) == a_run(2)
        assert numbers_of(journal, a_run(1).run_id, "update") == [1, 4]
        assert numbers_of(journal, a_run(2).run_id, "tick") == [1, 2]
        assert journal.code("d1") == b"source one"
        journal.append(a_run(3).run_id, ticks(1)).result(5)
        # What the runs take is known without having been written then.
        assert journal.prune(Retention(size=0)).size == 30
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT,)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_file_of_a_newer_format_is_refused_and_left_alone(path: Path) -> None:
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    before = path.read_bytes()
    message = rf"format {FORMAT + 1}, and this version of blazen_nb reads up to {FORMAT}: upgrade"
    with pytest.raises(JournalError, match=message):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_a_journal_in_memory_needs_no_sqlite() -> None:
    code = (
        "import sys, blazen_nb.journal.memory, blazen_nb.journal.place\n"
        "sys.exit('sqlite3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 0
