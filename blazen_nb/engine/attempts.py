"""The rules of beginning attempts: which one starts, which one has to wait for its turn. Part of the reducer."""

from __future__ import annotations

from collections import deque

from blazen_nb.engine.run_state import RunState
from blazen_nb.engine.step import Step
from blazen_nb.engine.ticks import Attempt, Command, RunAttempt, StartTimer


def start_or_queue(state: RunState, attempt: Attempt, out: list[Command]) -> None:
    """Start the attempt, or let it wait while as many of its step run as may."""
    step = attempt.step
    if step.max_concurrency and _active(state, step) >= step.max_concurrency:
        state.queued.setdefault(step.step_id, deque()).append(attempt)
    else:
        start(state, attempt, out)


def _active(state: RunState, step: Step) -> int:
    return sum(1 for attempt in state.running.values() if attempt.step.step_id == step.step_id)


def start(state: RunState, attempt: Attempt, out: list[Command]) -> None:
    """Start the attempt."""
    state.running[attempt.attempt_id] = attempt
    timeout = state.graph.timeout_of(attempt.step)
    if timeout is not None:
        out.append(StartTimer(("step", attempt.attempt_id), timeout))
    out.append(RunAttempt(attempt))


def stall_message(state: RunState) -> str:
    """What a run in which nothing can happen any more waited for."""
    message = "the run stalled: no step is running and no StopEvent came"
    if state.unaccepted:
        lost = ", ".join(
            f"{name} ({count}x)" if count > 1 else name for name, count in state.unaccepted.items()
        )
        message += f"; no step accepts {lost}"
    idle = [step for step in state.graph.steps if step.step_id not in state.calls]
    if idle:
        waits = "; ".join(f"{step.step_id} waits for {' or '.join(step.accepts)}" for step in idle)
        message += f"; {waits}"
    return message
