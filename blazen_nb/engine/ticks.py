"""What goes into the reducer (ticks: what happened) and what comes out (commands: what to do), as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.step import Step
from blazen_nb.events import Event
from blazen_nb.updates import InputEnd, Outcome

# Slotted but not frozen: freezing costs 0.3 us each on the hot path. Nobody changes one after making it.


@dataclass(slots=True)
class Attempt:
    """One try of one call of a step."""

    attempt_id: int
    step: Step
    event: Event
    call: int
    """Which call of the step within the run, from 1."""
    number: int
    """Which attempt of that call, from 1."""
    cut_off: int = 0
    """How many earlier attempts were in flight when the run was cut off, at a snapshot or with its process: no failures
    of its own."""


@dataclass(slots=True)
class Continuation:
    """Returned by the implicit step of a cell that defined steps: the run goes on as their workflow."""

    graph: Graph
    event: Event


# --- ticks ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class EventSent:
    """An event entered the run: its StartEvent, or one that a step sent from inside."""

    event: Event


@dataclass(slots=True)
class AttemptFinished:
    """An attempt returned; ``value`` is what it returned, checked by the runner."""

    attempt_id: int
    value: Event | list[Event] | Continuation | None


@dataclass(slots=True)
class AttemptFailed:
    """An attempt raised."""

    attempt_id: int
    error: BaseException
    random: float
    """In [0, 1): the jitter of a retry, drawn outside so that the reducer stays deterministic."""


TimerKey = (
    tuple[Literal["step", "retry"], int] | tuple[Literal["ask"], str] | Literal["run", "abandon"]
)


@dataclass(slots=True)
class TimerFired:
    """A timer that a StartTimer command asked for is up."""

    key: TimerKey


@dataclass(slots=True)
class InputAnswered:
    """A person answered an input request."""

    request_id: str
    event: Event


@dataclass(slots=True)
class Asked:
    """A step asks a person, and waits for the answer inside its attempt."""

    attempt_id: int
    event: Event
    seconds: float | None
    """How long it waits; None = as long as it takes."""


@dataclass(slots=True)
class AskWithdrawn:
    """The step waits for this answer no longer."""

    request_id: str


@dataclass(slots=True)
class CancelRequested:
    """Somebody asked for the end of the run."""

    reason: str


@dataclass(slots=True)
class PauseRequested:
    """Nothing new is to start; attempts in flight go on."""


@dataclass(slots=True)
class ResumeRequested:
    """What was held back may go on."""


@dataclass(slots=True)
class Restored:
    """The state was filled from a snapshot; these go on where they were."""

    attempts: list[Attempt]
    events: list[Event]
    """Events that were still to be routed."""
    seconds_left: float | None
    """Of the run's timeout."""


@dataclass(slots=True)
class Restarted:
    """The process was restarted, and the state made again from the ticks before: what was in flight begins again."""

    seconds_left: float | None
    """Of the run's timeout."""
    delays: dict[int, float]
    """Seconds until each retry that waits is due, by attempt ID."""


@dataclass(slots=True)
class Broken:
    """The run cannot go on, for a reason outside of its steps."""

    error: Exception


Tick = (
    EventSent
    | AttemptFinished
    | AttemptFailed
    | TimerFired
    | InputAnswered
    | Asked
    | AskWithdrawn
    | CancelRequested
    | PauseRequested
    | ResumeRequested
    | Restored
    | Restarted
    | Broken
)

# --- commands ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class RunAttempt:
    """Run this attempt, in the lane that has it or in a new one."""

    attempt: Attempt


@dataclass(slots=True)
class AbortAttempt:
    """Tell this attempt to stop; what it still returns counts no more."""

    attempt: Attempt


@dataclass(slots=True)
class AbandonAttempt:
    """It was told to stop and did not: leave it behind, whatever thread it blocks is replaced."""

    attempt: Attempt


@dataclass(slots=True)
class StartTimer:
    """Feed TimerFired(key) in this many seconds."""

    key: TimerKey
    seconds: float


@dataclass(slots=True)
class StopTimer:
    """Forget this timer."""

    key: TimerKey


@dataclass(slots=True)
class HoldTimer:
    """Stop this timer's time, and keep what is left of it."""

    key: TimerKey


@dataclass(slots=True)
class GoOnTimer:
    """Let this timer's time go on."""

    key: TimerKey


TimerCommand = StartTimer | StopTimer | HoldTimer | GoOnTimer


@dataclass(slots=True)
class AskInput:
    """Show a person this request."""

    event: Event


@dataclass(slots=True)
class CloseInput:
    """This request is not open any more; a step that waits for its answer gets it."""

    request_id: str
    how: InputEnd
    response: Any = None


@dataclass(slots=True)
class ShowGraph:
    """The run's steps are now these."""

    graph: Graph


@dataclass(slots=True)
class Retrying:
    """This attempt failed and will be tried again."""

    attempt: Attempt


@dataclass(slots=True)
class Finish:
    """The run has ended."""

    outcome: Outcome
    event: Event | None
    error: BaseException | None
    message: str
    step_id: str | None
    """The step whose failure ended it."""
    attempt: int = 1
    """Which attempt of it."""


Command = (
    RunAttempt
    | AbortAttempt
    | AbandonAttempt
    | TimerCommand
    | AskInput
    | CloseInput
    | ShowGraph
    | Retrying
    | Finish
)
