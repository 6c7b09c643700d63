"""A run as its pictures need it: the fold of its updates, of bounded size; no HTML, no clock, no I/O."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from blazen_nb.errors import Failure
from blazen_nb.events import INPUT_RESPONSE
from blazen_nb.render.device_history import DeviceHistory
from blazen_nb.render.icons import StateName
from blazen_nb.render.output_log import OutputLog
from blazen_nb.render.step_state import StepState
from blazen_nb.updates import (
    Accepted,
    Displayed,
    Ended,
    EventPublished,
    GraphKnown,
    InputClosed,
    InputRequested,
    Outcome,
    Output,
    OutputCut,
    Paused,
    Progressed,
    Resumed,
    StepEnded,
    StepStarted,
    Update,
    Usage,
)

CELL_STEP = "cell"
"""The step ID of a cell's own top level."""
_PROGRESS_LIMIT = 64
_EVENT_TYPES_LIMIT = 500


@dataclass(slots=True)
class ProgressRow:
    """One bar: what ``ctx.progress`` last said under one label."""

    step_id: str
    call: int
    label: str
    first_done: float
    first_at: float
    done: float
    total: float | None
    at: float

    @property
    def complete(self) -> bool:
        """True when nothing is left to do."""
        return self.total is not None and self.done >= self.total

    @property
    def rate(self) -> float | None:
        """Units a second since the first report; None before there are two."""
        spent = self.at - self.first_at
        return (
            (self.done - self.first_done) / spent
            if spent > 0 and self.done > self.first_done
            else None
        )


