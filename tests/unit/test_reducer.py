"""The rules of a run, without an event loop: ticks in, commands out."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.reducer import ABANDON_SECONDS, StepTimeout, apply, reduce
from blazen_nb.engine.retry import RetryConfig
from blazen_nb.engine.run_state import RunState
from blazen_nb.engine.ticks import (
    AbandonAttempt,
    AbortAttempt,
    AskInput,
    Attempt,
    AttemptFailed,
    AttemptFinished,
    CancelRequested,
    Command,
    Continuation,
    EventSent,
    Finish,
    InputAnswered,
    PauseRequested,
    ResumeRequested,
    Retrying,
    ShowGraph,
    StartTimer,
    StopTimer,
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

STEADY = RetryConfig(max_retries=2, initial_delay_ms=1000, jitter=False)


class Play(FedState):
    """What the run's steps do, tick by tick."""

    def start(self, **fields: Any) -> list[Attempt]:
        return attempts(self.feed(EventSent(StartEvent(**fields))))

    def returns(self, attempt: Attempt, value: Any = None) -> list[Command]:
        return self.feed(AttemptFinished(attempt.attempt_id, value))

    def raises(self, attempt: Attempt, error: BaseException, random: float = 0.5) -> list[Command]:
        return self.feed(AttemptFailed(attempt.attempt_id, error, random))

    def finish(self) -> Finish:
        (found,) = [command for command in self.all if isinstance(command, Finish)]
        return found


def of_kind(commands: list[Command], kind: type[Any]) -> list[Any]:
    return [command for command in commands if isinstance(command, kind)]


def timers(commands: list[Command]) -> dict[Any, float]:
    return {c.key: c.seconds for c in commands if isinstance(c, StartTimer)}


# --- routing -------------------------------------------------------------------------------------


def test_the_start_event_starts_every_step_that_accepts_it_in_order() -> None:
    play = Play(a_step("a"), a_step("b"), a_step("c", "Other"))
    assert [attempt.step.step_id for attempt in play.start()] == ["a", "b"]


def test_an_event_goes_to_the_step_that_accepts_its_type() -> None:
    play = Play(a_step("a"), a_step("b", "Mid"), a_step("c", "Other"))
    (first,) = play.start()
    (second,) = attempts(play.returns(first, Event("Mid", x=1)))
    assert (second.step.step_id, second.event) == ("b", Event("Mid", x=1))


def test_a_list_of_events_fans_out_and_numbers_the_calls() -> None:
    play = Play(a_step("a"), a_step("b", "Part"))
    (first,) = play.start()
    fanned = attempts(play.returns(first, [Event("Part", i=i) for i in range(5)]))
    assert [attempt.call for attempt in fanned] == [1, 2, 3, 4, 5]
    assert [attempt.event.i for attempt in fanned] == [0, 1, 2, 3, 4]
    assert {attempt.number for attempt in fanned} == {1}


def test_an_event_sent_from_inside_routes_while_its_sender_goes_on() -> None:
    play = Play(a_step("a"), a_step("b", "Mid"))
    (first,) = play.start()
    assert [a.step.step_id for a in attempts(play.feed(EventSent(Event("Mid"))))] == ["b"]
    assert first.attempt_id in play.state.running


def test_the_stop_event_ends_the_run_with_it() -> None:
    play = Play(a_step("a"))
    (first,) = play.start()
    play.returns(first, StopEvent(result=7))
    assert play.finish() == Finish("succeeded", StopEvent(result=7), None, "", None)
    assert play.state.finished


def test_the_first_stop_event_wins_and_the_others_are_told_to_stop() -> None:
    play = Play(a_step("a"), a_step("b"))
    first, second = play.start()
    out = play.returns(first, StopEvent(result="first"))
    assert [c.attempt for c in of_kind(out, AbortAttempt)] == [second]
    assert of_kind(play.returns(second, StopEvent(result="second")), Finish) == []
    assert play.finish().event == StopEvent(result="first")


def test_what_follows_a_stop_event_in_the_same_list_does_not_start() -> None:
    play = Play(a_step("a"), a_step("b", "Mid"))
    (first,) = play.start()
    out = play.returns(first, [StopEvent(result=1), Event("Mid")])
    assert attempts(out) == []


