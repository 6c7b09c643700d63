"""A real kernel, driven as a front end drives it: cells in, outputs back."""

from __future__ import annotations

import os
import queue
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

SECONDS = 30.0
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass
class Outcome:
    """What a cell has put out, and how it ended."""

    status: str = ""
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    """The name of the exception's type."""
    message: str = ""
    traceback: list[str] = field(default_factory=list)
    """The lines below the cell, without their colours."""
    shown: list[dict[str, Any]] = field(default_factory=list)
    """Bundles of displays, each in its latest form."""
    result: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    _places: dict[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The result's plain text."""
        return str(self.result.get("text/plain", ""))

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """The message counts."""
        if kind == "stream":
            setattr(self, content["name"], getattr(self, content["name"]) + content["text"])
        elif kind == "error":
            self.error, self.message = content["ename"], content["evalue"]
            self.traceback = _COLOUR.sub("", "\n".join(content["traceback"])).splitlines()
        elif kind == "execute_result":
            self.result = content["data"]
        elif kind in ("display_data", "update_display_data"):
            display_id = content.get("transient", {}).get("display_id", "")
            place = self._places.get(display_id)
            if place is not None:
                self.shown[place] = content["data"]
            elif kind == "display_data":
                self._places[display_id] = len(self.shown)
                self.shown.append(content["data"])


class Kernel:
    """An IPython kernel in a process of its own."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self._client = client
        self._outcomes: dict[str, Outcome] = {}
        self._process = int(self.run("__import__('os').getpid()").text)

    @classmethod
    @contextmanager
    def started(cls, **options: Any) -> Iterator[Kernel]:
        """A new kernel; at the end it is gone."""
        quiet = ["--log-level=40"]
        manager, client = start_new_kernel(kernel_name="python3", extra_arguments=quiet, **options)
        try:
            yield cls(manager, client)
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

    def _take(self, message: dict[str, Any]) -> None:
        outcome = self._outcomes.get(message["parent_header"].get("msg_id", ""))
        kind, content = message["msg_type"], message["content"]
        if kind == "update_display_data":
            # As front ends do: by its ID, whichever cell runs when the update comes.
            for each in self._outcomes.values():
                each.take(kind, content)
            return
        if outcome is None:
            return
        if kind == "status" and content["execution_state"] == "idle":
            outcome.status = "error" if outcome.error else "ok"
            outcome.seconds = time.monotonic() - outcome.seconds
        else:
            outcome.take(kind, content)