@dataclass(slots=True)
class RunState:
    """A run's updates folded into what a picture shows; ``apply`` each update once, in order.

    Its size follows the number of steps, never that of calls, events or printed lines.
    """

    run_id: str = ""
    workflow_name: str = ""
    node_id: str = ""
    label: str | None = None
    """Where it was started from, ``cell [3]``; None outside of a notebook."""
    meta: tuple[str, ...] = ()
    """What else the header's second line says, such as what was sent."""
    source: str = ""
    """The cell's text, where the reader has it: a failure is then shown among its neighbours."""
    notice: str = ""
    """A sentence in a band under the header, such as who cancelled."""
    notice_look: StateName | None = None
    """The state whose icon and tint the band has; None for the run's own."""
    live: StateName | None = None
    """What the reader knows better than the updates while the run goes on: detached, paused."""
    broken_at: float | None = None
    """When the reader lost the peer, in seconds since the epoch, where it is on its way back; None else."""
    outcome: Outcome | None = None
    started_at: float | None = None
    duration: float | None = None
    message: str = ""
    failure: Failure | None = None
    usage: Usage = field(default_factory=Usage)
    result_text: str = ""
    seq: int = 0
    last_at: float = 0.0
    """The newest time in the updates, seconds since the run started."""
    displays: int = 0
    steps: dict[str, StepState] = field(default_factory=dict)
    """In graph order, the ones not in the graph after them."""
    log: OutputLog = field(default_factory=OutputLog)
    progress: dict[tuple[str, int, str], ProgressRow] = field(default_factory=dict)
    devices: DeviceHistory = field(default_factory=DeviceHistory)
    """How busy the peer was meanwhile; no part of the updates."""
    published: Counter[str] = field(default_factory=Counter)
    """Events written to the stream, by type."""
    emitted: Counter[str] = field(default_factory=Counter)
    """Events that steps returned, by type."""
    questions: dict[str, str] = field(default_factory=dict)
    """Prompts that wait for an answer, by request ID."""

    @property
    def state(self) -> StateName:
        """The run as a whole."""
        if self.outcome is not None:
            return self.outcome
        if self.broken_at is not None and self.live != "detached":
            return "reconnecting"
        if self.live is not None:
            return self.live
        if self.questions:
            return "waiting"
        return "queued" if self.started_at is None else "running"

    @property
    def notices(self) -> list[str]:
        """What is to be said before anything else of the run."""
        if self.state != "reconnecting" or self.broken_at is None:
            return [self.notice] if self.notice else []
        since = time.strftime("%H:%M:%S", time.localtime(self.broken_at))
        lost = (
            f"Connection to {self.node_id} lost at {since}; the run goes on there, "
            "and what it says meanwhile appears here once the connection is back"
        )
        return [lost, self.notice] if self.notice else [lost]

    @property
    def is_cell(self) -> bool:
        """True for a plain cell: its top level is all there is, so no graph and no table."""
        return all(step_id == CELL_STEP for step_id in self.steps)

    @property
    def name(self) -> str:
        """What the header calls it: the workflow, or the cell when there is no workflow in it."""
        if self.is_cell and self.label:
            return self.label
        return self.workflow_name or self.label or "run"

    @property
    def shown_steps(self) -> list[StepState]:
        """The steps of the graph and the table; a cell's top level is not one of them."""
        return [step for step in self.steps.values() if step.step_id != CELL_STEP]

    def elapsed(self, now: float) -> float:
        """Seconds since the start: ``now`` while it runs, its duration once it ended."""
        return self.duration if self.duration is not None else max(now, self.last_at)

    def expected(self, step: StepState) -> int:
        """How many calls of the step the events so far ask for."""
        return max(step.calls, sum(self.emitted[event_type] for event_type in step.accepts))

    def step_look(self, step: StepState) -> StateName:
        """The state in which the step is shown."""
        state = step.state(self.expected(step), self.outcome)
        asked = self.questions and self.outcome is None and INPUT_RESPONSE in step.accepts
        return "waiting" if asked and state in ("queued", "running") else state

    def step_name(self, step_id: str) -> str:
        """The step ID without its module, where that says which step is meant."""
        short = step_id.rpartition("::")[2] or step_id
        taken = sum(other.rpartition("::")[2] == short for other in self.steps)
        return short if taken < 2 else step_id

    def apply(self, update: Update) -> None:
        """The state includes this update; one that it has seen already changes nothing."""
        if 0 < update.seq <= self.seq:
            return
        self.seq = max(self.seq, update.seq)
        match update:
            case Accepted():
                self.run_id, self.node_id, self.started_at = (
                    update.run_id,
                    update.node_id,
                    update.started_at,
                )
                self.workflow_name = update.workflow_name
            case GraphKnown():
                self._learn_graph(update)
            case StepStarted() | StepEnded():
                self._fold_attempt(update)
            case Output():
                self.log.write(update.step_id, update.call, update.stream, update.text)
            case OutputCut():
                self.log.cut(update.step_id, update.lines, update.characters)
            case Progressed():
                self._fold_progress(update)
            case EventPublished():
                self._fold_event(update)
            case InputRequested():
                self.questions[update.request_id] = update.prompt
            case Paused():
                self.live = "paused" if update.paused else None
            case Resumed():
                self._resumed(update)
            case InputClosed():
                self.questions.pop(update.request_id, None)
            case Displayed():
                self.displays += update.action == "display"
            case Ended():
                self._end(update)

    def _resumed(self, update: Resumed) -> None:
        changed = (
            f"; changed since: {', '.join(update.changed_steps)}" if update.changed_steps else ""
        )
        self.notice = f"{update.node_id} was restarted, and went on with this run{changed}"
        for step in self.steps.values():
            step.interrupted()

    def _learn_graph(self, update: GraphKnown) -> None:
        self.workflow_name = update.workflow_name or self.workflow_name
        seen, self.steps = self.steps, {}
        for shape in update.steps:
            step = seen.pop(shape.step_id, None) or StepState(shape.step_id)
            step.accepts, step.emits = shape.accepts, shape.emits
            self.steps[shape.step_id] = step
        self.steps.update(seen)

    def _fold_attempt(self, update: StepStarted | StepEnded) -> None:
        step = self.steps.get(update.step_id)
        if step is None:
            step = self.steps[update.step_id] = StepState(update.step_id)
        self.last_at = max(self.last_at, update.at)
        if isinstance(update, StepStarted):
            step.start(update)
            return
        step.end(update)
        self.emitted.update(update.emitted)
        if update.outcome != "retrying":
            self.log.finish(update.step_id, update.call)

    def _fold_progress(self, update: Progressed) -> None:
        self.last_at = max(self.last_at, update.at)
        key = (update.step_id, update.call, update.label)
        row = self.progress.get(key)
        if row is not None and update.done >= row.done:
            row.done, row.total, row.at = update.done, update.total, update.at
            return
        if row is None and len(self.progress) == _PROGRESS_LIMIT:
            complete = (old for old, entry in self.progress.items() if entry.complete)
            del self.progress[next(complete, next(iter(self.progress)))]
        self.progress[key] = ProgressRow(
            *key, update.done, update.at, update.done, update.total, update.at
        )

    def _fold_event(self, update: EventPublished) -> None:
        event_type = update.event.event_type
        if event_type in self.published or len(self.published) < _EVENT_TYPES_LIMIT:
            self.published[event_type] += 1

    def _end(self, update: Ended) -> None:
        self.outcome, self.duration, self.failure = update.outcome, update.duration, update.failure
        self.message, self.usage, self.result_text = (
            update.message,
            update.usage,
            update.result_text,
        )
        self.live = None
        self.questions.clear()
        self.log.finish()
        for step in self.steps.values():
            step.close(update.duration)
