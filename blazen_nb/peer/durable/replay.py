"""From the ticks of a journal to the state that they lead to: what a run goes on with in another process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.reducer import apply
from blazen_nb.engine.run_state import RunState
from blazen_nb.engine.step import event_classes
from blazen_nb.engine.ticks import (
    AttemptFailed,
    AttemptFinished,
    CancelRequested,
    Continuation,
    EventSent,
    InputAnswered,
    PauseRequested,
    Restarted,
    ResumeRequested,
    StartTimer,
    Tick,
    TimerFired,
    TimerKey,
)
from blazen_nb.errors import JournalError
from blazen_nb.events import Event, event_from_wire
from blazen_nb.shipping.failure import rebuild_exception
from blazen_nb.shipping.live import open_kept
from blazen_nb.updates import Usage
from blazen_nb.wire.messages import failure_of, usage_of, value_of
from blazen_nb.wire.v1 import kept_pb2 as kept


@dataclass(slots=True)
class Replayed:
    """A run as it was when its process ended."""

    state: RunState
    values: dict[str, Any] = field(default_factory=dict)
    """Of ``ctx.state``."""
    usage: Usage = field(default_factory=Usage)
    seconds_left: float | None = None
    """Of its timeout."""
    ticks: int = 0
    """The number of the last one."""
    due: dict[int, float] = field(default_factory=dict)
    """When the retries that wait are due, in seconds since the epoch, by attempt ID."""

    def restarted(self) -> Restarted:
        """The tick with which it goes on."""
        now = time.time()
        delays = {
            attempt_id: max(0.0, self.due.get(attempt_id, now) - now)
            for attempt_id in self.state.backing_off
        }
        return Restarted(self.seconds_left, delays)


class Replay:
    """Reads the ticks of one run.

    Args:
        graph: The workflow that it began with.
        home: Module name of its namespace.
        workflow_of: Makes a workflow that its cell had defined.
    """

    def __init__(
        self,
        graph: Graph,
        home: str,
        *,
        timeout: float | None,
        workflow_of: Callable[[kept.KeptWorkflow], Graph],
    ) -> None:
        self._home = home
        self._workflow_of = workflow_of
        self._classes: dict[str, type[Event]] = {}
        self._gone: dict[int, tuple[Event, str]] = {}
        """Events that have lost something, and what, by their id(): held here, for an id() is given out again."""
        self._learn(graph)
        self.replayed = Replayed(RunState(graph, timeout=timeout), seconds_left=timeout)

    def run(self, start: Event, ticks: Iterable[tuple[int, kept.KeptTick]]) -> Replayed:
        """The run after these ticks.

        Raises:
            JournalError: What it goes on with needs something that ended with the process before.
        """
        self._apply(EventSent(start), time.time())
        for number, message in ticks:
            self.replayed.ticks = number
            self._note(message)
            self._apply(self._tick(message), message.at)
        self._require_whole()
        return self.replayed

    def _apply(self, tick: Tick, at: float) -> None:
        for command in apply(self.replayed.state, tick):
            if isinstance(command, StartTimer) and command.key[0] == "retry":
                self.replayed.due[int(command.key[1])] = at + command.seconds

    def _note(self, message: kept.KeptTick) -> None:
        replayed = self.replayed
        replayed.usage = usage_of(message.usage)
        if message.HasField("seconds_left"):
            replayed.seconds_left = message.seconds_left
        for change in message.state:
            if change.HasField("value"):
                # A value that is gone fails whoever reads it, and nobody else.
                replayed.values[change.key], _ = open_kept(value_of(change.value), self._home)
            else:
                replayed.values.pop(change.key, None)

    def _tick(self, message: kept.KeptTick) -> Tick:
        match message.WhichOneof("kind"):
            case "finished":
                return AttemptFinished(
                    message.finished.attempt_id, self._returned(message.finished)
                )
            case "failed":
                failure = failure_of(message.failed.failure)
                error = rebuild_exception(failure, trusted=True, home=self._home)
                return AttemptFailed(message.failed.attempt_id, error, message.failed.random)
            case "sent":
                return EventSent(self._event(message.sent))
            case "timer":
                return TimerFired(_key(message.timer))
            case "answered":
                answer = message.answered
                return InputAnswered(answer.request_id, self._event(answer.event))
            case "cancelled":
                return CancelRequested(message.cancelled.reason)
            case "paused":
                return PauseRequested() if message.paused else ResumeRequested()
            case "restarted":
                return _restarted(message.restarted)
        raise JournalError("a newer version of blazen_nb has written this run; upgrade this one")

    def _returned(self, message: kept.KeptFinished) -> Any:
        events = [self._event(event) for event in message.events]
        if message.HasField("workflow"):
            graph = self._workflow_of(message.workflow)
            self._learn(graph)
            return Continuation(graph, events[0])
        if message.is_list:
            return events
        return events[0] if events else None

    def _learn(self, graph: Graph) -> None:
        for step in graph.steps:
            self._classes.update(event_classes(step))

    def _event(self, message: kept.KeptEvent) -> Event:
        opened, gone = open_kept(value_of(message.fields), self._home)
        fields = opened if isinstance(opened, dict) else {}  # all of them are gone
        cls = self._classes.get(message.event_type)
        if cls is None:
            event = event_from_wire(message.event_type, fields)
        else:
            event = cls._from_fields(message.event_type, fields)
        if gone:
            self._gone[id(event)] = event, gone[0]
        return event

    def _require_whole(self) -> None:
        state = self.replayed.state
        waiting = [attempt for queued in state.queued.values() for attempt in queued]
        attempts = [*state.running.values(), *waiting, *state.backing_off.values(), *state.parked]
        for attempt in attempts:
            self._require(attempt.event, f"step {attempt.step.step_id}")
        for event in [*state.held, *state.inputs.values()]:
            self._require(event, "the run")
        if state.ending is not None and state.ending.event is not None:
            self._require(state.ending.event, "its result")

    def _require(self, event: Event, who: str) -> None:
        if id(event) in self._gone:
            raise JournalError(
                f"{who} needs {self._gone[id(event)][1]} of its {event.event_type}, which ended with the process that "
                "made it; pass on what is JSON, bytes, or can be pickled under 1 MiB"
            )


def _key(timer: kept.KeptTimer) -> TimerKey:
    if timer.kind in ("step", "retry"):
        return timer.kind, timer.attempt_id  # type: ignore[return-value]  # one of the two
    return timer.kind  # type: ignore[return-value]  # "run"


def _restarted(message: kept.KeptRestart) -> Restarted:
    left = message.seconds_left if message.HasField("seconds_left") else None
    return Restarted(left, dict(message.delays))
