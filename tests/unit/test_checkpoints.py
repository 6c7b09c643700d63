"""``checkpoint_store()``, ``checkpoint_after_step()`` and ``with_history()`` of a builder."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from blazen_nb import (
    Context,
    Event,
    SessionPausePolicy,
    StartEvent,
    StopEvent,
    ValidationError,
    Workflow,
    WorkflowBuilder,
    step,
)
from blazen_nb.engine.checkpoints import WorkflowCheckpoint
from blazen_nb.errors import SnapshotError
from blazen_nb.updates import EventPublished, GraphKnown, StepEnded, StepStarted

SECONDS = 5.0


@step(id="checkpoints::one")
async def one(ctx: Context, ev: StartEvent) -> Event:
    ctx.set("seen", ["one"])
    return Event("Mid")


@step(id="checkpoints::two", accepts=["Mid"])
def two(ctx: Context, ev: Any) -> Event:
    ctx.set("seen", [*ctx.get("seen"), "two"])
    ctx.write_event_to_stream(Event("Said"))
    return Event("Late")


@step(id="checkpoints::three", accepts=["Late"])
async def three(ctx: Context, ev: Any) -> StopEvent:
    return StopEvent(result=ctx.get("seen"))


STEPS = [one, two, three]


def builder() -> WorkflowBuilder:
    made = Workflow.builder("checked")
    for each in STEPS:
        made.step(each)
    return made


class Store:
    """Keeps checkpoints; async, and slower than the run."""

    def __init__(self) -> None:
        self.kept: list[WorkflowCheckpoint] = []
        self.saving = 0

    async def save(self, checkpoint: WorkflowCheckpoint) -> None:
        self.saving += 1
        assert self.saving == 1
        await asyncio.sleep(0.01)
        self.kept.append(checkpoint)
        self.saving -= 1


async def test_after_each_step_but_the_last_a_checkpoint_is_in_the_store_when_the_result_is() -> (
    None
):
    store = Store()
    workflow = builder().checkpoint_store(store).checkpoint_after_step().build()
    async with asyncio.timeout(SECONDS):
        result = await workflow.run()
    assert result.result == ["one", "two"]
    assert [checkpoint.state["seen"] for checkpoint in store.kept] == [["one"], ["one", "two"]]
    assert {checkpoint.run_id for checkpoint in store.kept} == {result.run_id}
    assert store.kept[0].workflow_name == "checked"


async def test_each_checkpoint_can_be_brought_to_the_same_end() -> None:
    store = Store()
    workflow = builder().checkpoint_store(store).checkpoint_after_step(True).build()
    async with asyncio.timeout(SECONDS):
        await workflow.run()
        for checkpoint in store.kept:
            resumed = await Workflow.resume(checkpoint.snapshot, STEPS)
            assert (await resumed).result == ["one", "two"]


async def test_a_store_alone_gets_the_snapshots_that_are_taken() -> None:
    kept: list[WorkflowCheckpoint] = []

    class Plain:
        def save(self, checkpoint: WorkflowCheckpoint) -> None:
            kept.append(checkpoint)

    async with asyncio.timeout(SECONDS):
        handler = await builder().checkpoint_store(Plain()).build().run_with_handler()
        await handler.pause()
        text = await handler.snapshot()
        await handler.resume_in_place()
        await handler
    assert [checkpoint.snapshot for checkpoint in kept] == [text]


async def test_a_store_that_fails_is_told_in_the_log_and_the_run_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Full:
        def save(self, checkpoint: WorkflowCheckpoint) -> None:
            raise OSError("no space left")

    workflow = builder().checkpoint_store(Full()).checkpoint_after_step().build()
    assert (await asyncio.wait_for(workflow.run(), SECONDS)).result == ["one", "two"]
    assert caplog.text.count("could not be saved") == 2
    assert "no space left" in caplog.text


def test_checkpoints_work_for_a_run_that_blocks_its_caller() -> None:
    store = Store()
    workflow = builder().checkpoint_store(store).checkpoint_after_step().build()
    assert workflow.run_sync().result == ["one", "two"]
    assert len(store.kept) == 2


def test_checkpoints_need_a_store() -> None:
    with pytest.raises(ValidationError, match="needs a checkpoint_store"):
        builder().checkpoint_after_step().build()
    builder().checkpoint_after_step(False).build()


async def test_the_builder_sets_the_pause_policy() -> None:
    gate = threading.Event()

    @step(id="checkpoints::holds")
    def holds(ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.session["live"] = gate
        ctx.write_event_to_stream(Event("AtWork"))
        gate.wait(SECONDS)
        return StopEvent()

    made = Workflow.builder("w").step(holds)
    handler = (
        await made.session_pause_policy(SessionPausePolicy.HardError).build().run_with_handler()
    )
    try:
        async for _ in handler.stream_events():
            with pytest.raises(SnapshotError, match="HardError"):
                await handler.snapshot()
            break
    finally:
        gate.set()
    await handler


async def test_history_is_what_the_run_told_in_one_gapless_order() -> None:
    result = await asyncio.wait_for(builder().with_history().build().run(), SECONDS)
    assert [update.seq for update in result.history] == list(range(1, len(result.history) + 1))
    assert {update.run_id for update in result.history} == {result.run_id}
    told = [(type(each), getattr(each, "step_id", "")) for each in result.history]
    assert told == [
        (GraphKnown, ""),
        (StepStarted, "checkpoints::one"),
        (StepEnded, "checkpoints::one"),
        (StepStarted, "checkpoints::two"),
        (EventPublished, ""),
        (StepEnded, "checkpoints::two"),
        (StepStarted, "checkpoints::three"),
        (StepEnded, "checkpoints::three"),
    ]


async def test_without_history_none_is_kept() -> None:
    assert (await builder().build().run()).history == ()
    handler = await builder().build().run_with_handler()
    assert (await handler).history == ()
