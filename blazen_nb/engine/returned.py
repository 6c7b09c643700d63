"""What a step may return: an event, several, nothing, or how the run goes on."""

from __future__ import annotations

from typing import Any

from blazen_nb.engine.step import Step
from blazen_nb.engine.ticks import Continuation
from blazen_nb.events import Event


def events_in(value: Event | list[Event] | Continuation | None) -> list[Event]:
    """The events among what a step returned."""
    if isinstance(value, Event):
        return [value]
    return value if isinstance(value, list) else []


def checked_return(step: Step, value: Any) -> Event | list[Event] | Continuation | None:
    """What the step returned, a tuple of events as a list.

    Raises:
        TypeError: It is nothing that a step may return.
    """
    if value is None or isinstance(value, Event | Continuation):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, Event) for item in value):
        return list(value)
    raise TypeError(
        f"step {step.step_id} returned a {type(value).__name__}; return an Event, a list of Events or None "
        "(StopEvent(result=...) ends the workflow)"
    )
