"""Runs of registered steps: what a caller gets back, whichever way the steps work."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import Event, PeerClient, RetryConfig, StopEvent, Workflow, WorkflowError, step
from blazen_nb.engine.context import Context
from blazen_nb.events import StartEvent


class Part(Event):
    n: int


class Squared(Event):
    n: int


@step(id="runs::plain")
def plain(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result={"doubled": ev.x * 2, "thread": threading.current_thread().name})


@step(id="runs::asynchronous")
async def asynchronous(ctx: Context, ev: StartEvent) -> StopEvent:
    await asyncio.sleep(0)
    return StopEvent(result={"doubled": ev.x * 2, "thread": threading.current_thread().name})


@step(id="runs::split")
def split(ctx: Context, ev: StartEvent) -> list[Part]:
    ctx.state["expected"] = ev.n
    return [Part(n=i) for i in range(ev.n)]


@step(id="runs::square", accepts=["Part"])
async def square(ctx: Context, ev: Part) -> Squared:
    return Squared(n=ev.n**2)


@step(id="runs::total", accepts=["Squared"], max_concurrency=1)
def total(ctx: Context, ev: Squared) -> StopEvent | None:
    seen = [*ctx.session.get("seen", []), ev.n]
    ctx.session["seen"] = seen
    return StopEvent(result=sum(seen)) if len(seen) == ctx.state["expected"] else None


@step(id="runs::flaky", retry=RetryConfig(max_retries=3, initial_delay_ms=1, jitter=False))
def flaky(ctx: Context, ev: StartEvent) -> StopEvent:
    if ctx.attempt <= ev.failures:
        raise ConnectionError(f"attempt {ctx.attempt} found nobody")
    return StopEvent(result=ctx.attempt)


@step(id="runs::inner")
async def inner(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.record_usage(input_tokens=10, output_tokens=1, cost_usd=0.25)
    return StopEvent(result=ev.x + 1)


@step(id="runs::outer_async")
async def outer_async(ctx: Context, ev: StartEvent) -> StopEvent:
    inside = await Workflow("inside", [inner]).run(x=ev.x)
    return StopEvent(result=inside.result * 10)


@step(id="runs::outer_plain")
def outer_plain(ctx: Context, ev: StartEvent) -> StopEvent:
    inside = Workflow("inside", [inner]).run_sync(x=ev.x)
    return StopEvent(result=inside.result * 10)


@step(id="runs::stateful")
def stateful(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.state["seen"] = [1, {"two": 2}]
    ctx.state["_private"] = "not told"
    ctx.session["live"] = threading.Lock()
    return StopEvent(result=None)


@step(id="runs::costly")
def costly(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.record_usage(model="m", input_tokens=100, output_tokens=20, cost_usd=0.5)
    ctx.record_usage(
        model="n", input_tokens=1, reasoning_tokens=7, cached_input_tokens=3, cost_usd=0.125
    )
    return StopEvent(result="done")


@step(id="runs::failing")
def failing(ctx: Context, ev: StartEvent) -> StopEvent:
    raise LookupError(f"no entry for {ev.key!r}")


@step(id="runs::stalls")
def stalls(ctx: Context, ev: StartEvent) -> Part:
    return Part(n=1)


@step(id="runs::slow")
async def slow(ctx: Context, ev: StartEvent) -> StopEvent:
    await asyncio.Event().wait()
    return StopEvent()


@step(id="runs::not_an_event")
def not_an_event(ctx: Context, ev: StartEvent) -> Any:
    return 42


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


@step(id="runs::unprintable")
def unprintable(ctx: Context, ev: StartEvent) -> StopEvent:
    raise Unprintable


@step(id="runs::exits")
def exits(ctx: Context, ev: StartEvent) -> StopEvent:
    raise SystemExit(3)


def test_a_plain_step_runs_on_a_worker_thread_of_its_namespace(client: PeerClient) -> None:
    result = client.run_remote_workflow("w", ["runs::plain"], {"x": 21}).result
    assert result == {"doubled": 42, "thread": "blazen-session-steps"}


def test_an_async_step_runs_on_the_cell_thread_of_its_namespace(client: PeerClient) -> None:
    result = client.run_remote_workflow("w", ["runs::asynchronous"], {"x": 21}).result
    assert result == {"doubled": 42, "thread": "blazen-session-cells"}


def test_the_result_names_its_run_its_workflow_and_its_event(client: PeerClient) -> None:
    result = client.run_remote_workflow("doubling", ["runs::plain"], {"x": 1})
    assert result.workflow_name == "doubling"
    assert result.event_type == "blazen::StopEvent"
    assert [len(part) for part in result.run_id.split("-")] == [8, 4, 4, 4, 12]


def test_a_fan_out_of_a_thousand_comes_together_again(client: PeerClient) -> None:
    ids = ["runs::split", "runs::square", "runs::total"]
    assert client.run_remote_workflow("sum", ids, {"n": 1000}).result == sum(
        n * n for n in range(1000)
    )


def test_a_step_is_retried_until_it_succeeds(client: PeerClient) -> None:
    assert client.run_remote_workflow("w", ["runs::flaky"], {"failures": 3}).result == 4


def test_a_step_that_fails_once_too_often_fails_the_run(client: PeerClient) -> None:
    with pytest.raises(WorkflowError, match="attempt 4 found nobody") as caught:
        client.run_remote_workflow("w", ["runs::flaky"], {"failures": 4})
    assert isinstance(caught.value.__cause__, ConnectionError)


@pytest.mark.parametrize("outer", ["runs::outer_async", "runs::outer_plain"])
def test_a_step_runs_a_sub_workflow_and_spends_what_that_spends(
    client: PeerClient, outer: str
) -> None:
    result = client.run_remote_workflow("w", [outer], {"x": 4})
    assert result.result == 50
    assert result.usage.total_tokens == 11
    assert result.cost_total_usd == 0.25


def test_state_comes_back_without_private_and_live_values(client: PeerClient) -> None:
    result = client.run_remote_workflow("w", ["runs::stateful"])
    assert result.state == {"seen": [1, {"two": 2}]}
    assert result.result is None


def test_usage_crosses_the_wire(client: PeerClient) -> None:
    result = client.run_remote_workflow("w", ["runs::costly"])
    assert result.usage.prompt_tokens == 101
    assert result.usage.completion_tokens == 20
    assert result.usage.total_tokens == 121
    assert result.usage.reasoning_tokens == 7
    assert result.usage.cached_input_tokens == 3
    assert result.cost_total_usd == 0.625


def test_a_failing_step_is_a_workflow_error_that_knows_where_it_happened(
    client: PeerClient,
) -> None:
    with pytest.raises(WorkflowError, match="no entry for 'a'") as caught:
        client.run_remote_workflow("w", ["runs::failing"], {"key": "a"})
    error = caught.value
    assert (error.step_id, error.peer) == ("runs::failing", "gpu-box")
    assert error.run_id is not None
    assert isinstance(error.__cause__, LookupError)
    assert "raise LookupError" in error.remote_traceback
    assert str(Path(__file__).parent.parent) not in error.remote_traceback


def test_a_run_in_which_nothing_can_happen_fails_at_once_and_says_so(client: PeerClient) -> None:
    with pytest.raises(WorkflowError, match=r"stalled.*no step accepts Part"):
        client.run_remote_workflow("w", ["runs::stalls"])


def test_a_run_that_takes_too_long_times_out(client: PeerClient) -> None:
    from blazen_nb import WorkflowTimeoutError

    with pytest.raises(WorkflowTimeoutError, match="timed out after 1 s") as caught:
        client.run_remote_workflow("w", ["runs::slow"], timeout=0.2)
    assert isinstance(caught.value, TimeoutError)


def test_a_step_that_returns_no_event_is_told_what_to_return(client: PeerClient) -> None:
    with pytest.raises(WorkflowError, match="returned a int; return an Event"):
        client.run_remote_workflow("w", ["runs::not_an_event"])


def test_an_exception_without_text_still_ends_the_run(client: PeerClient) -> None:
    with pytest.raises(WorkflowError, match="Unprintable"):
        client.run_remote_workflow("w", ["runs::unprintable"], timeout=2)


def test_a_step_that_exits_fails_its_run_and_not_the_peer(client: PeerClient) -> None:
    with pytest.raises(WorkflowError, match="SystemExit"):
        client.run_remote_workflow("w", ["runs::exits"])
    assert client.run_remote_workflow("w", ["runs::plain"], {"x": 1}).result["doubled"] == 2
