"""A run's story: observes the run and tells its record what happens, whether somebody reads it or not.

Events and output that nobody has read yet grow in place: a thousand events, or a thousand prints, become one message.
A growing one is closed as soon as something else of the run is told, so the order is the order of happening.
"""

from __future__ import annotations

import json
import time
from typing import Any

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.ticks import Attempt
from blazen_nb.errors import text_of
from blazen_nb.events import Event
from blazen_nb.peer import capture
from blazen_nb.peer.growing import GrowingEvents, GrowingProgress
from blazen_nb.peer.leaving import KnownRefs
from blazen_nb.peer.run_output import RunOutput, require_room
from blazen_nb.peer.run_record import RunRecord
from blazen_nb.peer.update_writer import UpdateWriter
from blazen_nb.shipping.values import encode
from blazen_nb.updates import DisplayAction, InputEnd, Outcome, StepOutcome, StreamName
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.v1 import kernel_pb2 as pb


class UpdateLog:
    """Observer of one run.

    Args:
        record: Where the story goes.
        limits: One event or display is no larger than these say.
        home: Module name of the run's namespace.
    """

    def __init__(self, record: RunRecord, *, limits: Limits, home: str, refs: KnownRefs) -> None:
        self.record = record
        self._limits = limits
        self._home = home
        self._refs = refs
        self._writer = UpdateWriter(record)
        self.output = RunOutput(self._writer, limits)
        """Where what its steps print and display goes."""
        self._began = time.monotonic()
        self._attempt_began: dict[int, float] = {}

    # --- what the run tells (Observer) -----------------------------------------------------------------------

    def accepted(self, node_id: str) -> None:
        """The peer has the run."""
        accepted = {
            "workflow_name": self.record.workflow_name,
            "node_id": node_id,
            "started_at": time.time(),
        }
        self._append(accepted=accepted)

    def resumed(self, node_id: str, changed_steps: list[str]) -> None:
        """The peer goes on with the run after a restart."""
        resumed = {"node_id": node_id, "at": time.time(), "changed_steps": changed_steps}
        self._append(resumed=resumed)

    def graph_known(self, graph: Graph) -> None:
        """See Observer."""
        steps = [
            {"step_id": s.step_id, "accepts": s.accepts, "emits": s.emits} for s in graph.shape()
        ]
        self._append(graph={"workflow_name": self.record.workflow_name, "steps": steps})

    def step_started(self, attempt: Attempt) -> None:
        """See Observer."""
        now = time.monotonic()
        self._attempt_began[attempt.attempt_id] = now
        self._append(
            step_started={
                "step_id": attempt.step.step_id,
                "call": attempt.call,
                "attempt": attempt.number,
                "event_type": attempt.event.event_type,
                "at": now - self._began,
            }
        )

    def step_ended(
        self,
        attempt: Attempt,
        outcome: StepOutcome,
        error: BaseException | None,
        emitted: tuple[str, ...],
    ) -> None:
        """See Observer."""
        now = time.monotonic()
        began = self._attempt_began.pop(attempt.attempt_id, None)
        if began is None:
            return  # it was told to stop before it began
        self.output.step_ended()
        self._append(
            step_ended={
                "step_id": attempt.step.step_id,
                "call": attempt.call,
                "attempt": attempt.number,
                "outcome": outcome,
                "duration": now - began,
                "error": _one_line(error),
                "emitted": emitted,
                "at": now - self._began,
            }
        )

    def event_published(self, event: Event, step_id: str | None) -> None:
        """See Observer; the fields are encoded now, later changes to them do not show.

        Raises:
            EncodeError: A field cannot travel.
            LimitError: The event is larger than a message may be, or the run has told as much as it may.
        """
        encoded = encode(
            event.to_dict(),
            home=self._home,
            limit=self._limits.message_bytes,
            diversion=self._refs,
        )
        with self._writer.lock:
            require_room(self._writer, self._limits)
            if self._writer.is_closed:
                return
            growing = self._writer.growing
            if encoded.leaves or not isinstance(growing, GrowingEvents) or not growing.takes_more:
                growing = self._writer.grow(
                    GrowingEvents(self._writer.next_seq, self._writer.message)
                )
            growing.add(event.event_type, encoded.json, encoded.leaves)
            self._writer.count()
            if encoded.leaves:
                self._writer.growing = None

    def progressed(self, attempt: Attempt, label: str, done: float, total: float | None) -> None:
        """See Observer."""
        row = {
            "step_id": attempt.step.step_id,
            "call": attempt.call,
            "label": label,
            "done": done,
            "total": -1.0 if total is None else total,
            "at": time.monotonic() - self._began,
        }
        with self._writer.lock:
            if self._writer.is_closed:
                return
            growing = self._writer.growing
            if not isinstance(growing, GrowingProgress) or not growing.takes(row):
                growing = self._writer.grow(
                    GrowingProgress(self._writer.next_seq, self._writer.message)
                )
                self._writer.count()
            growing.set(row)

    def input_requested(self, event: Event) -> None:
        """See Observer."""
        request = {
            "request_id": str(getattr(event, "request_id", "")),
            "prompt": str(getattr(event, "prompt", "")),
            "metadata_json": _json_or_text(getattr(event, "metadata", None)),
        }
        self._append(input_request=request)

    def paused(self, paused: bool) -> None:
        """See RunLog."""
        self._append(paused={"paused": paused})

    def input_closed(self, request_id: str, how: InputEnd) -> None:
        """See Observer."""
        self._append(input_closed={"request_id": request_id, "how": how})

    def enter(self, attempt: Attempt) -> Any:
        """Output of this context belongs to the attempt from now on."""
        return capture.activate(StepSink(self, attempt))

    def leave(self, entered: Any) -> None:
        """And no longer."""
        capture.deactivate(entered)

    def ended(self, message: pb.EndedUpdate, result: pb.RunResult) -> None:
        """The last update, and the result; whatever comes after it is dropped."""
        with self._writer.lock:
            self.output.tell_held()
            self._append(ended=message)
            self._writer.is_closed = True
            outcome: Outcome = result.outcome  # type: ignore[assignment]  # the name of one
            self.record.end(outcome, result.SerializeToString())

    def _append(self, **kind: Any) -> None:
        with self._writer.lock:
            self._writer.append(**kind)


def _one_line(error: BaseException | None) -> str:
    if error is None:
        return ""
    first = text_of(error).partition("\n")[0]
    return f"{type(error).__name__}: {first}"[:300] if first else type(error).__name__


def _json_or_text(value: Any) -> bytes:
    try:
        return json.dumps(value, default=str).encode()
    except (TypeError, ValueError, RecursionError):
        return json.dumps(repr(value)).encode()


class StepSink:
    """Where the captured output of one attempt goes (capture.Sink)."""

    __slots__ = ("_attempt", "_log")

    def __init__(self, log: UpdateLog, attempt: Attempt) -> None:
        self._log = log
        self._attempt = attempt

    def write(self, stream: StreamName, text: str) -> None:
        """See Sink."""
        self._log.output.write(self._attempt, stream, text)

    def display(
        self,
        action: DisplayAction,
        data: dict[str, Any],
        metadata: dict[str, Any],
        display_id: str | None,
        wait: bool,
    ) -> None:
        """See Sink."""
        self._log.output.display(self._attempt, action, data, metadata, display_id, wait)

    def progress(self, label: str, done: float, total: float | None) -> None:
        """See Sink."""
        self._log.progressed(self._attempt, label, done, total)