def test_a_stop_event_sent_from_inside_ends_the_run_at_once() -> None:
    play = Play(a_step("a"))
    (first,) = play.start()
    out = play.feed(EventSent(StopEvent(result=1)))
    assert [type(command) for command in out] == [AbortAttempt, StartTimer, Finish]
    assert [c.attempt for c in of_kind(out, AbortAttempt)] == [first]


# --- stall ---------------------------------------------------------------------------------------


def test_a_run_in_which_nothing_can_happen_says_what_waited_for_which_event() -> None:
    play = Play(a_step("a"), a_step("b", "Missing", "Rare"))
    (first,) = play.start()
    play.returns(first, None)
    finish = play.finish()
    assert finish.outcome == "failed"
    assert finish.message == (
        "the run stalled: no step is running and no StopEvent came; b waits for Missing or Rare"
    )


def test_a_stalled_run_names_the_events_that_nobody_accepts() -> None:
    play = Play(a_step("a"))
    (first,) = play.start()
    play.returns(first, [Event("Lost"), Event("Lost"), Event("Odd")])
    assert play.finish().message == (
        "the run stalled: no step is running and no StopEvent came; no step accepts Lost (2x), Odd"
    )


@pytest.mark.parametrize("value", [None, []])
def test_a_run_does_not_stall_while_another_attempt_runs(value: Any) -> None:
    play = Play(a_step("a"), a_step("b"))
    first, second = play.start()
    assert play.returns(first, value) == []
    play.returns(second, StopEvent(result=1))
    assert play.finish().outcome == "succeeded"


# --- max_concurrency -----------------------------------------------------------------------------


def test_attempts_above_max_concurrency_wait_and_start_in_order() -> None:
    play = Play(a_step("a"), a_step("b", "Part", max_concurrency=2))
    (first,) = play.start()
    running = attempts(play.returns(first, [Event("Part", i=i) for i in range(4)]))
    assert [attempt.event.i for attempt in running] == [0, 1]
    (third,) = attempts(play.returns(running[1]))
    (fourth,) = attempts(play.returns(running[0]))
    assert [third.event.i, fourth.event.i] == [2, 3]
    assert attempts(play.returns(third)) == []


def test_max_concurrency_of_one_step_does_not_hold_up_another() -> None:
    play = Play(
        a_step("a"), a_step("b", "Part", max_concurrency=1), a_step("c", "Part", max_concurrency=1)
    )
    (first,) = play.start()
    running = attempts(play.returns(first, [Event("Part"), Event("Part")]))
    assert [attempt.step.step_id for attempt in running] == ["b", "c"]


def test_a_failed_attempt_frees_its_place_while_it_waits_for_the_retry() -> None:
    play = Play(a_step("a"), a_step("b", "Part", max_concurrency=1, retry=STEADY))
    (first,) = play.start()
    (one,) = attempts(play.returns(first, [Event("Part", i=1), Event("Part", i=2)]))
    (two,) = attempts(play.raises(one, ValueError("no")))
    assert two.event.i == 2
    ((_, again_id),) = [key for key in timers(play.all) if key[0] == "retry"]
    assert attempts(play.feed(TimerFired(("retry", again_id)))) == []
    (again,) = attempts(play.returns(two))
    assert (again.event.i, again.number) == (1, 2)


# --- retries -------------------------------------------------------------------------------------


def test_a_failed_attempt_is_tried_again_after_its_delay() -> None:
    play = Play(a_step("a", retry=STEADY))
    (first,) = play.start()
    out = play.raises(first, ValueError("no"))
    assert of_kind(out, Retrying) == [Retrying(first)]
    ((key, seconds),) = timers(out).items()
    assert seconds == 1.0
    (second,) = attempts(play.feed(TimerFired(key)))
    assert (second.call, second.number, second.event) == (1, 2, first.event)
    ((_, later),) = timers(play.raises(second, ValueError("no"))).items()
    assert later == 2.0


