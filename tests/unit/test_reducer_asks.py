"""The rules of a step that asks, without an event loop: ticks in, commands out."""

from __future__ import annotations

from typing import Any

from blazen_nb.engine.reducer import reduce
from blazen_nb.engine.ticks import (
    AbortAttempt,
    Asked,
    AskInput,
    AskWithdrawn,
    Attempt,
    AttemptFinished,
    CancelRequested,
    CloseInput,
    EventSent,
    GoOnTimer,
    HoldTimer,
    InputAnswered,
    PauseRequested,
    ResumeRequested,
    StartTimer,
    StopTimer,
    TimerFired,
)
from blazen_nb.events import Event, InputRequestEvent, InputResponseEvent, StartEvent
from tests.unit.reducer_play import FedState, a_step, attempts


def question(request_id: str = "q") -> InputRequestEvent:
    return InputRequestEvent(request_id=request_id, prompt="Go on?")


def answer(request_id: str = "q", response: Any = "yes") -> InputAnswered:
    return InputAnswered(request_id, InputResponseEvent(request_id=request_id, response=response))


def started(timeout: float | None = None, **settings: Any) -> tuple[FedState, Attempt]:
    """A run whose first step is at work; ``settings`` are the step's."""
    play = FedState(a_step("asks", **settings), a_step("other", "Other"), timeout=timeout)
    (attempt,) = attempts(play.feed(EventSent(StartEvent())))
    return play, attempt


def asks(attempt: Attempt, request_id: str = "q", seconds: float | None = None) -> Asked:
    return Asked(attempt.attempt_id, question(request_id), seconds)


def test_what_a_step_asks_is_shown_and_the_answer_goes_to_it_and_to_no_other_step() -> None:
    play, attempt = started()
    assert play.feed(asks(attempt)) == [AskInput(question())]
    assert play.feed(answer()) == [CloseInput("q", "answered", "yes")]
    assert attempt.attempt_id in play.state.running
    assert play.feed(answer()) == []


def test_the_runs_time_stands_while_every_step_that_runs_only_asks() -> None:
    play, attempt = started(timeout=4.0)
    (other,) = attempts(play.feed(EventSent(Event("Other"))))
    assert play.feed(asks(attempt)) == [AskInput(question())]
    assert play.feed(AttemptFinished(other.attempt_id, None)) == [HoldTimer("run")]
    assert play.feed(TimerFired("run")) == []
    assert play.feed(answer()) == [CloseInput("q", "answered", "yes"), GoOnTimer("run")]


def test_the_steps_own_time_stands_from_its_first_question_to_its_last_answer() -> None:
    play, attempt = started(timeout=9.0)
    play.state.graph.default_timeout = 2.0
    key = ("step", attempt.attempt_id)
    assert play.feed(asks(attempt, "one"))[0] == HoldTimer(key)  # type: ignore[arg-type]
    assert play.feed(asks(attempt, "two")) == [AskInput(question("two"))]
    assert play.feed(TimerFired(key)) == []  # type: ignore[arg-type]
    assert play.feed(answer("two", 2)) == [CloseInput("two", "answered", 2)]
    assert play.feed(answer("one", 1)) == [
        CloseInput("one", "answered", 1),
        GoOnTimer(key),  # type: ignore[arg-type]
        GoOnTimer("run"),
    ]
    assert AbortAttempt(attempt) in play.feed(TimerFired(key))  # type: ignore[arg-type]


def test_a_question_with_a_time_is_closed_when_it_is_up_and_an_answer_comes_too_late() -> None:
    play, attempt = started()
    assert play.feed(asks(attempt, seconds=3.0)) == [
        AskInput(question()),
        StartTimer(("ask", "q"), 3.0),
    ]
    closed = [StopTimer(("ask", "q")), CloseInput("q", "timed_out")]
    assert play.feed(TimerFired(("ask", "q"))) == closed
    assert play.feed(answer()) == []
    assert play.feed(TimerFired(("ask", "q"))) == []


def test_an_answer_in_time_stops_the_timer() -> None:
    play, attempt = started()
    play.feed(asks(attempt, seconds=3.0))
    assert play.feed(answer())[0] == StopTimer(("ask", "q"))
    assert play.feed(TimerFired(("ask", "q"))) == []


def test_a_step_that_ends_or_gives_up_takes_its_questions_back() -> None:
    play, attempt = started()
    play.feed(asks(attempt, "one"))
    play.feed(asks(attempt, "two"))
    assert play.feed(AskWithdrawn("one")) == [CloseInput("one", "withdrawn")]
    assert play.feed(AskWithdrawn("one")) == []
    out = play.feed(AttemptFinished(attempt.attempt_id, None))
    assert CloseInput("two", "withdrawn") in out
    assert play.state.asks == {}


def test_a_cancelled_run_takes_all_questions_back_at_once_and_is_asked_nothing_any_more() -> None:
    play, attempt = started()
    play.feed(asks(attempt, seconds=3.0))
    out = play.feed(CancelRequested("aborted"))
    assert CloseInput("q", "withdrawn") in out
    assert StopTimer(("ask", "q")) in out
    assert not play.state.finished
    assert play.feed(asks(attempt, "late")) == [CloseInput("late", "withdrawn")]


def test_a_paused_run_hands_an_answer_to_its_step_and_its_time_stands_on() -> None:
    play, attempt = started(timeout=4.0)
    play.feed(asks(attempt))
    assert play.feed(PauseRequested()) == []
    assert play.feed(answer()) == [CloseInput("q", "answered", "yes")]
    assert play.feed(ResumeRequested()) == [GoOnTimer("run")]


def test_the_state_before_a_question_is_left_as_it_was() -> None:
    play, attempt = started()
    before = play.state.copied()
    after, _ = reduce(before, asks(attempt))
    assert (list(before.asks), list(after.asks)) == ([], ["q"])
