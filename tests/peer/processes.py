"""Peers in processes of their own, as people run them."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

STEPS_FOLDER = Path(__file__).parent
START_SECONDS = 8.0
"""A machine under load takes its time to start Python."""


class PeerProcess:
    """``blazen-nb serve`` with the steps of ``served_steps``.

    Args:
        folder: Where its error output goes.
        arguments: More for the command line.
        python: The interpreter that runs it.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: dict[str, str] | None = None,
        python: str = sys.executable,
    ):
        self._errors = folder / "peer_errors"
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [python, "-m", "blazen_nb.cli", "serve", *arguments],
                cwd=STEPS_FOLDER,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(environment or {})},
            )
        self.address = self._first_line().rpartition(" ")[2]

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            ready = selector.select(START_SECONDS)
        line = self.process.stdout.readline().decode().strip() if ready else ""
        if not line:
            self.kill()
            raise AssertionError(f"the peer did not start: {self.errors}")
        return line

    @property
    def errors(self) -> str:
        """What it wrote to its error output so far."""
        return self._errors.read_text()

    @property
    def log(self) -> list[str]:
        """The lines of its error output that its own logging wrote."""
        return [line for line in self.errors.splitlines() if _is_own(line)]

    @property
    def noise(self) -> list[str]:
        """The others: what C code or a child process wrote is among them, although it is marked."""
        return [line for line in self.errors.splitlines() if not _is_own(line)]

    def written(self, descriptor: int) -> list[str]:
        """What was written to the descriptor past Python, as the log has it."""
        mark = f" INFO blazen_nb.output: [fd {descriptor}] "
        parts = [line.partition(mark) for line in self.errors.splitlines()]
        return [text for _, found, text in parts if found]

    def terminate(self, timeout: float = START_SECONDS) -> int:
        """Its exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(5)

    def __enter__(self) -> PeerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()


def _is_own(line: str) -> bool:
    return " blazen_nb." in line and " blazen_nb.output: " not in line


def wait_for_file(path: Path, timeout: float = 5.0) -> str:
    """What another process wrote there."""
    deadline = time.monotonic() + timeout
    while not (path.exists() and (text := path.read_text())):
        assert time.monotonic() < deadline, f"nobody wrote {path.name}"
        time.sleep(0.005)
    return text


def port_is_free(address: str) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(address.rpartition(":")[2])))
        except OSError:
            return False
    return True
