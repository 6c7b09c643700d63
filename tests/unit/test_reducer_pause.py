"""The rules of pause, resume and restore, without an event loop: ticks in, commands out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.reducer import apply
from blazen_nb.engine.retry import RetryConfig
from blazen_nb.engine.run_state import RunState
from blazen_nb.engine.step import Step
from blazen_nb.engine.ticks import (
    AskInput,
    Attempt,
    AttemptFailed,
    AttemptFinished,
    CancelRequested,
    CloseInput,
    Command,
    EventSent,
    Finish,
    GoOnTimer,
    HoldTimer,
    InputAnswered,
    PauseRequested,
    Restored,
    ResumeRequested,
    RunAttempt,
    StartTimer,
    Tick,
    TimerFired,
)
from blazen_nb.events import (
    Event,
    InputRequestEvent,
    InputResponseEvent,
    StartEvent,
    StopEvent,
)
from tests.unit.reducer_play import FedState, a_step, attempts

PAUSE, RESUME = PauseRequested(), ResumeRequested()
STEADY = RetryConfig(max_retries=1, initial_delay_ms=1000, jitter=False)
ASK = InputRequestEvent(request_id="q")
ANSWER = InputAnswered("q", InputResponseEvent(request_id="q", response=1))
ERROR = OSError("no")


class Play(FedState):
    """A run's state, started, with helpers that say what is started by a tick."""

    def __init__(self, *steps: Step, timeout: float | None = None) -> None:
        super().__init__(a_step("start"), *steps, timeout=timeout)
        (self.first,) = self.starts(EventSent(StartEvent()))

    def starts(self, tick: Tick) -> list[Attempt]:
        return attempts(self.feed(tick))

    def returns(self, attempt: Attempt, *events: Event) -> list[Attempt]:
        return self.starts(AttemptFinished(attempt.attempt_id, list(events)))


def named(attempts: list[Attempt]) -> list[tuple[str, int]]:
    return [(attempt.step.step_id, attempt.call) for attempt in attempts]


def finish_in(commands: list[Command]) -> Finish | None:
    return next((each for each in commands if isinstance(each, Finish)), None)


def test_while_it_is_paused_events_wait_and_start_their_steps_in_order_on_resume() -> None:
    play = Play(a_step("one", "One"), a_step("two", "Two"))
    play.feed(PAUSE)
    assert play.returns(play.first, Event("Two"), Event("One")) == []
    assert play.starts(EventSent(Event("Two"))) == []
    assert named(play.starts(RESUME)) == [("two", 1), ("one", 1), ("two", 2)]


def test_a_stop_event_waits_too_so_that_a_paused_run_can_be_stored() -> None:
    play = Play()
    play.feed(PAUSE)
    play.returns(play.first, StopEvent(result=1))
    assert play.state.ending is None
    finish = finish_in(play.feed(RESUME))
    assert finish is not None
    assert finish.outcome == "succeeded"


def test_a_paused_run_in_which_nothing_is_left_stalls_only_when_it_is_resumed() -> None:
    play = Play()
    play.feed(PAUSE)
    play.returns(play.first)
    assert play.state.ending is None
    finish = finish_in(play.feed(RESUME))
    assert finish is not None
    assert "stalled" in finish.message


def test_places_that_come_free_during_a_pause_are_filled_on_resume() -> None:
    play = Play(a_step("narrow", "Part", max_concurrency=2))
    running = play.returns(play.first, *[Event("Part")] * 5)
    assert named(running) == [("narrow", 1), ("narrow", 2)]
    play.feed(PAUSE)
    assert play.returns(running[0]) == []
    assert named(play.starts(RESUME)) == [("narrow", 3)]
    assert named(play.returns(running[1])) == [("narrow", 4)]


def test_a_retry_that_comes_due_during_a_pause_starts_on_resume() -> None:
    play = Play(a_step("flaky", "Part", retry=STEADY))
    (attempt,) = play.returns(play.first, Event("Part"))
    play.feed(PAUSE)
    play.feed(AttemptFailed(attempt.attempt_id, ERROR, 0.5))
    (again,) = play.state.backing_off
    assert play.starts(TimerFired(("retry", again))) == []
    (second,) = play.starts(RESUME)
    assert (second.attempt_id, second.number) == (again, 2)


def test_a_failure_without_retry_ends_a_paused_run() -> None:
    play = Play()
    play.feed(PAUSE)
    finish = finish_in(play.feed(AttemptFailed(play.first.attempt_id, ERROR, 0.5)))
    assert finish is not None
    assert finish.outcome == "failed"


def test_an_answer_that_comes_during_a_pause_is_heard_on_resume() -> None:
    play = Play(a_step("hears", InputResponseEvent.event_type))
    play.returns(play.first, ASK)
    play.feed(PAUSE)
    assert play.starts(ANSWER) == []
    assert named(play.starts(RESUME)) == [("hears", 1)]


def test_a_paused_run_is_cancelled_like_any() -> None:
    play = Play()
    play.feed(PAUSE)
    play.returns(play.first, Event("One"))
    finish = finish_in(play.feed(CancelRequested("aborted")))
    assert finish is not None
    assert finish.outcome == "cancelled"
    assert not play.state.held


def test_pausing_twice_is_pausing_once_and_resuming_what_is_not_paused_is_nothing() -> None:
    play = Play(timeout=10.0)
    assert play.feed(PAUSE) == [HoldTimer("run")]
    assert play.feed(PAUSE) == []
    assert play.feed(RESUME) == [GoOnTimer("run")]
    assert play.feed(RESUME) == []


