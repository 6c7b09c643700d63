"""What happens in a run as a journal keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blazen_nb.engine.graph import Graph
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
    Tick,
    TimerFired,
)
from blazen_nb.events import Event
from blazen_nb.shipping.failure import describe_exception
from blazen_nb.shipping.live import keep
from blazen_nb.wire.messages import failure_message, value_message
from blazen_nb.wire.v1 import kept_pb2 as kept


class TickWriter:
    """Writes the ticks of one run.

    Args:
        home: Module name of the run's namespace.
        workflow_of: Keeps the code of a workflow that a cell has defined.
    """

    def __init__(self, home: str, workflow_of: Callable[[Graph], kept.KeptWorkflow]) -> None:
        self._home = home
        self._workflow_of = workflow_of

    def kind(self, tick: Tick) -> dict[str, Any]:
        """The tick as the one field of a KeptTick that says what happened.

        Raises:
            TypeError: It is none that is kept.
        """
        match tick:
            case AttemptFinished():
                return {"finished": self._finished(tick)}
            case AttemptFailed():
                failure = describe_exception(tick.error, home=self._home)
                message = failure_message(failure)
                return {
                    "failed": kept.KeptFailed(
                        attempt_id=tick.attempt_id, failure=message, random=tick.random
                    )
                }
            case EventSent():
                return {"sent": self._event(tick.event)}
            case TimerFired(key=(str() as kind, int() as attempt_id)):
                return {"timer": kept.KeptTimer(kind=kind, attempt_id=attempt_id)}
            case TimerFired(key=str() as kind):
                return {"timer": kept.KeptTimer(kind=kind)}
            case InputAnswered():
                event = self._event(tick.event)
                return {"answered": kept.KeptAnswer(request_id=tick.request_id, event=event)}
            case CancelRequested():
                return {"cancelled": kept.KeptCancel(reason=tick.reason)}
            case PauseRequested() | ResumeRequested():
                return {"paused": isinstance(tick, PauseRequested)}
            case Restarted():
                restart = kept.KeptRestart(seconds_left=tick.seconds_left, delays=tick.delays)
                return {"restarted": restart}
        raise TypeError(f"a {type(tick).__name__} is not kept")

    def state(self, changes: dict[str, tuple[Any, ...]]) -> list[kept.KeptState]:
        """What ``KeptState.take_changes`` gave."""
        return [
            kept.KeptState(
                key=key, value=value_message(keep(value[0], self._home)) if value else None
            )
            for key, value in changes.items()
        ]

    def _finished(self, tick: AttemptFinished) -> kept.KeptFinished:
        value = tick.value
        made = kept.KeptFinished(attempt_id=tick.attempt_id)
        if isinstance(value, Continuation):
            made.workflow.CopyFrom(self._workflow_of(value.graph))
            made.events.append(self._event(value.event))
        elif isinstance(value, list):
            made.is_list = True
            made.events.extend(self._event(event) for event in value)
        elif value is not None:
            made.events.append(self._event(value))
        return made

    def _event(self, event: Event) -> kept.KeptEvent:
        fields = value_message(keep(event.to_dict(), self._home))
        return kept.KeptEvent(event_type=event.event_type, fields=fields)
