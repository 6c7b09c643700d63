"""Everything the rules need to know of a run, as plain data; the rules themselves are in ``reducer``."""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.ticks import Asked, Attempt, Finish
from blazen_nb.events import Event
from blazen_nb.updates import Usage


@dataclass(slots=True)
class RunState:
    """Everything the rules need to know of a run."""

    graph: Graph
    timeout: float | None = None
    next_id: int = 1
    calls: dict[str, int] = field(default_factory=dict)
    """Calls so far by step ID."""
    running: dict[int, Attempt] = field(default_factory=dict)
    queued: dict[str, deque[Attempt]] = field(default_factory=dict)
    """By step ID: attempts that wait because the step's max_concurrency is reached."""
    backing_off: dict[int, Attempt] = field(default_factory=dict)
    """Attempts whose retry timer is running."""
    stopping: dict[int, Attempt] = field(default_factory=dict)
    """Attempts told to stop that have not yet come back."""
    inputs: dict[str, Event] = field(default_factory=dict)
    """Unanswered input requests by request ID."""
    asks: dict[str, Asked] = field(default_factory=dict)
    """Questions whose answer an attempt waits for, by request ID."""
    unaccepted: dict[str, int] = field(default_factory=dict)
    """How often each event type came that no step accepts."""
    paused: bool = False
    held: list[Event] = field(default_factory=list)
    """Events that came while the run was paused, in order."""
    parked: list[Attempt] = field(default_factory=list)
    """Retries that came due while the run was paused."""
    time_stands: bool = False
    """The run's timeout does not count: it is paused, or only waits for a person."""
    ending: Finish | None = None
    """How the run will end once its attempts have stopped, or has ended."""
    finished: bool = False

    def copied(self) -> RunState:
        """A copy that can be changed without touching this one; events and steps are shared."""
        new = copy.copy(self)
        for name in (
            "calls",
            "running",
            "backing_off",
            "stopping",
            "inputs",
            "asks",
            "unaccepted",
        ):
            setattr(new, name, dict(getattr(self, name)))
        new.queued = {step_id: deque(waiting) for step_id, waiting in self.queued.items()}
        new.held, new.parked = list(self.held), list(self.parked)
        return new


class Moment(NamedTuple):
    """What a run is at one moment."""

    state: RunState
    seconds_left: float | None
    """Of its timeout."""
    values: dict[str, Any]
    """Of ``ctx.state``."""
    live_keys: list[str]
    """Of ``ctx.session``."""
    begun: frozenset[int]
    """Attempts that are at work; others of the running ones still wait for their thread or task."""
    usage: Usage
