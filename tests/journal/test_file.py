"""A journal's file: whose it is, what it may be, and what happens when the disk or the process fails."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from blazen_nb.errors import JournalError
from blazen_nb.journal import Entry, Retention
from blazen_nb.journal.sqlite import SqliteJournal, journal_path
from tests.faults.scale import scale
from tests.journal.runs import SECONDS, run, ticks, updates

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is to be."""
    return tmp_path / "state" / "runs.db"


def filled(path: Path) -> None:
    """Ten runs of some size, every second one ended, in a closed file."""
    journal = SqliteJournal(path)
    journal.keep_code("digest", b"def step(): ...")
    for number in range(10):
        mine = run(number, code=("digest",))
        journal.begin(mine)
        journal.append(mine.run_id, [*ticks(1, 2, 3), *updates(1, 4)])
        if number % 2:
            journal.end(mine.run_id, "succeeded", 5.0, b"result %d" % number)
    journal.close()


def require_right_or_refused(path: Path) -> int:
    """All that can be read is what was written; how many things could not be read, each refused by JournalError."""
    refused = 0
    try:
        journal = SqliteJournal(path)
    except JournalError:
        return 100
    try:
        try:
            assert {each.workflow_name for each in journal.runs()} == {f"w{n}" for n in range(10)}
        except JournalError:
            refused += 1
        for number in range(10):
            mine = run(number, code=("digest",))
            try:
                found = journal.run(mine.run_id)
                assert found is not None
                assert found.start == mine.start
                assert found.outcome == ("succeeded" if number % 2 else None)
                assert found.result == (b"result %d" % number if number % 2 else None)
                assert list(journal.entries(mine.run_id, "update")) == updates(1, 4)
                kept = [] if number % 2 else ticks(1, 2, 3)
                assert list(journal.entries(mine.run_id, "tick")) == kept
                assert journal.code("digest") == b"def step(): ..."
            except JournalError:
                refused += 1
    finally:
        journal.close()
    return refused


def test_only_its_user_can_read_it(path: Path) -> None:
    SqliteJournal(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_was_written_is_there_when_it_is_opened_again(path: Path) -> None:
    filled(path)
    assert require_right_or_refused(path) == 0


def test_a_second_journal_on_the_file_is_refused_until_the_first_is_closed(path: Path) -> None:
    first = SqliteJournal(path)
    with pytest.raises(JournalError, match="open in this process"):
        SqliteJournal(path)
    script = "import sys; from blazen_nb.journal.sqlite import *; SqliteJournal(sys.argv[1])"
    other = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    assert f"in use by process {os.getpid()}" in other.stderr
    first.close()
    SqliteJournal(path).close()


def test_a_forked_child_neither_writes_nor_holds_the_file(path: Path) -> None:
    journal = SqliteJournal(path)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            journal.begin(run(1)).result(SECONDS)
            os.write(write, b"wrote")
        except JournalError:
            os.write(write, b"refused")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"refused"
    os.close(read)
    os.close(write)
    journal.begin(run(2)).result(SECONDS)
    journal.close()


def test_a_file_of_another_kind_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"a letter to my mother" * 20)
    with pytest.raises(JournalError, match="not a journal"):
        SqliteJournal(path)
    assert path.read_bytes() == b"a letter to my mother" * 20
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE letters (text)")
    with pytest.raises(JournalError, match="not a journal"):
        SqliteJournal(path)


