"""An observer that also writes down what a run told, and has checkpoints taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from blazen_nb.engine.checkpoints import Checkpoints
from blazen_nb.engine.graph import Graph
from blazen_nb.engine.handler import StreamObserver
from blazen_nb.engine.ticks import Attempt
from blazen_nb.errors import text_of
from blazen_nb.events import Event
from blazen_nb.updates import (
    EventPublished,
    GraphKnown,
    InputClosed,
    InputEnd,
    InputRequested,
    StepEnded,
    StepOutcome,
    StepStarted,
    Update,
)


class RecordingObserver(StreamObserver):
    """The stream of a run, its history, and its checkpoints after each step.

    Args:
        checkpoints: Told after each step; None where none are wanted then.
    """

    def __init__(
        self, workflow_name: str, keeps_history: bool, checkpoints: Checkpoints | None
    ) -> None:
        super().__init__()
        self._workflow_name = workflow_name
        self.run_id = ""
        self.history: list[Update] = []
        self._keeps_history = keeps_history
        self._checkpoints = checkpoints
        self._began = time.monotonic()
        self._started: dict[int, float] = {}

    def _record(self, kind: Callable[..., Update], **fields: Any) -> None:
        if self._keeps_history:
            with self._lock:
                seq = len(self.history) + 1
                self.history.append(kind(run_id=self.run_id, seq=seq, **fields))

    def graph_known(self, graph: Graph) -> None:
        """See Observer."""
        self._record(GraphKnown, workflow_name=self._workflow_name, steps=graph.shape())

    def event_published(self, event: Event, step_id: str | None) -> None:
        """See Observer."""
        super().event_published(event, step_id)
        self._record(EventPublished, event=event)

    def input_requested(self, event: Event) -> None:
        """See Observer."""
        super().event_published(event, None)
        self._record(
            InputRequested,
            request_id=str(getattr(event, "request_id", "")),
            prompt=str(getattr(event, "prompt", "")),
            metadata=getattr(event, "metadata", None),
        )

    def input_closed(self, request_id: str, how: InputEnd) -> None:
        """See Observer."""
        self._record(InputClosed, request_id=request_id, how=how)

    def step_started(self, attempt: Attempt) -> None:
        """See Observer."""
        at = self._started[attempt.attempt_id] = time.monotonic() - self._began
        self._record(
            StepStarted,
            step_id=attempt.step.step_id,
            call=attempt.call,
            attempt=attempt.number,
            event_type=attempt.event.event_type,
            at=at,
        )

    def step_ended(
        self,
        attempt: Attempt,
        outcome: StepOutcome,
        error: BaseException | None,
        emitted: tuple[str, ...],
    ) -> None:
        """See Observer."""
        at = time.monotonic() - self._began
        self._record(
            StepEnded,
            step_id=attempt.step.step_id,
            call=attempt.call,
            attempt=attempt.number,
            outcome=outcome,
            duration=at - self._started.pop(attempt.attempt_id, at),
            error=f"{type(error).__name__}: {text_of(error)}" if error is not None else "",
            emitted=emitted,
            at=at,
        )
        if self._checkpoints is not None:
            self._checkpoints.step_ended()