def test_what_has_ended_is_not_paused() -> None:
    play = Play(timeout=10.0)
    play.returns(play.first, StopEvent())
    assert play.feed(PAUSE) == []
    assert not play.state.paused


# --- the run's timeout ---------------------------------------------------------------------------


def test_time_stands_while_a_run_only_waits_for_a_person() -> None:
    play = Play(a_step("hears", InputResponseEvent.event_type), timeout=10.0)
    out = play.feed(AttemptFinished(play.first.attempt_id, ASK))
    assert out == [AskInput(ASK), HoldTimer("run")]
    assert GoOnTimer("run") in play.feed(ANSWER)


def test_time_goes_on_while_another_step_runs_beside_the_question() -> None:
    play = Play(
        a_step("hears", InputResponseEvent.event_type), a_step("works", "Part"), timeout=10.0
    )
    works = play.returns(play.first, ASK, Event("Part"))
    assert not play.state.time_stands
    assert HoldTimer("run") in play.feed(AttemptFinished(works[0].attempt_id, None))


def test_a_timeout_that_fires_as_the_run_is_paused_does_not_end_it() -> None:
    play = Play(timeout=10.0)
    play.feed(PAUSE)
    assert play.feed(TimerFired("run")) == []
    play.feed(RESUME)
    assert finish_in(play.feed(TimerFired("run"))) is None  # it waits for its step to stop
    assert play.state.ending is not None
    assert play.state.ending.outcome == "timed_out"


def test_without_a_timeout_no_time_is_kept() -> None:
    play = Play()
    assert play.feed(PAUSE) == []
    assert play.feed(RESUME) == []


# --- restore -------------------------------------------------------------------------------------


def restored(*attempts: Attempt, events: tuple[Event, ...] = (), **fields: Any) -> Any:
    state = RunState(Graph([a_step("start"), _NARROW, _HEARS]), **fields)
    state.next_id = 10
    return state, apply(state, Restored(list(attempts), list(events), fields.get("timeout")))


_NARROW = a_step("narrow", "Part", max_concurrency=1, retry=STEADY)
_HEARS = a_step("hears", InputResponseEvent.event_type)


def test_a_restored_run_starts_its_attempts_routes_its_events_and_keeps_its_limits() -> None:
    parts = [Attempt(n, _NARROW, Event("Part"), n, 1) for n in (1, 2)]
    state, out = restored(*parts, events=(Event("Part"),), timeout=4.0)
    assert out == [StartTimer("run", 4.0), RunAttempt(parts[0])]
    assert [attempt.attempt_id for attempt in state.queued["narrow"]] == [2, 10]


def test_a_restored_run_asks_its_questions_again_and_its_time_stands() -> None:
    state = RunState(Graph([a_step("start"), _HEARS]), timeout=4.0, inputs={"q": ASK})
    out = apply(state, Restored([], [], 4.0))
    assert out == [StartTimer("run", 4.0), AskInput(ASK), HoldTimer("run")]
    assert [type(each) for each in apply(state, ANSWER)] == [CloseInput, RunAttempt, GoOnTimer]


def test_a_restored_run_with_nothing_to_do_stalls_at_once() -> None:
    _, out = restored()
    finish = finish_in(out)
    assert finish is not None
    assert "stalled" in finish.message


@pytest.mark.parametrize(("cut_off", "outcome"), [(0, "failed"), (1, None)])
def test_an_attempt_that_a_snapshot_cut_off_is_no_failure(cut_off: int, outcome: Any) -> None:
    attempt = Attempt(1, _NARROW, Event("Part"), 1, 2, cut_off)
    state, _ = restored(attempt)
    out = apply(state, AttemptFailed(1, ERROR, 0.5))
    finish = finish_in(out)
    assert (finish.outcome if finish else None) == outcome
    if outcome is None:
        ((again, waiting),) = state.backing_off.items()
        assert (waiting.number, waiting.cut_off) == (3, 1)
        # The first failure of its own: the delay is that of a first retry.
        assert StartTimer(("retry", again), 1.0) in out


# --- any sequence --------------------------------------------------------------------------------

_WAIT = st.sampled_from(["pause", "resume"])


@settings(max_examples=100, deadline=None)
@given(st.lists(_WAIT, max_size=8), st.integers(1, 6))
def test_however_often_it_is_paused_every_part_runs_once_and_the_run_ends_the_same(
    waits: list[str], parts: int
) -> None:
    play = Play(a_step("narrow", "Part", max_concurrency=2), a_step("end", "End"))
    started = [play.first]
    waiting = iter([*waits, *["resume"] * 40])
    ended: list[str] = []
    while play.state.ending is None:
        started += play.starts(PAUSE if next(waiting) == "pause" else RESUME)
        if not started:
            continue
        attempt = started.pop(0)
        ended.append(attempt.step.step_id)
        events = [Event("Part")] * parts if attempt is play.first else []
        if ended.count("narrow") == parts and attempt.step.step_id == "narrow":
            events = [Event("End")]
        elif attempt.step.step_id == "end":
            events = [StopEvent(result="all")]
        started += play.returns(attempt, *events)
    assert ended == ["start", *["narrow"] * parts, "end"]
    assert play.state.ending.event == StopEvent(result="all")
