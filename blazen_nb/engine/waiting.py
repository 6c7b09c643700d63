"""The rules of waiting for a person: what a run's steps ask, and whose time stands still meanwhile. Part of the reducer."""

from __future__ import annotations

from blazen_nb.engine.run_state import RunState
from blazen_nb.engine.ticks import (
    Asked,
    AskInput,
    CloseInput,
    Command,
    GoOnTimer,
    HoldTimer,
    StartTimer,
    StopTimer,
)
from blazen_nb.events import Event
from blazen_nb.updates import InputEnd


def request_id_of(event: Event) -> str:
    """The ID under which a question is answered."""
    return str(getattr(event, "request_id", ""))


def ask(state: RunState, tick: Asked, out: list[Command]) -> None:
    """Show the question and let the step's time stand; it is not open where its attempt counts no more."""
    attempt = state.running.get(tick.attempt_id)
    request_id = request_id_of(tick.event)
    if attempt is None:
        out.append(CloseInput(request_id, "withdrawn"))
        return
    if state.graph.timeout_of(attempt.step) is not None and not is_asking(state, tick.attempt_id):
        out.append(HoldTimer(("step", tick.attempt_id)))
    state.asks[request_id] = tick
    out.append(AskInput(tick.event))
    if tick.seconds is not None:
        out.append(StartTimer(("ask", request_id), tick.seconds))


def close(
    state: RunState, request_id: str, how: InputEnd, out: list[Command], response: object = None
) -> None:
    """The step goes on, and its time with it; nothing where this question is not open."""
    tick = state.asks.pop(request_id, None)
    if tick is None:
        return
    if tick.seconds is not None:
        out.append(StopTimer(("ask", request_id)))
    out.append(CloseInput(request_id, how, response))
    attempt = state.running.get(tick.attempt_id)
    if (
        attempt is not None
        and state.graph.timeout_of(attempt.step) is not None
        and not is_asking(state, tick.attempt_id)
    ):
        out.append(GoOnTimer(("step", tick.attempt_id)))


def attempt_ended(state: RunState, attempt_id: int, out: list[Command]) -> None:
    """Take back what it still asks."""
    for request_id in [key for key, tick in state.asks.items() if tick.attempt_id == attempt_id]:
        close(state, request_id, "withdrawn", out)


def run_ended(state: RunState, out: list[Command]) -> None:
    """Take back all that is asked; no attempt is running any more."""
    for request_id in list(state.asks):
        close(state, request_id, "withdrawn", out)
    for request_id in state.inputs:
        out.append(CloseInput(request_id, "withdrawn"))
    state.inputs.clear()


def keep_time(state: RunState, out: list[Command]) -> None:
    """Stop the timeout's time while the run is paused or only waits for a person, and let it go on after."""
    if state.ending is not None:
        return
    stands = state.paused or only_waits(state)
    if stands is not state.time_stands:
        state.time_stands = stands
        out.append(HoldTimer("run") if stands else GoOnTimer("run"))


def only_waits(state: RunState) -> bool:
    """Whether nothing of the run goes on before a person has answered; may be asked on any thread."""
    if not (state.inputs or state.asks) or state.backing_off or state.stopping:
        return False
    asking = {tick.attempt_id for tick in list(state.asks.values())}  # a copy, made at once
    return state.running.keys() <= asking


def is_asking(state: RunState, attempt_id: int) -> bool:
    """Whether the attempt waits for a person; its time stands."""
    return any(tick.attempt_id == attempt_id for tick in state.asks.values())
