"""``Workflow.builder(name)``: every setting once, and a workflow at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from blazen_nb import (
    Context,
    Event,
    RetryConfig,
    StartEvent,
    StopEvent,
    ValidationError,
    Workflow,
    WorkflowBuilder,
    WorkflowError,
    WorkflowTimeoutError,
    step,
)

AT_ONCE = RetryConfig(max_retries=1, initial_delay_ms=0)


@step(id="builder::first")
async def first(ctx: Context, ev: StartEvent) -> Event:
    return Event("Mid", x=ev.x)


@step(id="builder::second", accepts=["Mid"])
def second(ctx: Context, ev: Any) -> StopEvent:
    return StopEvent(result=ev.x)


@step(id="builder::flaky")
async def flaky(ctx: Context, ev: StartEvent) -> StopEvent:
    if ctx.attempt == 1:
        raise OSError("first attempt")
    return StopEvent(result=ctx.attempt)


@step(id="builder::slow")
async def slow(ctx: Context, ev: StartEvent) -> StopEvent:
    await asyncio.sleep(0.5)
    return StopEvent(result="slow")


@pytest.mark.parametrize("make", [Workflow.builder, WorkflowBuilder])
async def test_it_builds_the_workflow_of_its_name_and_steps(
    make: Callable[[str], WorkflowBuilder],
) -> None:
    builder = make("built")
    assert builder.name == "built"
    workflow = builder.step(first).step(second).build()
    assert (workflow.name, workflow.step_ids) == ("built", ["builder::first", "builder::second"])
    assert (await workflow.run(x=5)).result == 5


def test_what_certainly_is_wrong_is_refused_when_it_is_built() -> None:
    with pytest.raises(ValidationError, match="at least one step"):
        WorkflowBuilder("empty").build()
    with pytest.raises(ValidationError, match="builder::first is there twice"):
        WorkflowBuilder("twice").step(first).step(first).build()
    with pytest.raises(ValidationError, match="no step accepts StartEvent"):
        WorkflowBuilder("no start").step(second).build()


async def test_a_timeout_can_be_set_and_taken_back() -> None:
    builder = WorkflowBuilder("slow").step(slow).timeout(0.01)
    with pytest.raises(WorkflowTimeoutError, match="workflow timed out"):
        await builder.build().run()
    assert (await builder.no_timeout().build().run()).result == "slow"


async def test_a_step_timeout_can_be_set_and_taken_back() -> None:
    builder = WorkflowBuilder("slow").step(slow).step_timeout(0.01)
    with pytest.raises(WorkflowTimeoutError, match="step builder::slow timed out"):
        await builder.build().run()
    assert (await builder.no_step_timeout().build().run()).result == "slow"


async def test_retries_can_be_set_and_taken_back() -> None:
    builder = WorkflowBuilder("flaky").step(flaky)
    with pytest.raises(WorkflowError, match="first attempt"):
        await builder.build().run()
    assert (await builder.retry_config(AT_ONCE).build().run()).result == 2
    for without in (builder.no_retry, builder.clear_retry_config):
        with pytest.raises(WorkflowError, match="first attempt"):
            await without().build().run()


@pytest.mark.parametrize(
    ("publish", "seen"),
    [
        (lambda builder: builder.auto_publish_events(True), ["Mid", "blazen::StopEvent"]),
        (lambda builder: builder.auto_publish_events(), ["Mid", "blazen::StopEvent"]),
        (lambda builder: builder.auto_publish_events(False), []),
        (lambda builder: builder, []),
    ],
)
async def test_events_are_published_where_it_says_so(
    publish: Callable[[WorkflowBuilder], WorkflowBuilder], seen: list[str]
) -> None:
    workflow = publish(WorkflowBuilder("shown").step(first).step(second)).build()
    handler = await workflow.run_with_handler(x=1)
    assert [event.event_type async for event in handler.stream_events()] == seen


async def test_a_builder_can_be_used_again_without_touching_what_it_built() -> None:
    builder = WorkflowBuilder("grows").step(first)
    short = builder.build()
    long = builder.step(second).build()
    assert len(short.steps) == 1
    assert (await long.run(x=1)).result == 1
