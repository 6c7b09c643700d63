"""How runs end: failures, retries, timeouts, limits, and callers who leave."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from blazen_nb import (
    Context,
    Event,
    RetryConfig,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowError,
    WorkflowTimeoutError,
    step,
)

SECONDS = 5.0
AT_ONCE = RetryConfig(max_retries=2, initial_delay_ms=0, jitter=False)


class Part(Event):
    number: int


class Done(Event):
    number: int


# --- failures and retries ------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [True, False])
async def test_a_failing_step_fails_the_run_with_its_exception_as_the_cause(plain: bool) -> None:
    error = LookupError("no such row")

    def fails(ctx: Context, ev: StartEvent) -> StopEvent:
        raise error

    async def afails(ctx: Context, ev: StartEvent) -> StopEvent:
        raise error

    made = step(id="fails::here")(fails if plain else afails)
    with pytest.raises(WorkflowError, match="no such row") as caught:
        await Workflow("fails", [made]).run()
    assert caught.value.__cause__ is error
    assert caught.value.step_id == "fails::here"
    assert caught.value.run_id
    assert caught.value.remote_traceback == ""


@pytest.mark.parametrize("plain", [True, False])
async def test_a_step_is_tried_again_until_it_succeeds_and_knows_which_attempt_it_is(
    plain: bool,
) -> None:
    attempts: list[tuple[int, int]] = []

    def flaky(ctx: Context, ev: StartEvent) -> StopEvent:
        attempts.append((ctx.call, ctx.attempt))
        if ctx.attempt < 3:
            raise OSError("not yet")
        return StopEvent(result=ctx.attempt)

    async def aflaky(ctx: Context, ev: StartEvent) -> StopEvent:
        return flaky(ctx, ev)

    made = step(retry=AT_ONCE)(flaky if plain else aflaky)
    result = await Workflow("flaky", [made], timeout=SECONDS).run()
    assert result.result == 3
    assert attempts == [(1, 1), (1, 2), (1, 3)]


async def test_when_retries_run_out_the_last_error_is_the_cause() -> None:
    @step
    async def fails(ctx: Context, ev: StartEvent) -> StopEvent:
        raise OSError(f"attempt {ctx.attempt}")

    with pytest.raises(WorkflowError, match="attempt 3"):
        await Workflow("fails", [fails], retry_config=AT_ONCE).run()


async def test_a_wait_that_the_exception_asks_for_is_kept() -> None:
    class Busy(Exception):
        retry_after = 0.05

    @step
    async def busy(ctx: Context, ev: StartEvent) -> StopEvent:
        now = asyncio.get_running_loop().time()
        if ctx.attempt == 1:
            ctx.session["began"] = now
            raise Busy
        return StopEvent(result=now - ctx.session["began"])

    result = await Workflow("busy", [busy], retry_config=AT_ONCE, timeout=SECONDS).run()
    assert 0.05 <= result.result < SECONDS


# --- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0.05, timedelta(milliseconds=50)])
async def test_a_run_that_takes_too_long_times_out_and_its_step_is_cancelled(timeout: Any) -> None:
    cancelled = asyncio.Event()

    @step
    async def slow(ctx: Context, ev: StartEvent) -> StopEvent:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return StopEvent()

    async with asyncio.timeout(SECONDS):
        with pytest.raises(WorkflowTimeoutError, match=r"timed out after 0\.05 s") as caught:
            await Workflow("slow", [slow], timeout=timeout).run()
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.__cause__ is None
    assert cancelled.is_set()


@pytest.mark.parametrize("own", [True, False])
async def test_a_step_that_takes_too_long_times_out_by_name(own: bool) -> None:
    async def slow(ctx: Context, ev: StartEvent) -> StopEvent:
        await asyncio.Event().wait()
        return StopEvent()

    made = step(id="slow::step", timeout=0.05 if own else None)(slow)
    workflow = Workflow("slow", [made], step_timeout=30 if own else 0.05)
    async with asyncio.timeout(SECONDS):
        with pytest.raises(WorkflowTimeoutError, match="step slow::step timed out") as caught:
            await workflow.run()
    assert caught.value.step_id == "slow::step"


async def test_a_plain_step_that_takes_too_long_is_told_to_stop() -> None:
    told = threading.Event()

    @step(timeout=0.05)
    def slow(ctx: Context, ev: StartEvent) -> StopEvent:
        while not ctx.cancelled:
            told.wait(0.001)
        told.set()
        return StopEvent(result="too late")

    async with asyncio.timeout(SECONDS):
        with pytest.raises(WorkflowTimeoutError):
            await Workflow("slow", [slow]).run()
    assert told.wait(SECONDS)


async def test_a_step_that_times_out_is_tried_again_where_it_may_be() -> None:
    @step(timeout=0.05, retry=AT_ONCE)
    async def slow_once(ctx: Context, ev: StartEvent) -> StopEvent:
        if ctx.attempt == 1:
            await asyncio.Event().wait()
        return StopEvent(result=ctx.attempt)

    async with asyncio.timeout(SECONDS):
        assert (await Workflow("slow once", [slow_once]).run()).result == 2


async def test_a_timeout_of_zero_is_none() -> None:
    @step(timeout=0)
    async def takes_a_moment(ctx: Context, ev: StartEvent) -> StopEvent:
        await asyncio.sleep(0.01)
        return StopEvent(result="done")

    workflow = Workflow("moment", [takes_a_moment], timeout=0, step_timeout=0.001)
    assert (await workflow.run()).result == "done"


@pytest.mark.parametrize("plain", [True, False])
async def test_no_more_attempts_of_a_step_run_at_once_than_it_allows(plain: bool) -> None:
    lock = threading.Lock()
    inside: list[int] = []
    most: list[int] = []

    @step
    async def split(ctx: Context, ev: StartEvent) -> list[Part]:
        return [Part(number=n) for n in range(12)]

    def enter(number: int) -> None:
        with lock:
            inside.append(number)
            most.append(len(inside))

    def leave(number: int) -> None:
        with lock:
            inside.remove(number)

    def work(ctx: Context, ev: Part) -> Done:
        enter(ev.number)
        threading.Event().wait(0.005)
        leave(ev.number)
        return Done(number=ev.number)

    async def awork(ctx: Context, ev: Part) -> Done:
        enter(ev.number)
        await asyncio.sleep(0.005)
        leave(ev.number)
        return Done(number=ev.number)

    @step(max_concurrency=1)
    async def join(ctx: Context, ev: Done) -> StopEvent | None:
        numbers = [*ctx.get("numbers", []), ev.number]
        ctx.set("numbers", numbers)
        return StopEvent(result=sorted(numbers)) if len(numbers) == 12 else None

    bounded = step(max_concurrency=3)(work if plain else awork)
    result = await Workflow("bounded", [split, bounded, join], timeout=SECONDS).run()
    assert result.result == list(range(12))
    assert 1 < max(most) <= 3


# --- the caller leaves ---------------------------------------------------------------------------


async def test_a_caller_that_is_cancelled_takes_the_run_with_it() -> None:
    waiting, cancelled = asyncio.Event(), asyncio.Event()

    @step
    async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return StopEvent()

    async with asyncio.timeout(SECONDS):
        caller = asyncio.create_task(Workflow("waits", [waits]).run())
        await waiting.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await cancelled.wait()


async def test_the_callers_own_timeout_comes_through_as_it_is() -> None:
    @step
    async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
        await asyncio.Event().wait()
        return StopEvent()

    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.05):
            await Workflow("waits", [waits]).run()
    assert not isinstance(caught.value, WorkflowError)
