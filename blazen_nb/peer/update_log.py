"""A run's story for one reader: observes the run, numbers what happens, and puts frames into the session's outbox.

Events and output that wait for the writer grow in place: a thousand events, or a thousand prints, become one frame.
A growing frame is closed as soon as something else of the run is appended, so the order is the order of happening.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.ticks import Attempt
from blazen_nb.errors import LimitError, text_of, unicode_of
from blazen_nb.events import Event
from blazen_nb.peer import capture
from blazen_nb.peer.growing import Growing, GrowingEvents, GrowingOutput, GrowingProgress
from blazen_nb.peer.leaving import KnownRefs
from blazen_nb.shipping.values import encode
from blazen_nb.updates import DisplayAction, StepOutcome, StreamName
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.outbox import Outbox
from blazen_nb.wire.v1 import kernel_pb2 as pb


class UpdateLog:
    """Observer of one run.

    Args:
        request_id: The request whose caller reads the updates.
        limits: One event or display, and the output that waits for the reader, are no larger than these say.
    """

    def __init__(
        self,
        outbox: Outbox,
        request_id: int,
        run_id: bytes,
        *,
        workflow_name: str,
        limits: Limits,
        home: str,
        refs: KnownRefs,
    ) -> None:
        self._outbox = outbox
        self._request_id = request_id
        self._run_id = run_id
        self._workflow_name = workflow_name
        self._limits = limits
        self._home = home
        self._refs = refs
        self._lock = threading.RLock()
        self._seq = 0
        self._growing: Growing | None = None
        self._waiting = 0
        self._cut: dict[str, list[int]] = {}
        self._began = time.monotonic()
        self._attempt_began: dict[int, float] = {}
        self._closed = False

    # --- what the run tells (Observer) -----------------------------------------------------------------------

    def accepted(self, node_id: str) -> None:
        """The peer has the run."""
        accepted = {
            "workflow_name": self._workflow_name,
            "node_id": node_id,
            "started_at": time.time(),
        }
        self._append(accepted=accepted)

    def graph_known(self, graph: Graph) -> None:
        """See Observer."""
        steps = [
            {"step_id": s.step_id, "accepts": s.accepts, "emits": s.emits} for s in graph.shape()
        ]
        self._append(graph={"workflow_name": self._workflow_name, "steps": steps})

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
            LimitError: The event is larger than a message may be.
        """
        encoded = encode(
            event.to_dict(),
            home=self._home,
            limit=self._limits.message_bytes,
            diversion=self._refs,
        )
        with self._lock:
            if self._is_unread:
                return
            growing = self._growing
            if encoded.leaves or not isinstance(growing, GrowingEvents) or growing.is_full:
                growing = self._grow(GrowingEvents(self._seq + 1, self._finish))
            growing.add(event.event_type, encoded.json, encoded.leaves)
            self._seq += 1
            if encoded.leaves:
                self._growing = None

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
        with self._lock:
            if self._is_unread:
                return
            growing = self._growing
            if not isinstance(growing, GrowingProgress) or not growing.takes(row):
                self._seq += 1
                growing = self._grow(GrowingProgress(self._seq, self._finish))
            growing.set(row)

    def input_requested(self, event: Event) -> None:
        """See Observer."""
        request = {
            "request_id": str(getattr(event, "request_id", "")),
            "prompt": str(getattr(event, "prompt", "")),
            "metadata_json": _json_or_text(getattr(event, "metadata", None)),
        }
        self._append(input_request=request)

    def enter(self, attempt: Attempt) -> Any:
        """Output of this context belongs to the attempt from now on."""
        return capture.activate(StepSink(self, attempt))

    def leave(self, entered: Any) -> None:
        """And no longer."""
        capture.deactivate(entered)

    # --- what a step says ------------------------------------------------------------------------------------

    def output(self, attempt: Attempt, stream: StreamName, text: str) -> None:
        """Text that a step said; cut, and counted, while too much waits for the reader."""
        step_id = attempt.step.step_id
        with self._lock:
            if self._is_unread:
                return
            if self._waiting + len(text) > self._limits.output_backlog:
                counted = self._cut.setdefault(step_id, [0, 0])
                counted[0] += len(text)
                counted[1] += text.count("\n")
                return
            self._tell_cut()
            growing = self._growing
            if not isinstance(growing, GrowingOutput) or not growing.takes(attempt, stream):
                self._seq += 1
                growing = self._grow(GrowingOutput(self._seq, self._finish, attempt, stream))
            growing.add(text)
            self._waiting += len(text)

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
            LimitError: It is larger than a message may be.
        """
        bundle = b"" if action == "clear" else json.dumps([data, metadata], default=str).encode()
        if len(bundle) > self._limits.message_bytes:
            raise LimitError(
                f"a display of {len(bundle):,} bytes is larger than the {self._limits.message_bytes:,} of a message"
            )
        self._append(
            display={
                "step_id": attempt.step.step_id,
                "call": attempt.call,
                "action": action,
                "json": bundle,
                "display_id": display_id or "",
                "wait": wait,
            }
        )

    # --- the end ---------------------------------------------------------------------------------------------

    def ended(self, message: pb.EndedUpdate) -> None:
        """The last update; whatever comes after it is dropped."""
        with self._lock:
            self._tell_cut()
            self._append(ended=message)
            self._closed = True

    @property
    def duration(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    # ---------------------------------------------------------------------------------------------------------

    @property
    def _is_unread(self) -> bool:
        return self._closed or self._outbox.is_closed

    def _append(self, **kind: Any) -> None:
        with self._lock:
            if self._is_unread:
                return
            self._growing = None
            self._seq += 1
            self._outbox.put(self._frame(self._seq, **kind))

    def _frame(self, seq: int, **kind: Any) -> bytes:
        try:
            update = pb.RunUpdate(run_id=self._run_id, seq=seq, **kind)
        except UnicodeEncodeError:
            update = pb.RunUpdate(run_id=self._run_id, seq=seq, **_writable(kind))
        return pb.PeerFrame(request_id=self._request_id, update=update).SerializeToString()

    def _grow(self, growing: Any) -> Any:
        self._growing = growing
        self._outbox.put(growing)
        return growing

    def _finish(self, growing: Growing) -> bytes:
        with self._lock:
            if self._growing is growing:
                self._growing = None
            self._waiting -= growing.characters
            return self._frame(growing.seq, **growing.contents())

    def _tell_cut(self) -> None:
        cut, self._cut = self._cut, {}
        for step_id, (characters, lines) in cut.items():
            self._append(output_cut={"step_id": step_id, "characters": characters, "lines": lines})


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


def _writable(value: Any) -> Any:
    """The value with no text in it that protobuf cannot write: a question mark is better than a lost update."""
    if isinstance(value, str):
        return unicode_of(value)
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list | tuple) else value


class StepSink:
    """Where the captured output of one attempt goes (capture.Sink)."""

    __slots__ = ("_attempt", "_log")

    def __init__(self, log: UpdateLog, attempt: Attempt) -> None:
        self._log = log
        self._attempt = attempt

    def write(self, stream: StreamName, text: str) -> None:
        """See Sink."""
        self._log.output(self._attempt, stream, text)

    def display(
        self,
        action: DisplayAction,
        data: dict[str, Any],
        metadata: dict[str, Any],
        display_id: str | None,
        wait: bool,
    ) -> None:
        """See Sink."""
        self._log.display(self._attempt, action, data, metadata, display_id, wait)

    def progress(self, label: str, done: float, total: float | None) -> None:
        """See Sink."""
        self._log.progressed(self._attempt, label, done, total)
