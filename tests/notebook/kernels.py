"""A real kernel, driven as a front end drives it: cells in, outputs back."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from tests.notebook.outcome import Outcome

SECONDS = 30.0
INSTALLED = metadata.version("ipykernel")
OTHER_VERSIONS = ("6.29.5", "7.3.0")
"""The ipykernels that ``make kernels`` puts beside the installed one; the Makefile names the same."""


def kernel_folder(version: str) -> Path:
    """Where that ipykernel lies, if it is there."""
    return Path(__file__).resolve().parents[2] / "build" / "ipykernels" / version


class Kernel:
    """An IPython kernel in a process of its own."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self._client = client
        self._outcomes: dict[str, Outcome] = {}
        self.stray: list[dict[str, Any]] = []
        """What came and belongs to no cell."""
        self._replied: set[str] = set()
        self._process = int(self.run("__import__('os').getpid()").text)
        self.version = self.run("print(__import__('ipykernel').__version__)").stdout.strip()

    @classmethod
    @contextmanager
    def started(cls, version: str = INSTALLED) -> Iterator[Kernel]:
        """A new kernel; at the end it is gone."""
        quiet = ["--log-level=40"]
        manager, client = start_new_kernel(
            kernel_name="python3", extra_arguments=quiet, env=_environment(version)
        )
        try:
            kernel = cls(manager, client)
            assert kernel.version == version
            yield kernel
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)

    def run(self, code: str) -> Outcome:
        """The cell has run, however it ended."""
        return self.wait(self.send(code))

    def send(self, code: str) -> str:
        """The cell is queued; ``wait`` takes what is returned."""
        ticket: str = self._client.execute(code)
        self._outcomes[ticket] = Outcome(seconds=time.monotonic())
        return ticket

    def wait(self, ticket: str) -> Outcome:
        """The cell's outcome once it has ended."""
        outcome = self._outcomes[ticket]
        self._read_until(lambda: bool(outcome.status))
        # Before 7.4 a request that comes while a reply is on its way may be left lying (ipython/ipykernel#1554): with
        # cells as quick as here that is one of some hundred, with or without this extension.
        self._read_reply(ticket)
        return outcome

    def wait_for(self, ticket: str, text: str) -> Outcome:
        """The cell's outcome so far, once the text is among its outputs."""
        outcome = self._outcomes[ticket]
        self._read_until(lambda: text in outcome.stdout + outcome.stderr + str(outcome.shown))
        return outcome

    def update(self, outcome: Outcome, reached: Any) -> None:
        """Read on until this holds of a cell that has ended: its displays may change later."""
        self._read_until(reached)

    def complete(self, code: str) -> list[str]:
        """What the front end offers at the end of this text."""
        reply = self._client.complete(code, reply=True, timeout=SECONDS)
        return list(reply["content"]["matches"])

    def answer(self, text: str) -> str:
        """What a cell asks by input(), now answered with this text."""
        question: str = self._client.get_stdin_msg(timeout=SECONDS)["content"]["prompt"]
        self._client.input(text)
        return question

    def interrupt(self) -> None:
        """What a front end's Stop does."""
        self.manager.interrupt_kernel()

    def restart(self) -> None:
        """What a front end's Restart does: another process serves, which knows nothing of the cells before."""
        self.manager.restart_kernel(now=False)
        self._read_what_is_there()  # the client throws it away where it waits for the new one
        self._client.wait_for_ready(timeout=SECONDS)
        before, self._process = self._process, int(self.run("__import__('os').getpid()").text)
        assert self._process != before

    def kill(self) -> None:
        """The kernel's process is gone without a last word; jupyter's own shutdown would interrupt its cell first."""
        os.kill(self._process, signal.SIGKILL)

    def _read_until(self, reached: Any) -> None:
        deadline = time.monotonic() + SECONDS
        while not reached():
            try:
                message = self._client.get_iopub_msg(timeout=deadline - time.monotonic())
            except queue.Empty:
                raise TimeoutError(f"nothing came for {SECONDS:g} s") from None
            self._take(message)

    def _read_what_is_there(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._take(self._client.get_iopub_msg(timeout=0.1))

    def _read_reply(self, ticket: str) -> None:
        """The kernel has sent its reply to this cell, which comes after its outputs."""
        while ticket not in self._replied:
            message = self._client.get_shell_msg(timeout=SECONDS)
            self._replied.add(message["parent_header"].get("msg_id", ""))

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "update_display_data":
            for each in self._outcomes.values():
                each.update(content)
            return
        outcome = self._outcomes.get(message["parent_header"].get("msg_id", ""))
        if outcome is None:
            if kind not in ("status", "execute_input"):
                self.stray.append(message)
            return
        if kind == "status" and content["execution_state"] == "idle":
            outcome.status = "error" if outcome.error else "ok"
            outcome.seconds = time.monotonic() - outcome.seconds
        else:
            outcome.take(message)


def _environment(version: str) -> dict[str, str]:
    if version == INSTALLED:
        return dict(os.environ)
    path = [str(kernel_folder(version)), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))}