def test_retries_run_out_and_the_last_error_ends_the_run() -> None:
    play = Play(a_step("a", retry=STEADY))
    (attempt,) = play.start()
    for _ in range(2):
        (key,) = timers(play.raises(attempt, ValueError("early")))
        (attempt,) = attempts(play.feed(TimerFired(key)))
    last = ValueError("last")
    play.raises(attempt, last)
    finish = play.finish()
    assert (finish.outcome, finish.error, finish.message, finish.step_id, finish.attempt) == (
        "failed",
        last,
        "last",
        "a",
        3,
    )


def test_the_workflows_retries_are_for_steps_without_their_own() -> None:
    play = Play(
        a_step("a"),
        a_step("b", retry=RetryConfig(max_retries=0)),
        default_retry=STEADY,
    )
    first, second = play.start()
    assert of_kind(play.raises(first, ValueError()), Retrying)
    assert of_kind(play.raises(second, ValueError()), Finish)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_what_is_no_exception_is_not_tried_again(error: BaseException) -> None:
    play = Play(a_step("a", retry=STEADY))
    (first,) = play.start()
    play.raises(first, error)
    assert play.finish().error is error


def test_a_run_that_ends_forgets_its_retries() -> None:
    play = Play(a_step("a", retry=STEADY), a_step("b"))
    first, second = play.start()
    (key,) = timers(play.raises(first, ValueError()))
    assert StopTimer(key) in play.returns(second, StopEvent(result=1))
    assert play.feed(TimerFired(key)) == []


# --- step timeout --------------------------------------------------------------------------------


def test_an_attempt_with_a_timeout_has_a_timer_that_its_end_stops() -> None:
    play = Play(a_step("a", timeout=5.0))
    out = play.feed(EventSent(StartEvent()))
    (attempt,) = attempts(out)
    key = ("step", attempt.attempt_id)
    assert timers(out) == {key: 5.0}
    assert StopTimer(("step", attempt.attempt_id)) in play.returns(attempt, StopEvent(result=1))


def test_the_workflows_step_timeout_is_for_steps_without_their_own() -> None:
    play = Play(a_step("a"), a_step("b", timeout=9.0), default_timeout=2.0)
    assert list(timers(play.feed(EventSent(StartEvent()))).values()) == [2.0, 9.0]


def test_a_step_that_times_out_is_told_to_stop_and_ends_the_run_once_it_has() -> None:
    play = Play(a_step("a", timeout=5.0))
    (attempt,) = play.start()
    out = play.feed(TimerFired(("step", attempt.attempt_id)))
    assert AbortAttempt(attempt) in out
    assert of_kind(out, Finish) == []
    play.returns(attempt, StopEvent(result="too late"))
    finish = play.finish()
    assert (finish.outcome, finish.event) == ("timed_out", None)
    assert finish.message == "step a timed out after 5 s"
    assert isinstance(finish.error, StepTimeout)


def test_a_step_that_does_not_stop_after_its_timeout_is_abandoned() -> None:
    play = Play(a_step("a", timeout=5.0))
    (attempt,) = play.start()
    assert timers(play.feed(TimerFired(("step", attempt.attempt_id))))["abandon"] == ABANDON_SECONDS
    out = play.feed(TimerFired("abandon"))
    assert AbandonAttempt(attempt) in out
    assert play.finish().outcome == "timed_out"
    assert play.returns(attempt, StopEvent(result=1)) == []


def test_a_step_that_timed_out_is_tried_again_where_it_may_be() -> None:
    play = Play(a_step("a", timeout=5.0, retry=STEADY))
    (first,) = play.start()
    out = play.feed(TimerFired(("step", first.attempt_id)))
    (key,) = [key for key in timers(out) if key != "abandon"]
    (second,) = attempts(play.feed(TimerFired(key)))
    assert second.number == 2
    assert play.returns(first, StopEvent(result="late")) == []
    play.returns(second, StopEvent(result="in time"))
    assert play.finish().event == StopEvent(result="in time")


def test_an_abandoned_attempt_does_not_end_the_run_that_tries_it_again() -> None:
    play = Play(a_step("a", timeout=5.0, retry=STEADY))
    (first,) = play.start()
    out = play.feed(TimerFired(("step", first.attempt_id)))
    (key,) = [key for key in timers(out) if key != "abandon"]
    (second,) = attempts(play.feed(TimerFired(key)))
    assert play.feed(TimerFired("abandon")) == [AbandonAttempt(first)]
    play.returns(second, StopEvent(result=1))
    assert play.finish().outcome == "succeeded"


