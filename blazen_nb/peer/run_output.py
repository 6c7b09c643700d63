"""What the steps of a run print and display: into its record as it comes, a flood only in part and counted."""

from __future__ import annotations

import json
from typing import Any

from blazen_nb.engine.ticks import Attempt
from blazen_nb.engine.timers import Clock, TimerHandle, thread_clock
from blazen_nb.errors import LimitError
from blazen_nb.peer.flood import TELL_SECONDS, Allowance, Flood, Tail
from blazen_nb.peer.growing import GrowingOutput
from blazen_nb.peer.update_writer import UpdateWriter
from blazen_nb.updates import DisplayAction, StreamName
from blazen_nb.wire.limits import Limits


class RunOutput:
    """The output of one run. Thread-safe.

    Args:
        clock: Tells how fast output comes, and when to tell what was held back.
    """

    def __init__(self, writer: UpdateWriter, limits: Limits, clock: Clock = thread_clock) -> None:
        self._writer = writer
        self._limits = limits
        self._clock = clock
        self._allowance = Allowance(limits.output_burst, limits.output_rate, clock.monotonic())
        self._flood: Flood | None = None
        self._timer: TimerHandle | None = None

    def write(self, attempt: Attempt, stream: StreamName, text: str) -> None:
        """Text that a step said; where it says too much the last lines follow within a second."""
        with self._writer.lock:
            if self._writer.is_closed:
                return
            if self._flood is None and self._allowance.take(len(text), self._clock.monotonic()):
                self._say(attempt, stream, text)
            else:
                self._hold(attempt, stream, text)

    def display(
        self,
        attempt: Attempt,
        action: DisplayAction,
        data: dict[str, Any],
        metadata: dict[str, Any],
        display_id: str | None,
        wait: bool,
    ) -> None:
        """Something that a step displayed.

        Raises:
            LimitError: It is larger than a message may be, or the run has shown as much as it may.
        """
        bundle = b"" if action == "clear" else json.dumps([data, metadata], default=str).encode()
        if len(bundle) > self._limits.message_bytes:
            raise LimitError(
                f"a display of {len(bundle):,} bytes is larger than the {self._limits.message_bytes:,} of a message"
            )
        with self._writer.lock:
            require_room(self._writer, self._limits)
            self.tell_held()
            self._writer.append(
                display={
                    "step_id": attempt.step.step_id,
                    "call": attempt.call,
                    "action": action,
                    "json": bundle,
                    "display_id": display_id or "",
                    "wait": wait,
                }
            )

    def tell_held(self) -> None:
        """What was held back is told now: how much is left out, and the last lines."""
        with self._writer.lock:
            flood, self._flood = self._flood, None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if flood is not None:
                self._tell(flood.tails(), flood.log_offset)

    def step_ended(self) -> None:
        """What the step said last stands before its end, unless so many steps say so much that it must wait."""
        with self._writer.lock:
            if self._flood is not None and self._allowance.take(0, self._clock.monotonic()):
                self.tell_held()

    def _say(self, attempt: Attempt, stream: StreamName, text: str) -> None:
        growing = self._writer.growing
        if not isinstance(growing, GrowingOutput) or not growing.takes(attempt, stream):
            growing = self._grow(attempt, stream, in_log=False)
        growing.add(text)

    def _hold(self, attempt: Attempt, stream: StreamName, text: str) -> None:
        record = self._writer.record
        if self._flood is None:
            self._flood = Flood(record.cut_size)
            self._timer = self._clock.call_later(TELL_SECONDS, self.tell_held)
        record.keep_cut(text.encode("utf-8", "replace"))
        self._flood.hold(attempt, stream, text)

    def _tell(self, tails: list[Tail], log_offset: int) -> None:
        log = {"log_offset": log_offset, "log_size": self._writer.record.cut_size - log_offset}
        in_log = any(tail.characters for tail in tails)
        for tail in tails:
            if tail.characters:
                cut = {"characters": tail.characters, "lines": tail.lines, **log}
                self._writer.append(output_cut={"step_id": tail.attempt.step.step_id, **cut})
                log = {}  # once: the log has what all of them said, in one order
        for tail in tails:
            if tail.text:
                self._allowance.charge(len(tail.text), self._clock.monotonic())
                self._grow(tail.attempt, tail.stream, in_log=in_log).add(tail.text)

    def _grow(self, attempt: Attempt, stream: StreamName, *, in_log: bool) -> GrowingOutput:
        made = GrowingOutput(
            self._writer.next_seq, self._writer.message, attempt, stream, in_log=in_log
        )
        self._writer.count()
        return self._writer.grow(made)


def require_room(writer: UpdateWriter, limits: Limits) -> None:
    """Nothing, where the run may tell more.

    Raises:
        LimitError: Its updates are as large as they may be.
    """
    if writer.record.is_full:
        raise LimitError(
            f"the run has told more than {limits.update_bytes:,} bytes in events and displays, the limit; "
            "put large values away with ctx.put() and send their refs"
        )
