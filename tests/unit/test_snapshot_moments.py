"""A run that is stored and resumed at any moments, any number of times, ends as if it had never been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.pause_policy import SessionPausePolicy
from blazen_nb.engine.restore import read_snapshot
from blazen_nb.engine.run import Run
from blazen_nb.engine.snapshot import take_snapshot
from blazen_nb.engine.step import Step
from blazen_nb.engine.ticks import Attempt
from blazen_nb.events import StartEvent, current_step
from tests.fake_clock import FakeClock
from tests.unit.stored_flow import STEPS
from tests.unit.test_snapshot_process import ALL

Outcome = Callable[[], Any]


class ByHand:
    """A run whose attempts begin and end when the test says so; its host, its only lane, and its clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.waiting: list[Attempt] = []
        self.at_work: list[tuple[Attempt, Outcome]] = []
        self.ended: list[str] = []
        """Calls whose result the run has taken, by this one and those that it was resumed from."""
        self.numbers: dict[str, int] = {}
        """The last attempt of each call that began."""
        self.run = Run(Graph(STEPS), self, on_end=lambda _: None, clock=self.clock, timeout=30.0)

    # --- what a run needs ---

    def spawn(self, run: Run, attempts: Sequence[Attempt]) -> None:
        self.waiting += attempts

    def keeps(self, step: Step) -> bool:
        return False

    def abort(self, attempt_id: int) -> None:
        """Nothing: what is at work when the run ends does not matter here."""

    interrupt = abandon = abort

    def making_room(self) -> AbstractContextManager[object]:
        return nullcontext()

    # --- what a test does ---

    def possible(self) -> list[Callable[[], Any]]:
        """What can happen next; something that brings the run on comes first."""
        state = self.run.state
        actions: list[Callable[[], Any]] = [
            *(lambda each=each: self.end(each) for each in self.at_work),
            *(lambda each=each: self.begin(each) for each in self.waiting),
        ]
        if state.backing_off:
            actions.append(lambda: self.clock.advance(0.01))
        if state.inputs:
            actions.append(lambda: self.run.respond_to_input("sure", "yes"))
        if state.paused:
            actions.append(self.run.resume)
        return actions

    def begin(self, attempt: Attempt) -> None:
        """Run the attempt's code; what came of it is told later."""
        self.waiting.remove(attempt)
        context = self.run.begin(attempt, self)
        if context is None:
            return
        self.numbers[name(attempt)] = attempt.number
        token = current_step.set(context)
        try:
            attempt.step.call(context, attempt.event).send(None)
            raise AssertionError("a step waits")
        except StopIteration as stop:
            value = stop.value
            self.at_work.append((attempt, lambda: self.returned(attempt, value)))
        except OSError as error:
            raised = error
            self.at_work.append((attempt, lambda: self.run.raised(attempt, raised, self)))
        finally:
            current_step.reset(token)

    def end(self, at_work: tuple[Attempt, Outcome]) -> None:
        self.at_work.remove(at_work)
        at_work[1]()

    def returned(self, attempt: Attempt, value: Any) -> None:
        self.ended.append(name(attempt))
        self.run.returned(attempt, value, self)

    def resumed(self) -> ByHand:
        """Another run, from a snapshot of this one as it is now."""
        text = take_snapshot(
            self.run, workflow_name="flow", policy=SessionPausePolicy.PickleOrError
        )
        in_flight = {name(attempt) for attempt, _ in self.at_work}
        stored = read_snapshot(text, STEPS, timeout=None, trusted=False, with_refs=False)
        new = ByHand()
        new.ended = list(self.ended)
        for attempt in stored.attempts:
            before = self.numbers.get(name(attempt), 0)
            assert attempt.number == before + 1, "an attempt that began is not made again"
            assert (attempt.cut_off > 0) >= (name(attempt) in in_flight)
        new.numbers = dict(self.numbers)
        new.run.restore(stored.moment, stored.attempts, stored.held)
        return new


def name(attempt: Attempt) -> str:
    return f"{attempt.step.step_id}#{attempt.call}"


moments = st.sets(st.integers(0, 45), max_size=6)
"""Counted in things that happened before."""


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=60), moments, moments)
def test_it_ends_the_same_and_runs_no_finished_call_again(
    choices: list[int], stored_at: set[int], paused_at: set[int]
) -> None:
    hand = ByHand()
    hand.run.start(StartEvent(parts=4))
    for moment in range(500):
        if hand.run.finish is not None:
            break
        if moment in paused_at:
            hand.run.pause()
        if moment in stored_at:
            hand = hand.resumed()
        if hand.run.finish is not None:
            break  # a StopEvent that a pause had held back
        actions = hand.possible()
        choice = choices[moment] if moment < len(choices) else 0
        actions[choice % len(actions)]()
    finish = hand.run.finish
    assert finish is not None
    assert (finish.outcome, finish.message) == ("succeeded", "")
    assert finish.event is not None
    assert finish.event.to_dict() == {"result": [0 + 1 + 4 + 9, "yes", 1, "two"]}
    assert Counter(hand.ended) == ALL
    squares = {f"square{number}": number**2 for number in range(4)}
    assert hand.run.store.exported() == {"expected": 4, "total": 14, **squares}
