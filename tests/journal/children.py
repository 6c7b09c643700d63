"""Processes with a journal, for tests that kill them or take their disk away.

python children.py WHAT FILE [ARGUMENT]
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def child(what: str, path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has printed its first line; it is killed in the end."""
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, __file__, what, str(path), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": search},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _hold(path: Path) -> None:
    from blazen_nb.journal.sqlite import SqliteJournal

    journal = SqliteJournal(path)
    _say("up")
    signal.pause()
    journal.close()


def _fork(path: Path) -> None:
    from blazen_nb.journal.sqlite import SqliteJournal
    from tests.journal.stories import a_run, kept, ticks

    journal = SqliteJournal(path)
    kept(journal, a_run())
    _say("up")
    reading, writing = os.pipe()
    forked = os.fork()
    if not forked:
        error = journal.append(a_run().run_id, ticks(3)).exception(5)
        os.write(writing, str(error).encode())
        signal.pause()
    _say(json.dumps([forked, os.read(reading, 1000).decode()]))
    signal.pause()


def _append(path: Path, first: str) -> None:
    """Four runs from this number on, without end; each acknowledged entry is said."""
    from blazen_nb.journal.sqlite import SqliteJournal
    from tests.journal.stories import a_run, ticks, updates

    journal = SqliteJournal(path)
    _say("up")
    runs = [a_run(int(first) + number) for number in range(4)]
    for run in runs:
        journal.begin(run).result()
    for number in range(1, 1_000_000):
        written = [journal.append(run.run_id, [*ticks(number), *updates(number)]) for run in runs]
        for run, future in zip(runs, written, strict=True):
            future.add_done_callback(partial(_acknowledge, run.run_id, number))
        for future in written:
            future.result()


def _acknowledge(run_id: bytes, number: int, future: Future[None]) -> None:
    future.result()
    _say(f"{int.from_bytes(run_id, 'big')} {number}")


def _fill(path: Path, limit: str) -> None:
    """Entries until the disk is full; says what was acknowledged, what came then, and what can still be read."""
    from blazen_nb.errors import JournalError
    from blazen_nb.journal import Entry
    from blazen_nb.journal.sqlite import SqliteJournal
    from tests.journal.stories import a_run

    journal = SqliteJournal(path)
    _say("up")
    run = a_run()
    journal.begin(run).result()
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    acknowledged = 0
    errors: list[str] = []
    while len(errors) < 3:
        entry = Entry("update", acknowledged + 1, bytes(10_000))
        try:
            journal.append(run.run_id, [entry]).result()
            acknowledged += 1
        except JournalError as error:
            errors.append(str(error))
    read = sum(1 for _ in journal.entries(run.run_id, "update"))
    _say(json.dumps([acknowledged, read, errors]))
    journal.close()


def _say(text: str) -> None:
    # One write: what a killed process has said is whole lines.
    os.write(1, f"{text}\n".encode())


_DOINGS: dict[str, Callable[..., None]] = {
    "hold": _hold,
    "fork": _fork,
    "append": _append,
    "fill": _fill,
}

if __name__ == "__main__":
    _DOINGS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
