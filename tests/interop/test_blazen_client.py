"""A real Blazen client calls Python steps on our peer."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from blazen_nb import Context, Event, StartEvent, StopEvent, step
from tests.interop.conftest import Calls

# Making Blazen's environment, once, may take longer than a test.
pytestmark = pytest.mark.timeout(10, func_only=True)

NO_REF = "00000000-0000-4000-8000-000000000000"


class Half(Event):
    x: float


@step(id="interop::double")
def double(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result={"doubled": ev.x * 2})


@step(id="interop::halve")
async def halve(ctx: Context, ev: StartEvent) -> Half:
    return Half(x=ev.x / 2)


@step(id="interop::report")
def report(ctx: Context, ev: Half) -> StopEvent:
    ctx.state["seen"] = [ev.x]
    ctx.state["_private"] = True
    return StopEvent(result=ev.x)


@step(id="interop::echo")
def echo(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ev.to_dict())


@step(id="interop::size")
def size(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=[len(ev.text), ev.text[-100:]])


@step(id="interop::fails")
def fails(ctx: Context, ev: StartEvent) -> StopEvent:
    raise LookupError(f"no entry for {ev.key!r}")


@step(id="interop::sleeps")
async def sleeps(ctx: Context, ev: StartEvent) -> StopEvent:
    await asyncio.Event().wait()
    return StopEvent()


@step(id="interop::together")
def together(ctx: Context, ev: StartEvent) -> StopEvent:
    time.sleep(0.02)
    return StopEvent(result=ev.n)


def invoke(*step_ids: str, **call: Any) -> dict[str, Any]:
    return {"kind": "invoke", "step_ids": list(step_ids), **call}


def test_a_blazen_client_gets_the_result_of_a_python_step(calls: Calls) -> None:
    (answer,) = calls(invoke("interop::double", input={"x": 21}))
    assert answer == {
        "error": None,
        "result": {"doubled": 42},
        "state": {},
        "refs": [],
        "version": 1,
    }


def test_several_steps_make_a_workflow_whose_state_comes_back(calls: Calls) -> None:
    (answer,) = calls(invoke("interop::halve", "interop::report", input={"x": 5}))
    assert answer["result"] == 2.5
    assert answer["state"] == {"seen": [2.5]}


@pytest.mark.parametrize(
    "value",
    [
        {"text": "zürich 🦉 \u0000 \u2028", "schlüssel": {"深い": ["a", 1, -1.5, None, True]}},
        {"big": 2**53, "small": -(2**63), "tiny": 5e-324},
        {},
    ],
)
def test_an_object_arrives_and_returns_as_it_is(calls: Calls, value: dict[str, Any]) -> None:
    (answer,) = calls(invoke("interop::echo", input=value))
    assert answer["error"] is None
    assert answer["result"] == value


def test_no_input_is_no_fields(calls: Calls) -> None:
    assert calls(invoke("interop::echo"))[0]["result"] == {}


@pytest.mark.parametrize("size", [4 << 20, 30 << 20, 40 << 20])
def test_large_inputs_arrive_whole(calls: Calls, size: int) -> None:
    text = "zü🦉" * (size // 7)
    (answer,) = calls(invoke("interop::size", input={"text": text}))
    assert answer["result"] == [len(text), text[-100:]]


def test_three_mebibytes_come_back_whole(calls: Calls) -> None:
    text = "zü🦉" * ((3 << 20) // 7)  # Blazen's client takes no answer above 4 MiB
    (answer,) = calls(invoke("interop::echo", input={"text": text}))
    assert answer["result"] == {"text": text}


def test_a_hundred_calls_at_once_each_get_their_own_result(calls: Calls) -> None:
    answers = calls(invoke("interop::together", input={}), repeat=100)
    assert [answer["error"] for answer in answers] == [None] * 100
    assert [answer["result"] for answer in answers] == list(range(100))


def test_an_unknown_step_is_not_found(calls: Calls) -> None:
    (answer,) = calls(invoke("interop::double", "nobody::knows", input={"x": 1}))
    assert answer["raised"] == "PeerException"  # its name in this version
    assert "unknown step id `nobody::knows`" in answer["text"]
    assert "requested entity was not found" in answer["text"]  # its words for NOT_FOUND


def test_a_failing_step_is_an_answer_with_its_error(calls: Calls) -> None:
    (answer,) = calls(invoke("interop::fails", input={"key": "a"}))
    assert answer["error"].startswith("workflow error: ")
    assert "no entry for 'a'" in answer["error"]
    assert answer["state"] == {}


def test_a_timeout_is_an_answer_that_says_so(calls: Calls) -> None:
    (answer,) = calls(invoke("interop::sleeps", timeout=1))
    assert answer["error"] == "workflow timed out after 1s"


def test_what_cannot_be_called_is_refused_and_the_next_call_goes_through(calls: Calls) -> None:
    answers = calls(
        invoke(),
        invoke("interop::echo", input={"event_type": "mine"}),
        {"kind": "deref", "uuid": NO_REF},
        {"kind": "release", "uuid": NO_REF},
        invoke("interop::double", input={"x": 1}),
    )
    no_steps, hidden_type, deref, release, last = answers
    assert "at least one step" in no_steps["text"]
    assert "event_type" in hidden_type["text"]
    assert NO_REF in deref["text"]
    assert release == {"released": False}
    assert last["result"] == {"doubled": 2}
