"""The rules of a run: what happened in, what to do out. No await, no clock, no random, no thread.

The same ticks always give the same state; journal, snapshots and replay rest on that. ``apply`` changes the state
it is given (the runner owns one), ``reduce`` leaves it alone and returns the next.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from blazen_nb.engine import waiting
from blazen_nb.engine.attempts import stall_message, start, start_or_queue
from blazen_nb.engine.run_state import RunState
from blazen_nb.engine.ticks import (
    AbandonAttempt,
    AbortAttempt,
    Asked,
    AskInput,
    AskWithdrawn,
    Attempt,
    AttemptFailed,
    AttemptFinished,
    Broken,
    CancelRequested,
    CloseInput,
    Command,
    Continuation,
    EventSent,
    Finish,
    InputAnswered,
    PauseRequested,
    Restarted,
    Restored,
    ResumeRequested,
    Retrying,
    ShowGraph,
    StartTimer,
    StopTimer,
    Tick,
    TimerFired,
)
from blazen_nb.errors import text_of
from blazen_nb.events import INPUT_REQUEST, STOP, Event
from blazen_nb.updates import Outcome

ABANDON_SECONDS = 1.0
"""How long a run that is told to stop waits for its attempts before it leaves them behind."""


def reduce(state: RunState, tick: Tick) -> tuple[RunState, list[Command]]:
    """The state after the tick and what to do about it; the given state stays as it was."""
    new = state.copied()
    return new, apply(new, tick)


def apply(state: RunState, tick: Tick) -> list[Command]:
    """Change the state by what happened and return what to do about it."""
    out: list[Command] = []
    if isinstance(tick, AttemptFinished):
        _attempt_finished(state, tick, out)
    elif isinstance(tick, EventSent):
        if state.ending is None:
            _event_sent(state, tick.event, out)
    elif isinstance(tick, AttemptFailed):
        _attempt_failed(state, tick, out)
    elif isinstance(tick, TimerFired):
        _timer_fired(state, tick, out)
    elif isinstance(tick, InputAnswered):
        _input_answered(state, tick, out)
    elif isinstance(tick, Asked):
        waiting.ask(state, tick, out)
    elif isinstance(tick, AskWithdrawn):
        waiting.close(state, tick.request_id, "withdrawn", out)
    elif isinstance(tick, CancelRequested):
        if state.ending is None:
            _end(state, out, Finish("cancelled", None, None, tick.reason, None))
    elif isinstance(tick, PauseRequested):
        state.paused = state.ending is None
    elif isinstance(tick, ResumeRequested):
        _go_on(state, out)
    elif isinstance(tick, Restored):
        _restored(state, tick, out)
    elif isinstance(tick, Restarted):
        _restarted(state, tick, out)
    elif isinstance(tick, Broken):
        out.extend(fail(state, tick.error))
    else:
        assert_never(tick)
    if state.timeout is not None:
        waiting.keep_time(state, out)
    return out


def fail(state: RunState, error: Exception) -> list[Command]:
    """End the run because it cannot go on; nothing where it is ending anyway."""
    out: list[Command] = []
    if state.ending is None:
        _end(state, out, Finish("failed", None, error, text_of(error), None))
    return out


def _event_sent(state: RunState, event: Event, out: list[Command]) -> None:
    if state.next_id == 1 and state.timeout is not None:
        out.append(StartTimer("run", state.timeout))
    _route(state, event, out)
    _stall_check(state, out)


def _input_answered(state: RunState, tick: InputAnswered, out: list[Command]) -> None:
    if state.inputs.pop(tick.request_id, None) is None:
        response = getattr(tick.event, "response", None)
        waiting.close(state, tick.request_id, "answered", out, response)
        return
    out.append(CloseInput(tick.request_id, "answered"))
    _route(state, tick.event, out)
    _stall_check(state, out)


def _go_on(state: RunState, out: list[Command]) -> None:
    """Start what was held back, oldest first."""
    if not state.paused:
        return
    state.paused = False
    parked, state.parked = state.parked, []
    held, state.held = state.held, []
    for step_id, queued in list(state.queued.items()):
        free = sum(1 for attempt in state.running.values() if attempt.step.step_id == step_id)
        while queued and free < queued[0].step.max_concurrency:
            start(state, queued.popleft(), out)
            free += 1
    for attempt in parked:
        start_or_queue(state, attempt, out)
    for event in held:
        _route(state, event, out)
    _stall_check(state, out)


def _restored(state: RunState, tick: Restored, out: list[Command]) -> None:
    if tick.seconds_left is not None:
        out.append(StartTimer("run", tick.seconds_left))
    for question in state.inputs.values():
        out.append(AskInput(question))
    for attempt in tick.attempts:
        start_or_queue(state, attempt, out)
    for event in tick.events:
        _route(state, event, out)
    _stall_check(state, out)


def _restarted(state: RunState, tick: Restarted, out: list[Command]) -> None:
    state.asks.clear()
    state.stopping.clear()
    state.time_stands = False
    if state.ending is not None:
        state.finished = True
        out.append(state.ending)
        return
    if tick.seconds_left is not None:
        out.append(StartTimer("run", tick.seconds_left))
    for question in state.inputs.values():
        out.append(AskInput(question))
    for attempt_id in state.backing_off:
        out.append(StartTimer(("retry", attempt_id), tick.delays.get(attempt_id, 0.0)))
    for attempt in list(state.running.values()):
        start(state, replace(attempt, number=attempt.number + 1, cut_off=attempt.cut_off + 1), out)
    _stall_check(state, out)


def _attempt_finished(state: RunState, tick: AttemptFinished, out: list[Command]) -> None:
    attempt = _take(state, tick.attempt_id, out)
    if attempt is None:
        return
    value = tick.value
    if isinstance(value, list):
        for event in value:
            _route(state, event, out)
    elif isinstance(value, Continuation):
        state.graph = value.graph
        out.append(ShowGraph(value.graph))
        _route(state, value.event, out)
    elif value is not None:
        _route(state, value, out)
    _stall_check(state, out)


def _attempt_failed(state: RunState, tick: AttemptFailed, out: list[Command]) -> None:
    attempt = _take(state, tick.attempt_id, out)
    if attempt is not None:
        _failed(state, attempt, tick.error, tick.random, out)


def _failed(
    state: RunState, attempt: Attempt, error: BaseException, random: float, out: list[Command]
) -> None:
    retry = state.graph.retry_of(attempt.step)
    failures = attempt.number - attempt.cut_off
    if failures <= retry.max_retries and isinstance(error, Exception):
        again = replace(attempt, attempt_id=state.next_id, number=attempt.number + 1)
        state.next_id += 1
        state.backing_off[again.attempt_id] = again
        out.append(Retrying(attempt))
        out.append(StartTimer(("retry", again.attempt_id), retry.delay(failures, random, error)))
        return
    outcome: Outcome = "timed_out" if isinstance(error, StepTimeout) else "failed"
    step_id, number = attempt.step.step_id, attempt.number
    _end(state, out, Finish(outcome, None, error, text_of(error), step_id, number))


class StepTimeout(TimeoutError):
    """A step took longer than its timeout; private to the engine, callers see a WorkflowTimeoutError."""


def _timer_fired(state: RunState, tick: TimerFired, out: list[Command]) -> None:
    key = tick.key
    if key == "abandon":
        _abandon(state, out)
    elif state.ending is not None:
        return
    elif key == "run":
        # It may fire just as the run was paused, and is due again when that is over.
        if state.time_stands:
            return
        message = f"workflow timed out after {state.timeout:g} s"
        _end(state, out, Finish("timed_out", None, None, message, None))
    elif key[0] == "ask":
        waiting.close(state, key[1], "timed_out", out)
    elif key[0] == "retry":
        attempt = state.backing_off.pop(key[1], None)
        if attempt is not None and state.paused:
            state.parked.append(attempt)
        elif attempt is not None:
            start_or_queue(state, attempt, out)
    else:
        attempt = state.running.get(key[1])
        seconds = state.graph.timeout_of(attempt.step) if attempt is not None else None
        if attempt is None or seconds is None or waiting.is_asking(state, key[1]):
            return
        _take(state, key[1], out)
        state.stopping[attempt.attempt_id] = attempt
        out.append(AbortAttempt(attempt))
        out.append(StartTimer("abandon", ABANDON_SECONDS))
        error = StepTimeout(f"step {attempt.step.step_id} timed out after {seconds:g} s")
        _failed(state, attempt, error, 0.5, out)


def _take(state: RunState, attempt_id: int, out: list[Command]) -> Attempt | None:
    """The attempt, if it still counts, taken out of the running ones; the next queued one of its step starts."""
    attempt = state.running.pop(attempt_id, None)
    if attempt is None:
        if state.stopping.pop(attempt_id, None) is not None:
            _finish_if_stopped(state, out)
        return None
    if state.asks:
        waiting.attempt_ended(state, attempt_id, out)
    step = attempt.step
    if state.graph.timeout_of(step) is not None:
        out.append(StopTimer(("step", attempt_id)))
    queued = state.queued.get(step.step_id)
    if queued and not state.paused:
        start(state, queued.popleft(), out)
    return attempt


def _route(state: RunState, event: Event, out: list[Command]) -> None:
    if state.ending is not None:
        return
    if state.paused:
        state.held.append(event)
        return
    event_type = event.event_type
    if event_type == STOP:
        _end(state, out, Finish("succeeded", event, None, "", None))
        return
    if event_type == INPUT_REQUEST:
        state.inputs[waiting.request_id_of(event)] = event
        out.append(AskInput(event))
        return
    steps = state.graph.by_event.get(event_type)
    if steps is None:
        state.unaccepted[event_type] = state.unaccepted.get(event_type, 0) + 1
        return
    for step in steps:
        call = state.calls[step.step_id] = state.calls.get(step.step_id, 0) + 1
        attempt = Attempt(state.next_id, step, event, call, 1)
        state.next_id += 1
        start_or_queue(state, attempt, out)


def _stall_check(state: RunState, out: list[Command]) -> None:
    """A run in which nothing can happen any more fails at once and says what it waited for."""
    if state.running or state.ending is not None or state.backing_off or state.inputs:
        return
    if state.paused:
        return
    _end(state, out, Finish("failed", None, None, stall_message(state), None))


def _end(state: RunState, out: list[Command], finish: Finish) -> None:
    state.ending = finish
    if state.timeout is not None:
        out.append(StopTimer("run"))
    for attempt_id in state.backing_off:
        out.append(StopTimer(("retry", attempt_id)))
    state.backing_off.clear()
    state.parked.clear()
    state.held.clear()
    state.queued.clear()
    for attempt in state.running.values():
        if state.graph.timeout_of(attempt.step) is not None:
            out.append(StopTimer(("step", attempt.attempt_id)))
        out.append(AbortAttempt(attempt))
    state.stopping.update(state.running)
    state.running.clear()
    waiting.run_ended(state, out)
    if state.stopping:
        out.append(StartTimer("abandon", ABANDON_SECONDS))
    # A result or an error is there at once; a cancelled run ends when its steps have, or are left behind.
    if finish.outcome in ("succeeded", "failed"):
        state.finished = True
        out.append(finish)
    else:
        _finish_if_stopped(state, out)


def _finish_if_stopped(state: RunState, out: list[Command]) -> None:
    if state.stopping or state.ending is None:
        return
    out.append(StopTimer("abandon"))
    if not state.finished:
        state.finished = True
        out.append(state.ending)


def _abandon(state: RunState, out: list[Command]) -> None:
    for attempt in state.stopping.values():
        out.append(AbandonAttempt(attempt))
    state.stopping.clear()
    _finish_if_stopped(state, out)
