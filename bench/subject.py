"""The frame of a measured process.

It first prints the names of what it can measure as a line of JSON; then it does one measurement for each line it
reads, and answers it with one of JSON. What is measured starts with the first measurement and is closed when stdin
ends or SIGTERM comes; what cannot start ends the process after that answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from measure import Sample, median

HERE = Path(__file__).resolve().parent
PROJECT_PYTHON = os.environ.get("BENCH_PYTHON", sys.executable)
"""The interpreter that has blazen_nb; this process may run in another environment."""
IMPORTS = 5
"""Fresh interpreters a turn."""

_IMPORT = """
import time
began = time.perf_counter()
import {module}
print((time.perf_counter() - began) * 1e3)
"""


class Closable(Protocol):
    """What is measured: clients, servers, clusters."""

    def close(self) -> None:
        """End it, and every process it started."""


S = TypeVar("S", bound=Closable)


def serve(start: Callable[[], S], measures: Mapping[str, Callable[[S], Sample]]) -> None:
    """Measure on demand until stdin closes. What measured code prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, _leave)
    _say(answers, sorted(measures))
    started: S | None = None
    try:
        for line in sys.stdin:
            try:
                if started is None:
                    started = start()
                answer = measures[line.strip()](started)
            except Exception as error:
                traceback.print_exc()
                first = str(error).partition("\n")[0]
                answer = {"error": f"{type(error).__name__}: {first}"[:200]}
            _say(answers, answer)
            if started is None:
                break
    finally:
        if started is not None:
            started.close()


def _leave(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(1)


def _say(answers: Any, value: Any) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


class Child:
    """A server process; it is up once it has printed a line with the marker in it.

    ``word`` is what follows the marker: its address.
    """

    def __init__(self, argv: list[str], marker: str) -> None:
        # A preloaded library is for the subject's own environment.
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE,
            env=environment,
        )
        self.word = self._up(argv, marker)
        threading.Thread(target=self._drain, daemon=True).start()

    def _up(self, argv: list[str], marker: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if marker in line:
                return line.partition(marker)[2].split()[0]
        raise RuntimeError(f"{argv[:4]} ended before it was up")

    def _drain(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):
            for _ in self.process.stdout:
                pass

    def end(self) -> None:
        """Have it end, by a signal and in the last resort by force."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def peer_process(*options: str) -> Child:
    """A blazen_nb peer as users start it, with the bench's steps."""
    argv = [PROJECT_PYTHON, "-m", "blazen_nb.cli", "serve", "127.0.0.1:0"]
    return Child([*argv, "--node-id", "bench", "--steps", "bench_steps", *options], "listens on ")


def raw_grpc_process(*arguments: str) -> Child:
    """The gRPC server that limits are taken from; arguments as for raw_grpc_server.py."""
    return Child([sys.executable, str(HERE / "raw_grpc_server.py"), *arguments], "listens on ")


def in_fresh_interpreters(code: str) -> Sample:
    """The number that the code prints, in milliseconds."""
    argv = [sys.executable, "-c", code]
    runs = [
        subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, cwd=HERE, timeout=30)
        for _ in range(IMPORTS)
    ]
    return {"value": median([float(run.stdout) for run in runs])}


def import_time(module: str) -> Sample:
    """Milliseconds that a first import takes."""
    return in_fresh_interpreters(_IMPORT.format(module=module))