def test_a_newer_format_is_refused_by_both_numbers(path: Path) -> None:
    SqliteJournal(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match=r"format 99.*up to 1"):
        SqliteJournal(path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(JournalError, match="folder of the journal"):
        SqliteJournal(tmp_path / "file" / "runs.db")


def test_a_full_disk_fails_what_is_written_and_all_that_follows_and_reads_go_on(
    path: Path,
) -> None:
    journal = SqliteJournal(path)
    journal.begin(run(1))
    journal.append(run(1).run_id, updates(1)).result(SECONDS)
    journal._writer._connection.execute("PRAGMA max_page_count = 12")
    large = journal.append(run(1).run_id, [Entry("update", 2, bytes(200_000))])
    with pytest.raises(JournalError, match=r"could not be written.*full"):
        large.result(SECONDS)
    with pytest.raises(JournalError, match="takes nothing more"):
        journal.begin(run(2)).result(SECONDS)
    assert list(journal.entries(run(1).run_id, "update")) == updates(1)
    journal.close()
    again = SqliteJournal(path)
    assert list(again.entries(run(1).run_id, "update")) == updates(1)
    again.close()


FILLS = """
import resource, signal, sys
from blazen_nb.errors import JournalError
from blazen_nb.journal import Entry
from blazen_nb.journal.sqlite import SqliteJournal
from tests.journal.runs import run
journal = SqliteJournal(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
journal.begin(run(1)).result()
number = 0
try:
    while True:
        number += 1
        journal.append(run(1).run_id, [Entry("update", number, bytes([number % 256]) * 5000)]).result()
except JournalError as error:
    print(number - 1, error)
read = list(journal.entries(run(1).run_id, "update"))
print(len(read))
"""


def test_a_limit_on_the_size_of_files_is_a_full_disk(path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FILLS, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    acknowledged, read = said.stdout.splitlines()
    assert "could not be written" in acknowledged, said.stderr
    assert int(read) == int(acknowledged.split()[0])
    journal = SqliteJournal(path)
    kept = [entry.number for entry in journal.entries(run(1).run_id, "update")]
    journal.close()
    assert kept[: int(read)] == list(range(1, int(read) + 1))


def test_a_damaged_file_is_read_right_or_refused_never_wrong(path: Path, tmp_path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    seed = random.randrange(1 << 30)
    draw = random.Random(seed)
    refused = 0
    for number in range(scale(60, 2_000)):
        copy = tmp_path / f"damaged{number}" / "runs.db"
        copy.parent.mkdir()
        damaged = bytearray(whole)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        copy.write_bytes(damaged)
        try:
            refused += require_right_or_refused(copy) > 0
        except AssertionError as error:
            raise AssertionError(f"wrong data was read, seed {seed}, file {number}") from error
        shutil.rmtree(copy.parent)
    assert refused > 0


def test_a_truncated_file_is_refused_or_read_right(path: Path, tmp_path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    for part in range(1, 20):
        copy = tmp_path / f"cut{part}" / "runs.db"
        copy.parent.mkdir()
        copy.write_bytes(whole[: len(whole) * part // 20])
        assert require_right_or_refused(copy) > 0


@pytest.mark.faults
@pytest.mark.parametrize("mode", ["FULL", "NORMAL"])
def test_what_was_acknowledged_outlives_kill_9_at_any_moment(path: Path, mode: str) -> None:
    draw = random.Random(1)
    for _ in range(scale(4, 100)):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.journal.appending", str(path), mode],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        wanted = draw.randrange(1, 60)
        lines = [writer.stdout.readline() for _ in range(wanted)]
        writer.kill()
        lines += writer.stdout.readlines()
        writer.wait(SECONDS)
        writer.stdout.close()
        number, acknowledged = map(int, lines[-1].split())
        journal = SqliteJournal(path)
        for kind in ("tick", "update"):
            kept = [entry.number for entry in journal.entries(run(number).run_id, kind)]
            # One may have been written whose acknowledgement did not get out.
            assert kept in (
                list(range(1, acknowledged + 1)),
                list(range(1, acknowledged + 2)),
            )
        assert len(journal.runs(unfinished=True)) == number
        journal.close()


def test_the_space_of_forgotten_runs_comes_back(path: Path) -> None:
    journal = SqliteJournal(path)
    for number in range(20):
        journal.begin(run(number))
        journal.append(run(number).run_id, [Entry("update", 1, bytes(100_000))])
        journal.end(run(number).run_id, "succeeded", 5.0, b"")
    journal.prune(Retention(seconds=None, runs=0))
    journal.close()
    assert path.stat().st_size < 200_000


def test_ten_thousand_runs_are_listed_and_pruned(path: Path) -> None:
    journal = SqliteJournal(path, synchronous="NORMAL")
    for number in range(10_000):
        journal.begin(run(number))
        ended = journal.end(run(number).run_id, "succeeded", 5.0 + number, b"")
    ended.result(SECONDS)
    assert len(journal.runs()) == 10_000
    assert journal.prune(Retention(seconds=None, runs=10)).runs == 9_990
    assert [each.workflow_name for each in journal.runs()] == [
        f"w{number}" for number in range(9_999, 9_989, -1)
    ]
    journal.close()


@pytest.mark.parametrize("node_id", ["gpu-box", "../../etc/passwd", "gpu box/1", ".", "größe"])
def test_the_default_file_of_any_name_lies_in_the_users_state_folder(
    node_id: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert journal_path(node_id).parent == tmp_path / "blazen_nb" / "journals"
    assert journal_path(node_id).name.endswith(".db")
