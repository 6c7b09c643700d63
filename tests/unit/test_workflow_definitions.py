"""Workflows as definitions: what is refused, what is registered, and one inside another."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from blazen_nb import (
    Context,
    Event,
    StartEvent,
    StopEvent,
    ValidationError,
    Workflow,
    WorkflowCancelledError,
    WorkflowError,
    step,
)
from blazen_nb.engine.registry import current_registry

SECONDS = 5.0


class Part(Event):
    number: int


@step(id="workflow_tests::inner")
async def inner(ctx: Context, ev: StartEvent) -> StopEvent:
    if ev.fails:
        raise ArithmeticError("inner trouble")
    ctx.set("inner", "only here")
    return StopEvent(result={"doubled": ev.x * 2, "live": threading.Lock})


# --- definitions ---------------------------------------------------------------------------------


def test_a_workflow_without_steps_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least one step"):
        Workflow("empty", [])


def test_a_negative_timeout_is_refused() -> None:
    with pytest.raises(ValidationError, match="not negative"):
        Workflow("backwards", [inner], timeout=-1)


@pytest.mark.parametrize("wrong", [{"timeout": -0.1}, {"max_concurrency": -1}])
def test_a_step_with_a_negative_bound_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"backwards.*not negative"):
        step(id="backwards", **wrong)(lambda ctx, ev: None)


def test_a_workflow_knows_its_steps_and_registers_them() -> None:
    workflow = Workflow("inner", [inner])
    assert workflow.steps == (inner,)
    assert workflow.step_ids == ["workflow_tests::inner"]
    assert current_registry().get("workflow_tests::inner") is inner
    assert repr(workflow) == "Workflow(inner: 1 step)"
    assert workflow.check() == []


async def test_a_run_in_flight_keeps_the_step_it_began_with() -> None:
    waiting, go_on = asyncio.Event(), asyncio.Event()

    @step(id="workflow_tests::first")
    async def first(ctx: Context, ev: StartEvent) -> Part:
        waiting.set()
        await go_on.wait()
        return Part(number=1)

    @step(id="workflow_tests::second")
    async def second(ctx: Context, ev: Part) -> StopEvent:
        return StopEvent(result="old")

    old = second
    async with asyncio.timeout(SECONDS):
        running = asyncio.create_task(Workflow("changes", [first, second]).run())
        await waiting.wait()

        @step(id="workflow_tests::second")
        async def again(ctx: Context, ev: Part) -> StopEvent:
            return StopEvent(result="new")

        assert current_registry().get("workflow_tests::second") is again is not old
        go_on.set()
        assert (await running).result == "old"
        assert (await Workflow("changes", [first, again]).run()).result == "new"


# --- sub-workflows -------------------------------------------------------------------------------


async def test_a_step_runs_a_workflow_and_gets_its_result_by_identity() -> None:
    @step
    async def outer(ctx: Context, ev: StartEvent) -> StopEvent:
        found = await Workflow("inner", [inner]).run(x=ev.x, fails=False)
        return StopEvent(result=(found.result["doubled"], found.result["live"], ctx.get("inner")))

    result = await Workflow("outer", [outer]).run(x=4)
    assert result.result == (8, threading.Lock, None)
    assert result.state == {}


async def test_a_plain_step_runs_a_workflow_with_run_sync() -> None:
    @step
    def outer(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=Workflow("inner", [inner]).run_sync(x=ev.x, fails=False).result)

    result = await Workflow("outer", [outer]).run(x=4)
    assert result.result["doubled"] == 8


async def test_a_sub_workflow_that_fails_is_an_exception_of_its_step() -> None:
    @step(id="workflow_tests::outer_fails")
    async def outer(ctx: Context, ev: StartEvent) -> StopEvent:
        await Workflow("inner", [inner]).run(x=1, fails=True)
        return StopEvent()

    with pytest.raises(WorkflowError, match="inner trouble") as caught:
        await Workflow("outer", [outer]).run()
    assert caught.value.step_id == "workflow_tests::outer_fails"
    inner_error = caught.value.__cause__
    assert isinstance(inner_error, WorkflowError)
    assert isinstance(inner_error.__cause__, ArithmeticError)


@pytest.mark.parametrize("plain", [True, False])
async def test_aborting_a_run_ends_the_sub_workflow_of_its_step(plain: bool) -> None:
    loop = asyncio.get_running_loop()
    waiting, ended = asyncio.Event(), asyncio.Event()

    @step
    async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
        loop.call_soon_threadsafe(waiting.set)
        try:
            await asyncio.Event().wait()
        finally:
            loop.call_soon_threadsafe(ended.set)
        return StopEvent()

    def outer(ctx: Context, ev: StartEvent) -> StopEvent:
        Workflow("waits", [waits]).run_sync()
        return StopEvent()

    async def aouter(ctx: Context, ev: StartEvent) -> StopEvent:
        await Workflow("waits", [waits]).run()
        return StopEvent()

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("outer", [step(outer if plain else aouter)]).run_with_handler()
        await waiting.wait()
        await handler.abort()
        with pytest.raises(WorkflowCancelledError):
            await handler.result()
        await ended.wait()
