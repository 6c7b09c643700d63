"""What a run came to: the record of one that succeeded, the error of one that did not."""

from __future__ import annotations

from typing import Any

import pytest

from blazen_nb import (
    StopEvent,
    WorkflowCancelledError,
    WorkflowError,
    WorkflowResult,
    WorkflowTimeoutError,
)
from blazen_nb.engine.reducer import StepTimeout
from blazen_nb.engine.result import bad_end
from blazen_nb.engine.ticks import Finish
from blazen_nb.updates import Outcome

RUN = "0f8fad5b-d9cb-469f-a165-70867728950e"


def ended(outcome: Outcome, error: BaseException | None = None, **known: Any) -> WorkflowError:
    known = {"message": "", "step_id": None, **known}
    return bad_end(Finish(outcome, None, error, **known), RUN)


def test_a_result_gives_what_the_stop_event_carries() -> None:
    value = object()
    result = WorkflowResult(event=StopEvent._from_fields("", {"result": value}))
    assert result.result is value
    assert result.event_type == "blazen::StopEvent"
    assert (result.run_id, result.state, result.outputs) == ("", {}, {})
    assert result.cost_total_usd == 0.0


def test_a_stop_event_without_a_result_gives_none() -> None:
    assert WorkflowResult(event=StopEvent._from_fields("", {})).result is None


def test_the_repr_names_the_workflow_and_keeps_a_long_value_short() -> None:
    named = WorkflowResult(event=StopEvent(result="ok"), workflow_name="greet")
    assert repr(named) == "WorkflowResult(greet, 'ok')"
    long = repr(WorkflowResult(event=StopEvent(result="x" * 1000)))
    assert long.startswith("WorkflowResult(workflow, 'xxx")
    assert long.endswith("...)")
    assert len(long) < 120


def test_a_step_that_failed_is_named_with_its_exception_which_is_the_cause() -> None:
    error = LookupError("no such row")
    made = ended("failed", error, message="no such row", step_id="m::f")
    assert type(made) is WorkflowError
    assert str(made) == "step m::f failed: LookupError: no such row"
    assert (made.run_id, made.step_id, made.__cause__) == (RUN, "m::f", error)


def test_an_exception_without_text_is_named_by_its_type() -> None:
    made = ended("failed", LookupError(), step_id="m::f")
    assert str(made) == "step m::f failed: LookupError"


def test_a_stall_says_its_message_and_has_no_cause() -> None:
    made = ended("failed", message="the run stalled")
    assert (str(made), made.step_id, made.__cause__) == ("the run stalled", None, None)


def test_the_notes_of_the_exception_are_with_its_cause() -> None:
    error = LookupError("x")
    error.add_note("look there")
    made = ended("failed", error, message="x", step_id="m::f")
    assert made.__cause__ is error
    assert getattr(made.__cause__, "__notes__", []) == ["look there"]


def test_too_long_is_a_timeout_error_without_the_engines_own_as_its_cause() -> None:
    error = StepTimeout("step m::f timed out after 1 s")
    made = ended("timed_out", error, message=str(error), step_id="m::f")
    assert isinstance(made, WorkflowTimeoutError)
    assert isinstance(made, TimeoutError)
    assert (str(made), made.__cause__) == ("step m::f timed out after 1 s", None)


@pytest.mark.parametrize(
    ("message", "text"), [("aborted", "aborted"), ("", "the run was cancelled")]
)
def test_a_cancelled_run_says_why(message: str, text: str) -> None:
    made = ended("cancelled", message=message)
    assert isinstance(made, WorkflowCancelledError)
    assert (str(made), made.run_id) == (text, RUN)
