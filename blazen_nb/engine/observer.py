"""Who is told what a run does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.returned import events_in
from blazen_nb.engine.ticks import (
    Attempt,
    AttemptFailed,
    AttemptFinished,
    Command,
    EventSent,
    Retrying,
    Tick,
)
from blazen_nb.events import Event
from blazen_nb.updates import InputEnd, StepOutcome

_log = logging.getLogger("blazen_nb.engine")


class Observer(Protocol):
    """Who is told what a run does. Called in order, under the run's lock or from the step's thread: be brief."""

    def graph_known(self, graph: Graph) -> None:
        """The run's steps are these from now on."""

    def step_started(self, attempt: Attempt) -> None:
        """An attempt began."""

    def step_ended(
        self,
        attempt: Attempt,
        outcome: StepOutcome,
        error: BaseException | None,
        emitted: tuple[str, ...],
    ) -> None:
        """An attempt ended."""

    def event_published(self, event: Event, step_id: str | None) -> None:
        """This step wrote to the stream; None where it was the engine."""

    def progressed(self, attempt: Attempt, label: str, done: float, total: float | None) -> None:
        """A step said how far it is."""

    def input_requested(self, event: Event) -> None:
        """The run waits for a person."""

    def input_closed(self, request_id: str, how: InputEnd) -> None:
        """It waits for this answer no longer."""

    def enter(self, attempt: Attempt) -> Any:
        """Code of this attempt is about to run in this context; what is returned goes to leave()."""

    def leave(self, entered: Any) -> None:
        """That code is over."""


class QuietObserver:
    """Does nothing with what it is told; for observers of which most of a story goes by."""

    def graph_known(self, graph: Graph) -> None:
        """See Observer."""

    def step_started(self, attempt: Attempt) -> None:
        """See Observer."""

    def step_ended(
        self,
        attempt: Attempt,
        outcome: StepOutcome,
        error: BaseException | None,
        emitted: tuple[str, ...],
    ) -> None:
        """See Observer."""

    def progressed(self, attempt: Attempt, label: str, done: float, total: float | None) -> None:
        """See Observer."""

    def input_closed(self, request_id: str, how: InputEnd) -> None:
        """See Observer."""

    def enter(self, attempt: Attempt) -> Any:
        """See Observer: what the step prints goes where it always went."""

    def leave(self, entered: Any) -> None:
        """See Observer."""


def tell(method: Callable[..., None], *story: Any) -> None:
    """Tell the observer; where it cannot take the story, the run goes on without."""
    try:
        method(*story)
    except Exception:
        _log.exception("a run's story has a gap")


def tell_ended(
    observer: Observer, tick: Tick, attempt: Attempt | None, commands: list[Command]
) -> list[Event]:
    """Tell of the attempt that ended with this tick, if it is one that still counts; returns the events that came."""
    if isinstance(tick, AttemptFinished) and attempt is not None:
        events = events_in(tick.value)
        emitted = tuple(event.event_type for event in events)
        tell(observer.step_ended, attempt, "succeeded", None, emitted)
        return events
    if isinstance(tick, AttemptFailed) and attempt is not None:
        again = any(isinstance(command, Retrying) for command in commands)
        outcome: StepOutcome = "retrying" if again else "failed"
        tell(observer.step_ended, attempt, outcome, tick.error, ())
    return [tick.event] if isinstance(tick, EventSent) else []