# --- workflow timeout ----------------------------------------------------------------------------


def test_a_run_with_a_timeout_has_one_timer_that_its_end_stops() -> None:
    play = Play(a_step("a"), a_step("b", "Mid"), timeout=30.0)
    out = play.feed(EventSent(StartEvent()))
    assert timers(out) == {"run": 30.0}
    (attempt,) = attempts(out)
    assert timers(play.feed(EventSent(Event("Mid")))) == {}
    assert StopTimer("run") in play.returns(attempt, StopEvent(result=1))


def test_a_run_that_times_out_waits_for_its_steps_to_stop() -> None:
    play = Play(a_step("a"), a_step("b"), timeout=1.5)
    first, second = play.start()
    out = play.feed(TimerFired("run"))
    assert [c.attempt for c in of_kind(out, AbortAttempt)] == [first, second]
    assert of_kind(play.returns(first), Finish) == []
    assert of_kind(play.raises(second, RuntimeError("stopped")), Finish)
    finish = play.finish()
    assert (finish.outcome, finish.message) == ("timed_out", "workflow timed out after 1.5 s")


# --- cancel --------------------------------------------------------------------------------------


def test_cancel_waits_for_the_attempts_that_stop_and_then_finishes() -> None:
    play = Play(a_step("a"), a_step("b"))
    first, second = play.start()
    out = play.feed(CancelRequested("aborted"))
    assert timers(out) == {"abandon": ABANDON_SECONDS}
    play.returns(first, StopEvent(result="too late"))
    assert not play.state.finished
    out = play.returns(second)
    assert StopTimer("abandon") in out
    assert play.finish() == Finish("cancelled", None, None, "aborted", None)


def test_cancel_leaves_behind_what_does_not_stop() -> None:
    play = Play(a_step("a"), a_step("b"))
    first, second = play.start()
    play.feed(CancelRequested("aborted"))
    play.returns(first)
    out = play.feed(TimerFired("abandon"))
    assert of_kind(out, AbandonAttempt) == [AbandonAttempt(second)]
    assert play.finish().outcome == "cancelled"


def test_cancel_while_nothing_runs_finishes_at_once() -> None:
    play = Play(a_step("a", retry=STEADY))
    (first,) = play.start()
    play.raises(first, ValueError())
    play.feed(CancelRequested("aborted"))
    assert play.finish().outcome == "cancelled"


def test_cancel_before_the_start_finishes_and_the_start_does_nothing() -> None:
    play = Play(a_step("a"))
    play.feed(CancelRequested("aborted"))
    assert play.finish().outcome == "cancelled"
    assert play.start() == []


def test_a_second_cancel_changes_nothing() -> None:
    play = Play(a_step("a"))
    play.start()
    play.feed(CancelRequested("first"))
    assert play.feed(CancelRequested("second")) == []
    play.feed(TimerFired("abandon"))
    assert play.finish().message == "first"


def test_cancel_drops_what_waits_for_its_turn() -> None:
    play = Play(a_step("a"), a_step("b", "Part", max_concurrency=1))
    (first,) = play.start()
    (one,) = attempts(play.returns(first, [Event("Part"), Event("Part")]))
    play.feed(CancelRequested("aborted"))
    assert attempts(play.returns(one)) == []
    assert play.state.finished


# --- input ---------------------------------------------------------------------------------------

ASK = InputRequestEvent(request_id="q1", prompt="Go on?")
ANSWER = InputResponseEvent(request_id="q1", response="yes")


def test_an_input_request_is_asked_and_the_run_waits() -> None:
    play = Play(a_step("a"), a_step("b", InputResponseEvent.event_type))
    (first,) = play.start()
    assert play.returns(first, ASK) == [AskInput(ASK)]
    assert not play.state.finished


def test_the_answer_routes_and_counts_once() -> None:
    play = Play(a_step("a"), a_step("b", InputResponseEvent.event_type))
    (first,) = play.start()
    play.returns(first, ASK)
    (second,) = attempts(play.feed(InputAnswered("q1", ANSWER)))
    assert second.event is ANSWER
    assert play.feed(InputAnswered("q1", ANSWER)) == []


