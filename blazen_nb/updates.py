"""What a run tells while it runs: one frozen dataclass a kind of update, in one gapless order.

The peer numbers updates, the wire carries them, the client hands them out, ``render`` folds them into pictures.
Times are seconds since the run started, on the peer's monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from blazen_nb.errors import Failure
from blazen_nb.events import Event

LiveState = Literal["running", "queued", "waiting", "paused"]
Outcome = Literal["succeeded", "failed", "timed_out", "cancelled", "lost"]
StepOutcome = Literal["succeeded", "failed", "retrying", "timed_out", "cancelled"]
StreamName = Literal["stdout", "stderr", "log"]
DisplayAction = Literal["display", "update", "clear"]
InputEnd = Literal["answered", "timed_out", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and money that a run spent, as its steps recorded them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    reasoning_tokens: int = 0
    cached_input_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One numbered entry in a run's story."""

    run_id: str
    seq: int
    """Gapless within the run, from 1: a reader that saw ``seq`` has seen everything before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Update):
    """The peer has the run and starts it."""

    workflow_name: str
    node_id: str
    started_at: float
    """Wall clock of the peer, seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShape:
    """A step as the graph draws it."""

    step_id: str
    accepts: tuple[str, ...]
    emits: tuple[str, ...]
    """Event types it is declared to emit; empty where its return is not annotated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphKnown(Update):
    """The run's steps are known; for a cell that defines steps this comes after its top level has run."""

    workflow_name: str
    steps: tuple[StepShape, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Update):
    """An attempt of a step began."""

    step_id: str
    call: int
    """Which call of this step it is, from 1: a fan-out of 8 makes calls 1 to 8."""
    attempt: int
    """Which attempt of this call, from 1."""
    event_type: str
    """The event that started it."""
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded(Update):
    """An attempt of a step ended; ``emitted`` are the event types it returned."""

    step_id: str
    call: int
    attempt: int
    outcome: StepOutcome
    duration: float
    error: str = ""
    """``TypeName: message`` where the attempt failed."""
    emitted: tuple[str, ...] = ()
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPublished(Update):
    """A step wrote an event to the stream."""

    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(Update):
    """Text that a step printed or logged; not cut at line ends."""

    step_id: str
    call: int
    stream: StreamName
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Displayed(Update):
    """A step displayed something: a mimebundle, an update of an earlier one, or a clear."""

    step_id: str
    call: int
    action: DisplayAction
    data: dict[str, Any] = field(default_factory=dict)
    """Mimebundle as Jupyter has it: text types as str, binary types (image/png) as base64 str, JSON as objects."""
    metadata: dict[str, Any] = field(default_factory=dict)
    display_id: str | None = None
    wait: bool = False
    """For ``clear``: wait for the next output before clearing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed(Update):
    """``ctx.progress(done, total, label)``."""

    step_id: str
    call: int
    label: str
    done: float
    total: float | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputCut(Update):
    """Output was dropped here because the reader or the limit could not take it; counted, never silent."""

    step_id: str
    characters: int
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRequested(Update):
    """The run waits for a person's answer."""

    request_id: str
    prompt: str
    metadata: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Update):
    """Somebody paused the run, so that no further step starts, or let it go on."""

    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Update):
    """The peer was restarted, and goes on with the run from its journal: what was in flight begins again."""

    node_id: str
    at: float
    """Seconds since the epoch."""
    changed_steps: tuple[str, ...] = ()
    """IDs of the peer's own steps that are not what they were when the run began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputClosed(Update):
    """A question of the run is not open any more: somebody answered it, or nobody in time, or the run went on."""

    request_id: str
    how: InputEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Update):
    """The last update of a run."""

    outcome: Outcome
    duration: float
    failure: Failure | None = None
    message: str = ""
    """Why, in one sentence, where the outcome is not ``succeeded``."""
    usage: Usage = Usage()
    result_text: str = ""
    """Short text of the result (its repr, cut), for logs and cards; the value itself comes with the result."""
