"""``ctx``: what a running step can say, ask and share."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import uuid
from typing import Any

import pytest

from blazen_nb import (
    Context,
    Event,
    RetryConfig,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowCancelledError,
    WorkflowError,
    step,
)

SECONDS = 5.0


class Part(Event):
    number: int


async def result_of(*steps: Any, **fields: Any) -> Any:
    return (await Workflow("w", steps, timeout=SECONDS).run(**fields)).result


# --- who am I ------------------------------------------------------------------------------------


async def test_it_knows_its_run_its_step_its_call_and_its_attempt() -> None:
    @step(id="context::split")
    async def split(ctx: Context, ev: StartEvent) -> list[Part]:
        ctx.session["seen"] = []
        return [Part(number=1), Part(number=2)]

    retry = RetryConfig(max_retries=1, initial_delay_ms=0)

    @step(id="context::work", retry=retry, max_concurrency=1)
    async def work(ctx: Context, ev: Part) -> StopEvent | None:
        seen = ctx.session["seen"]
        seen.append((ctx.step_id, ctx.call, ctx.attempt))
        if ctx.call == 1 and ctx.attempt == 1:
            raise OSError
        assert repr(ctx) == f"Context(step context::work, run {ctx.run_id()[:8]})"
        return StopEvent(result=(ctx.run_id(), sorted(seen))) if len(seen) == 3 else None

    result = await Workflow("w", [split, work], timeout=SECONDS).run()
    run_id, seen = result.result
    assert run_id == result.run_id == str(uuid.UUID(run_id))
    assert seen == [("context::work", 1, 1), ("context::work", 1, 2), ("context::work", 2, 1)]


# --- what is shared ------------------------------------------------------------------------------


async def test_steps_of_one_run_share_state_and_session() -> None:
    connection = sqlite3.connect(":memory:", check_same_thread=False)

    @step
    async def first(ctx: Context, ev: StartEvent) -> Part:
        ctx.set("plain", {"a": 1})
        ctx.state["state"] = [1]
        ctx.set_bytes("raw", bytearray(b"ab"))
        ctx.session["db"] = connection
        return Part(number=0)

    @step
    def second(ctx: Context, ev: Part) -> StopEvent:
        same = ctx.session["db"] is connection
        raw = (ctx.get_bytes("raw"), ctx.get_bytes("gone", b"?"))
        return StopEvent(result=(ctx.state["plain"], ctx.get("state"), raw, ctx.get("gone"), same))

    try:
        found = await result_of(first, second)
    finally:
        connection.close()
    assert found == ({"a": 1}, [1], (b"ab", b"?"), None, True)


async def test_live_objects_pass_through_sub_workflows_by_identity() -> None:
    connection = sqlite3.connect(":memory:")
    increment = lambda x: x + 1  # noqa: E731 - a lambda on purpose

    @step
    async def inner(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=[ev.connection, ev.call])

    @step
    async def outer(ctx: Context, ev: StartEvent) -> StopEvent:
        workflow = Workflow("inner", [inner])
        return StopEvent(result=(await workflow.run(connection=connection, call=increment)).result)

    try:
        found = await result_of(outer)
    finally:
        connection.close()
    assert found[0] is connection
    assert found[1] is increment


async def test_every_method_has_an_awaitable_twin() -> None:
    @step
    async def speaks(ctx: Context, ev: StartEvent) -> None:
        await ctx.aset("a", 1)
        await ctx.aset_bytes("b", b"x")
        await ctx.awrite_event_to_stream(Event("Shown"))
        await ctx.asend_event(Event("Sent", id=await ctx.arun_id()))

    @step(accepts=["Sent"])
    async def hears(ctx: Context, ev: Any) -> StopEvent:
        return StopEvent(
            result=[await ctx.aget("a"), await ctx.aget_bytes("b"), ev.id == ctx.run_id()]
        )

    handler = await Workflow("w", [speaks, hears], timeout=SECONDS).run_with_handler()
    assert [event.event_type async for event in handler.stream_events()] == ["Shown"]
    assert (await handler.result()).result == [1, b"x", True]


# --- what it says --------------------------------------------------------------------------------


async def test_an_event_sent_from_inside_starts_its_step_while_the_sender_goes_on() -> None:
    heard = asyncio.Event()

    @step
    async def speaks(ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.send_event(Part(number=1))
        await heard.wait()
        return StopEvent(result="both")

    @step
    async def hears(ctx: Context, ev: Part) -> None:
        heard.set()

    assert await result_of(speaks, hears) == "both"


async def test_threads_of_a_step_may_speak_too() -> None:
    @step
    def speaks(ctx: Context, ev: StartEvent) -> None:
        ctx.session["heard"] = []
        sends = [
            threading.Thread(target=ctx.send_event, args=(Event("Sent", number=number),))
            for number in range(8)
        ]
        for thread in sends:
            thread.start()
        for thread in sends:
            thread.join(SECONDS)

    @step(accepts=["Sent"], max_concurrency=1)
    async def hears(ctx: Context, ev: Any) -> StopEvent | None:
        heard = ctx.session["heard"]
        heard.append(ev.number)
        return StopEvent(result=sorted(heard)) if len(heard) == 8 else None

    assert await result_of(speaks, hears) == list(range(8))


@pytest.mark.parametrize("method", ["send_event", "write_event_to_stream"])
@pytest.mark.parametrize("wrong", [None, "Part", {"number": 1}, Part])
async def test_what_is_no_event_is_refused_by_name(method: str, wrong: Any) -> None:
    @step
    async def speaks(ctx: Context, ev: StartEvent) -> StopEvent:
        getattr(ctx, method)(wrong)
        return StopEvent()

    with pytest.raises(WorkflowError, match="an Event is needed"):
        await result_of(speaks)


async def test_without_a_stream_what_is_written_to_it_and_progress_go_nowhere() -> None:
    @step
    async def speaks(ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(Part(number=1))
        ctx.progress(1, 2, "half")
        ctx.progress(3)
        return StopEvent(result="said")

    assert await result_of(speaks) == "said"


# --- being told to stop --------------------------------------------------------------------------


async def test_a_step_that_is_told_to_stop_sees_it_and_may_leave() -> None:
    inside, left = threading.Event(), threading.Event()
    seen: list[Any] = []

    @step(id="context::loops")
    def loops(ctx: Context, ev: StartEvent) -> StopEvent:
        seen.append(ctx.cancelled)
        ctx.check_cancelled()
        inside.set()
        try:
            while not ctx.cancelled:
                left.wait(0.001)
            ctx.check_cancelled()
        except WorkflowCancelledError as error:
            seen.append((error.step_id, error.run_id == ctx.run_id()))
            raise
        finally:
            left.set()
        return StopEvent()

    handler = await Workflow("w", [loops]).run_with_handler()
    assert await asyncio.to_thread(inside.wait, SECONDS)
    await handler.abort()
    with pytest.raises(WorkflowCancelledError, match="aborted"):
        await asyncio.wait_for(handler.result(), SECONDS)
    assert left.is_set()
    assert seen == [False, ("context::loops", True)]