def test_an_answer_nobody_asked_for_does_nothing() -> None:
    play = Play(a_step("a"))
    play.start()
    assert play.feed(InputAnswered("q1", ANSWER)) == []


def test_an_answer_that_no_step_accepts_stalls_the_run() -> None:
    play = Play(a_step("a"))
    (first,) = play.start()
    play.returns(first, ASK)
    play.feed(InputAnswered("q1", ANSWER))
    assert "no step accepts blazen::InputResponseEvent" in play.finish().message


def test_an_answer_after_the_end_does_nothing() -> None:
    play = Play(a_step("a"))
    (first,) = play.start()
    play.returns(first, ASK)
    play.feed(CancelRequested("aborted"))
    assert play.feed(InputAnswered("q1", ANSWER)) == []


# --- continuation --------------------------------------------------------------------------------


def test_a_continuation_goes_on_as_the_workflow_it_carries() -> None:
    play = Play(a_step("cell"))
    (cell,) = play.start()
    graph = Graph([a_step("x"), a_step("y", "Mid")])
    out = play.returns(cell, Continuation(graph, StartEvent(n=1)))
    assert of_kind(out, ShowGraph) == [ShowGraph(graph)]
    (first,) = attempts(out)
    assert (first.step.step_id, first.event.n) == ("x", 1)
    (second,) = attempts(play.returns(first, Event("Mid")))
    play.returns(second, StopEvent(result=1))
    assert play.finish().outcome == "succeeded"


def test_a_continuation_keeps_the_runs_timeout() -> None:
    play = Play(a_step("cell"), timeout=3.0)
    (cell,) = play.start()
    out = play.returns(cell, Continuation(Graph([a_step("x")]), StartEvent()))
    assert timers(out) == {}
    play.feed(TimerFired("run"))
    play.feed(TimerFired("abandon"))
    assert play.finish().outcome == "timed_out"


# --- late ticks ----------------------------------------------------------------------------------


def test_ticks_that_come_late_or_twice_change_nothing() -> None:
    play = Play(a_step("a", timeout=1.0), timeout=9.0)
    (attempt,) = play.start()
    play.returns(attempt, StopEvent(result=1))
    before = copy.deepcopy(play.state.calls)
    late: list[Tick] = [
        AttemptFinished(attempt.attempt_id, StopEvent(result=2)),
        AttemptFinished(99, None),
        AttemptFailed(attempt.attempt_id, ValueError(), 0.5),
        TimerFired(("step", attempt.attempt_id)),
        TimerFired(("retry", 99)),
        TimerFired("run"),
        EventSent(StartEvent()),
        CancelRequested("late"),
    ]
    for tick in late:
        assert play.feed(tick) == []
    assert play.state.calls == before


def test_a_step_timer_of_an_attempt_that_has_ended_does_nothing() -> None:
    play = Play(a_step("a", timeout=1.0), a_step("b"))
    first, _ = play.start()
    play.returns(first)
    assert play.feed(TimerFired(("step", first.attempt_id))) == []


def test_reduce_leaves_its_argument_as_it_was() -> None:
    play = Play(a_step("a"), a_step("b", "Part", max_concurrency=1), timeout=9.0)
    (first,) = play.start()
    before = snapshot(play.state)
    after, out = reduce(play.state, AttemptFinished(first.attempt_id, [Event("Part")] * 3))
    assert len(attempts(out)) == 1
    assert snapshot(play.state) == before
    assert snapshot(after) != before
    queued_before = snapshot(after)
    reduce(after, AttemptFinished(attempts(out)[0].attempt_id, None))
    assert snapshot(after) == queued_before


# --- any sequence --------------------------------------------------------------------------------


def snapshot(state: RunState) -> tuple[Any, ...]:
    """The state as something that can be compared; attempts by what they are."""
    named = [getattr(state, name) for name in ("calls", "unaccepted", "inputs")]
    by_id = [dict(getattr(state, name)) for name in ("running", "backing_off", "stopping")]
    queued = {step_id: list(waiting) for step_id, waiting in state.queued.items()}
    held = (list(state.held), list(state.parked), state.paused, state.time_stands)
    scalars = (state.graph, state.timeout, state.next_id, state.ending, state.finished)
    return (*[dict(each) for each in named], *by_id, queued, *held, *scalars)


