"""A workflow's steps as a routing table: certain mistakes raise, likely ones are listed."""

from __future__ import annotations

from typing import Any

import pytest

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.retry import NO_RETRY, RetryConfig
from blazen_nb.engine.step import Step
from blazen_nb.errors import ValidationError
from blazen_nb.events import INPUT_REQUEST, INPUT_RESPONSE, START, STOP
from blazen_nb.updates import StepShape


def a_step(
    step_id: str, accepts: str = START, emits: tuple[str, ...] = (STOP,), **settings: Any
) -> Step:
    return Step(
        lambda ctx, ev: None,
        step_id=step_id,
        accepts=tuple(accepts.split("|")),
        emits=emits,
        **settings,
    )


def test_steps_are_found_by_the_events_they_accept_in_the_order_given() -> None:
    one, two, three = a_step("one", "A|B"), a_step("two"), a_step("three", "B")
    graph = Graph([one, two, three])
    assert graph.by_event == {"A": (one,), "B": (one, three), START: (two,)}


def test_no_step_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least one step"):
        Graph([])


def test_the_same_id_twice_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="step ID one is there twice"):
        Graph([a_step("one"), a_step("one", "A")])


def test_nobody_accepting_the_start_event_is_refused_with_what_they_do_accept() -> None:
    with pytest.raises(ValidationError, match="the steps accept A, B"):
        Graph([a_step("one", "A"), a_step("two", "B")])


def test_a_function_that_is_no_step_is_refused_by_name() -> None:
    def plain() -> None: ...

    with pytest.raises(ValidationError, match="plain is not a step; decorate it with @step"):
        Graph([plain])  # type: ignore[list-item]


def test_a_steps_own_policy_wins_over_the_workflows() -> None:
    config = RetryConfig(max_retries=9)
    own = a_step("own", timeout=1.0, retry=NO_RETRY)
    plain = a_step("plain")
    graph = Graph([own, plain], default_retry=config, default_timeout=5.0)
    assert (graph.timeout_of(own), graph.retry_of(own)) == (1.0, NO_RETRY)
    assert (graph.timeout_of(plain), graph.retry_of(plain)) == (5.0, config)
    assert (Graph([plain]).timeout_of(plain), Graph([plain]).retry_of(plain)) == (None, NO_RETRY)


def test_the_shape_is_what_a_drawing_needs() -> None:
    assert Graph([a_step("one", "blazen::StartEvent|A", ("B",))]).shape() == (
        StepShape(step_id="one", accepts=(START, "A"), emits=("B",)),
    )


def test_check_is_silent_about_a_sound_workflow() -> None:
    steps = [
        a_step("ask", START, (INPUT_REQUEST,)),
        a_step("answered", INPUT_RESPONSE, ("A",)),
        a_step("end", "A"),
    ]
    assert Graph(steps).check() == []


def test_check_names_what_is_never_accepted_never_reached_and_that_no_end_is_in_sight() -> None:
    steps = [a_step("one", START, ("A",)), a_step("two", "B", ("C",))]
    assert Graph(steps).check() == [
        "no step is annotated to return a StopEvent, so the run may never end",
        "event A is emitted, but no step accepts it",
        "event C is emitted, but no step accepts it",
        "step two is never reached: nothing emits B",
    ]


def test_check_does_not_guess_where_returns_are_not_annotated() -> None:
    assert Graph([a_step("one", START, ()), a_step("two", "B", ())]).check() == []


def test_check_ends_where_steps_form_a_circle() -> None:
    assert (
        Graph(
            [
                a_step("one", START, ("A",)),
                a_step("two", "A", ("B", STOP)),
                a_step("three", "B", ("A",)),
            ]
        ).check()
        == []
    )
