"""Subjects in processes of their own that measure one at a time, when told to; everybody else idles meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from typing import IO, Any

import psutil
from environments import Interpreter, interpreter
from measure import Sample
from subject import HERE

START_SECONDS = 15.0
TURN_SECONDS = 30.0
"""A subject that needs longer is ended; the turn, and all its later ones, have no figure."""
END_SECONDS = 8.0
SHORTEST_SECONDS = 0.2
"""The kernel counts CPU time in steps of 10 ms: shorter turns say nothing about others."""


class Subject:
    """A process that measures, in a session of its own: Ctrl-C reaches the bench alone, and the bench ends it.

    Args:
        log: Where its stderr goes.
    """

    def __init__(self, name: str, how: Interpreter, log: IO[str]) -> None:
        self._process = subprocess.Popen(
            [how.python, str(HERE / f"subject_{name}.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | how.environment,
            start_new_session=True,
        )
        self._buffer = ""
        self._gone: str | None = None

    def names(self) -> list[str]:
        """What it can measure; empty when it did not start."""
        return list(self._answer(START_SECONDS) or [])

    def measure(self, what: str, seconds: float = TURN_SECONDS) -> Sample:
        """What it measured, or ``{"error": ...}``."""
        if self._gone:
            return {"error": self._gone}
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(f"{what}\n")
            self._process.stdin.flush()
            answer = self._answer(seconds)
            if answer is not None:
                return dict(answer)
        late = self._process.poll() is None
        self._gone = f"no answer in {seconds:.0f} s" if late else "the process ended"
        # An answer that comes late would be taken for that of the next turn.
        self.end()
        return {"error": self._gone}

    def end(self) -> None:
        """Have it and the servers it started end, by force when it takes long."""
        below = self._below()
        with contextlib.suppress(OSError):
            self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            below += self._below()
            self._process.kill()
            self._process.wait()
        for process in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _below(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _answer(self, seconds: float) -> Any:
        """The next line's value; None when the process ended or takes longer."""
        assert self._process.stdout is not None
        until = time.monotonic() + seconds
        reading = self._process.stdout.fileno()
        while "\n" not in self._buffer:
            if not select.select([reading], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            got = os.read(reading, 65536).decode()
            if not got:
                self._process.wait()
                return None
            self._buffer += got
        line, _, self._buffer = self._buffer.partition("\n")
        return json.loads(line)


class Desk:
    """Starts subjects when they are first needed, gives out turns, and ends all subjects."""

    def __init__(self, log: IO[str], until: float) -> None:
        self._log = log
        self._until = until
        self._subjects: dict[str, Subject] = {}
        self._why_not: dict[str, str] = {}

    def why_not(self, name: str) -> str | None:
        """Why this subject cannot measure here; starts it where it can."""
        if name not in self._subjects and name not in self._why_not:
            self._start(name)
        return self._why_not.get(name)

    def time_is_up(self) -> bool:
        """Whether no further turn may begin."""
        return time.monotonic() >= self._until

    def turn(self, name: str, what: str) -> Sample:
        """What the subject measured, with the CPUs that processes outside the bench used meanwhile."""
        began, busy, own = time.monotonic(), _busy(), _own()
        seconds = min(TURN_SECONDS, max(1.0, self._until - began))
        sample = self._subjects[name].measure(what, seconds)
        if "error" in sample and self.time_is_up():
            return {"skipped": "time was up"}
        wall = time.monotonic() - began
        foreign = (_busy() - busy) - (_own() - own)
        if wall >= SHORTEST_SECONDS:
            sample["foreign_cpus"] = round(max(0.0, foreign) / wall, 2)
        return sample

    def close(self) -> None:
        """End all subjects, whatever signals come meanwhile."""
        with _deaf():
            for subject in self._subjects.values():
                subject.end()

    def _start(self, name: str) -> None:
        how = interpreter(name)
        if how.missing:
            self._why_not[name] = how.missing
            return
        # Known before it is up: an interrupt during the wait ends it, too.
        subject = self._subjects[name] = Subject(name, how, self._log)
        if not subject.names():
            self._why_not[name] = "it did not start; see the log"


@contextlib.contextmanager
def _deaf() -> Any:
    signals = (signal.SIGINT, signal.SIGTERM)
    before: list[tuple[int, Callable[..., Any] | int | None]] = [
        (number, signal.signal(number, signal.SIG_IGN)) for number in signals
    ]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _busy() -> float:
    """CPU seconds that the machine has worked."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


def _own() -> float:
    """CPU seconds of the bench: its processes, and theirs that have ended."""
    total = 0.0
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total