_GRAPH = Graph(
    [
        a_step("start"),
        a_step("narrow", "Part", max_concurrency=2, timeout=5.0),
        a_step("wide", "Part", "Mid", retry=STEADY),
        a_step("answer", InputResponseEvent.event_type),
    ]
)
_ERROR = ValueError("no")
_VALUES: list[Any] = [
    None,
    Event("Mid"),
    Event("Lost"),
    [Event("Part")] * 3,
    [Event("Part"), StopEvent(result=1)],
    [],
    StopEvent(result=2),
    ASK,
    Continuation(_GRAPH, StartEvent()),
]
_ids = st.integers(1, 12)
_returned = st.sampled_from(_VALUES)
_events = st.sampled_from([Event("Mid"), Event("Part"), Event("Lost"), ASK])
_timer_keys: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.sampled_from(["step", "retry"]), _ids), st.sampled_from(["run", "abandon"])
)
_ticks: st.SearchStrategy[Tick] = st.one_of(
    st.builds(AttemptFinished, _ids, _returned),
    st.builds(AttemptFinished, _ids, _returned),
    st.builds(AttemptFailed, _ids, st.just(_ERROR), st.floats(0, 0.99)),
    st.builds(EventSent, _events),
    st.builds(TimerFired, _timer_keys),
    st.builds(InputAnswered, st.just("q1"), st.just(ANSWER)),
    st.builds(CancelRequested, st.just("aborted")),
    st.builds(PauseRequested),
    st.builds(ResumeRequested),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_ticks, max_size=25))
def test_replaying_any_prefix_gives_the_state_that_was_live_there(ticks: list[Tick]) -> None:
    live = RunState(_GRAPH, timeout=30.0)
    replayed = RunState(_GRAPH, timeout=30.0)
    for tick in [EventSent(StartEvent()), *ticks]:
        before = snapshot(replayed)
        following, replayed_commands = reduce(replayed, tick)
        assert snapshot(replayed) == before
        commands = apply(live, tick)
        assert [repr(c) for c in commands] == [repr(c) for c in replayed_commands]
        replayed = following
        # By their text: two StepTimeouts that say the same are not equal.
        assert repr(snapshot(live)) == repr(snapshot(replayed))


@settings(max_examples=150, deadline=None)
@given(st.lists(_ticks, max_size=25))
def test_a_run_is_never_left_with_nothing_pending_and_no_end(ticks: list[Tick]) -> None:
    state = RunState(_GRAPH, timeout=30.0)
    apply(state, EventSent(StartEvent()))
    for tick in ticks:
        apply(state, tick)
        pending = state.running or state.backing_off or state.inputs or state.parked or state.held
        if state.finished:
            assert state.ending is not None
            assert not pending
        elif state.ending is not None:
            assert state.stopping
        else:
            assert pending or state.paused


@settings(max_examples=150, deadline=None)
@given(st.lists(_ticks, max_size=25))
def test_no_attempt_runs_twice_and_the_run_finishes_at_most_once(ticks: list[Tick]) -> None:
    state = RunState(_GRAPH, timeout=30.0)
    out = apply(state, EventSent(StartEvent()))
    for tick in ticks:
        out += apply(state, tick)
        narrow = [a for a in state.running.values() if a.step.step_id == "narrow"]
        assert len(narrow) <= 2
    ids = [attempt.attempt_id for attempt in attempts(out)]
    assert len(ids) == len(set(ids))
    assert len(of_kind(out, Finish)) <= 1


@settings(max_examples=100, deadline=None)
@given(st.lists(_ticks, max_size=25))
def test_any_run_can_be_brought_to_its_end_by_a_cancel(ticks: list[Tick]) -> None:
    state = RunState(_GRAPH, timeout=30.0)
    for tick in [
        EventSent(StartEvent()),
        *ticks,
        CancelRequested("aborted"),
        TimerFired("abandon"),
    ]:
        apply(state, tick)
    assert state.finished
    assert not state.stopping
