"""How the wait for an answer ends without one, and whose time stands meanwhile."""

from __future__ import annotations

import asyncio
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
    WorkflowTimeoutError,
    step,
)
from blazen_nb.engine import run as run_module
from blazen_nb.errors import InputTimeoutError
from tests.eventually import eventually
from tests.fake_clock import FakeClock
from tests.unit.asking_steps import asked, awaits, plain, question_of

SECONDS = 5.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of every run that starts from now on."""
    clock = FakeClock()
    monkeypatch.setitem(run_module.Run.__init__.__kwdefaults__ or {}, "clock", clock)
    return clock


@pytest.mark.parametrize("asks", [plain, awaits])
async def test_an_abort_ends_the_wait_at_once(asks: Any, clock: FakeClock) -> None:
    async with asyncio.timeout(SECONDS):
        handler, _ = await asked(asks)
        await (
            handler.abort()
        )  # the clock stands: nothing interrupts the step, and nothing leaves it behind
        with pytest.raises(WorkflowCancelledError, match="aborted"):
            await handler


async def test_an_abort_is_the_usual_one_for_the_step() -> None:
    raised: list[type[BaseException]] = []

    @step(id="asking::notes")
    def notes(ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            return StopEvent(result=ctx.ask("?"))
        except BaseException as error:
            raised.append(type(error))
            raise

    @step(id="asking::anotes")
    async def anotes(ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            return StopEvent(result=await ctx.aask("?"))
        except BaseException as error:
            raised.append(type(error))
            raise

    for asks in (notes, anotes):
        async with asyncio.timeout(SECONDS):
            handler, _ = await asked(asks)
            await handler.abort()
            with pytest.raises(WorkflowCancelledError):
                await handler
    assert raised == [WorkflowCancelledError, asyncio.CancelledError]


async def test_the_time_of_the_workflow_and_of_the_step_stands_while_it_asks(
    clock: FakeClock,
) -> None:
    @step(id="asking::in_time", timeout=5.0)
    def in_time(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ctx.ask("?"))

    async with asyncio.timeout(SECONDS):
        handler, question = await asked(in_time, timeout=10.0)
        eventually(lambda: clock.pending() == [])
        clock.advance(100.0)
        await handler.respond_to_input(question, "late, and in time")
        assert (await handler).result == "late, and in time"


async def test_the_time_goes_on_once_it_is_answered(clock: FakeClock) -> None:
    @step(id="asking::then_hangs")
    async def then_hangs(ctx: Context, ev: StartEvent) -> StopEvent:
        await ctx.aask("?")
        ctx.write_event_to_stream(Event("Answered"))
        await asyncio.Event().wait()
        return StopEvent()

    async with asyncio.timeout(SECONDS):
        handler, question = await asked(then_hangs, timeout=10.0)
        clock.advance(100.0)
        await handler.respond_to_input(question, 1)
        async for event in handler.stream_events():
            if event.event_type == "Answered":
                break
        clock.advance(11.0)
        with pytest.raises(WorkflowTimeoutError):
            await handler


@pytest.mark.parametrize(
    ("schema", "how", "result"),
    [
        (int, {}, "InputTimeoutError: nobody answered '?' within 3 s"),
        (int, {"default": 5}, 5),
        ({"type": "integer", "default": 6}, {}, 6),
        (None, {"default": "text"}, "text"),
        ({"properties": {"n": int}}, {"default": {"n": 1}}, {"n": 1}),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_where_nobody_answers_in_time_there_is_the_default_or_an_error(
    clock: FakeClock, schema: Any, how: dict[str, Any], result: Any, asynchronous: bool
) -> None:
    @step(id="asking::patient")
    def patient(ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            return StopEvent(result=ctx.ask("?", schema, timeout=3, **how))
        except TimeoutError as error:
            return StopEvent(result=f"{type(error).__name__}: {error}")

    @step(id="asking::apatient")
    async def apatient(ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            return StopEvent(result=await ctx.aask("?", schema, timeout=3, **how))
        except InputTimeoutError as error:
            return StopEvent(result=f"{type(error).__name__}: {error}")

    async with asyncio.timeout(SECONDS):
        handler, question = await asked(apatient if asynchronous else patient)
        clock.wait_for_timer(3)
        clock.advance(3)
        assert (await handler).result == result
        with pytest.raises(ValidationError, match="does not wait"):
            await handler.respond_to_input(question, 1)


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
async def test_a_time_that_is_none_is_refused(timeout: float) -> None:
    @step(id="asking::untimely")
    async def untimely(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.aask("?", timeout=timeout))

    handler = await Workflow("w", [untimely], timeout=SECONDS).run_with_handler()
    with pytest.raises(WorkflowError, match="seconds above 0"):
        await handler


async def test_a_sub_workflow_asks_through_the_step_that_runs_it(clock: FakeClock) -> None:
    inner = Workflow("inner", [plain], timeout=5.0)

    @step(id="asking::outer")
    async def outer(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=(await inner.run()).result)

    async with asyncio.timeout(SECONDS):
        handler, question = await asked(outer, timeout=10.0)
        eventually(lambda: clock.pending() == [])  # the time of both stands
        clock.advance(100.0)
        await handler.respond_to_input(question, 4)
        assert (await handler).result == 4


async def test_a_question_of_a_sub_workflow_that_is_cancelled_is_taken_back() -> None:
    inner = Workflow("inner", [awaits])

    @step(id="asking::impatient")
    async def impatient(ctx: Context, ev: StartEvent) -> StopEvent:
        running = asyncio.ensure_future(inner.run())
        await seen.wait()
        running.cancel()
        await asyncio.wait([running])
        return StopEvent(result=running.cancelled())

    seen = asyncio.Event()
    async with asyncio.timeout(SECONDS):
        handler, question = await asked(impatient)
        seen.set()
        assert (await handler).result is True
        with pytest.raises(ValidationError, match="does not wait"):
            await handler.respond_to_input(question, 1)


async def test_a_context_of_a_step_that_is_over_can_ask_nothing() -> None:
    kept: list[Context] = []

    @step(id="asking::leaks")
    async def leaks(ctx: Context, ev: StartEvent) -> Event:
        kept.append(ctx)
        return Event("Next")

    @step(id="asking::uses", accepts=["Next"])
    async def uses(ctx: Context, ev: Any) -> StopEvent:
        with pytest.raises(WorkflowCancelledError, match="over"):
            await kept[0].aask("?")
        return StopEvent(result="refused")

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [leaks, uses]).run_with_handler()
        assert (await handler).result == "refused"


async def test_a_run_that_is_resumed_from_a_snapshot_asks_again() -> None:
    async with asyncio.timeout(SECONDS):
        handler, first = await asked(plain)
        text = await handler.snapshot()
        await handler.abort()
        resumed = await Workflow.resume(text, [plain])
        second = await question_of(resumed)
        assert (second.prompt, second.metadata) == (first.prompt, first.metadata)
        with pytest.raises(ValidationError, match="does not wait"):
            await resumed.respond_to_input(first, 3)
        await resumed.respond_to_input(second, 3)
        assert (await resumed).result == 3
