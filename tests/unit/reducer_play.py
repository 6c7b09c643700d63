"""A run's state that tests feed ticks by hand, without an event loop."""

from __future__ import annotations

from typing import Any

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.reducer import apply
from blazen_nb.engine.run_state import RunState
from blazen_nb.engine.step import Step
from blazen_nb.engine.ticks import Attempt, Command, RunAttempt, Tick
from blazen_nb.events import START


def a_step(step_id: str, *accepts: str, **settings: Any) -> Step:
    """A step whose function is never called."""
    return Step(
        lambda ctx, event: None, step_id=step_id, accepts=accepts or (START,), emits=(), **settings
    )


def attempts(commands: list[Command]) -> list[Attempt]:
    """The attempts that are to be run."""
    return [command.attempt for command in commands if isinstance(command, RunAttempt)]


class FedState:
    """A run's state, and what was commanded so far."""

    def __init__(self, *steps: Step, timeout: float | None = None, **defaults: Any) -> None:
        self.state = RunState(Graph(steps, **defaults), timeout=timeout)
        self.all: list[Command] = []

    def feed(self, tick: Tick) -> list[Command]:
        """Apply the tick; what follows from it."""
        out = apply(self.state, tick)
        self.all += out
        return out
