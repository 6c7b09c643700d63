"""``handler.pause()`` and ``resume_in_place()``: real steps on a real loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from blazen_nb import (
    Context,
    Event,
    InputRequestEvent,
    InputResponseEvent,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowCancelledError,
    WorkflowTimeoutError,
    step,
)
from blazen_nb.engine import run as run_module
from tests.fake_clock import FakeClock

SECONDS = 5.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of every run that starts from now on."""
    clock = FakeClock()
    monkeypatch.setitem(run_module.Run.__init__.__kwdefaults__ or {}, "clock", clock)
    return clock


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


class Gates:
    """Two steps that wait to be let go, and what ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.inside, self.go = asyncio.Event(), asyncio.Event()
        gates = self

        @step(id="pause::first")
        async def first(ctx: Context, ev: StartEvent) -> Event:
            gates.inside.set()
            await gates.go.wait()
            gates.ran.append("first")
            return Event("Mid")

        @step(id="pause::second", accepts=["Mid"])
        async def second(ctx: Context, ev: Any) -> StopEvent:
            gates.ran.append("second")
            return StopEvent(result="end")

        self.steps = [first, second]


async def ended(handler: Any) -> bool:
    """Whether the run ends although it should not."""
    try:
        await asyncio.wait_for(handler.result(), 0.05)
    except TimeoutError:
        return False
    return True


async def test_a_paused_run_ends_the_step_it_has_and_starts_no_other_until_it_is_resumed() -> None:
    gates = Gates()
    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", gates.steps).run_with_handler()
        await gates.inside.wait()
        await handler.pause()
        gates.go.set()
        assert not await ended(handler)
        assert gates.ran == ["first"]
        await handler.resume_in_place()
        assert (await handler.result()).result == "end"


async def test_pause_returns_without_waiting_for_a_step_that_blocks_its_thread(
    released: threading.Event,
) -> None:
    inside = threading.Event()

    @step
    def blocks(ctx: Context, ev: StartEvent) -> StopEvent:
        inside.set()
        released.wait(SECONDS)
        return StopEvent(result=1)

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [blocks]).run_with_handler()
        await asyncio.to_thread(inside.wait, SECONDS)
        await handler.pause()
        assert not released.is_set()
        await handler.resume_in_place()
        released.set()
        assert (await handler.result()).result == 1


async def test_pausing_before_the_first_step_has_begun_lets_it_run_and_no_other() -> None:
    gates = Gates()
    gates.go.set()
    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", gates.steps).run_with_handler()
        await handler.pause()
        assert not await ended(handler)
        assert gates.ran == ["first"]
        await handler.abort()
        with pytest.raises(WorkflowCancelledError):
            await handler.result()


async def test_a_run_that_has_ended_can_be_paused_and_resumed_without_a_change() -> None:
    gates = Gates()
    gates.go.set()
    handler = await Workflow("w", gates.steps).run_with_handler()
    await handler.result()
    await handler.pause()
    await handler.resume_in_place()
    assert (await handler.result()).result == "end"


async def test_plain_and_async_steps_go_on_in_their_own_places_after_a_pause() -> None:
    on_main: list[bool] = []

    @step
    async def first(ctx: Context, ev: StartEvent) -> list[Event]:
        return [Event("Mid", n=n) for n in range(4)]

    @step(accepts=["Mid"])
    def plain(ctx: Context, ev: Any) -> Event:
        return Event("Done", on_main=threading.current_thread() is threading.main_thread())

    @step(accepts=["Mid"])
    async def on_loop(ctx: Context, ev: Any) -> Event:
        return Event("Done", on_main=threading.current_thread() is threading.main_thread())

    @step(accepts=["Done"])
    async def counts(ctx: Context, ev: Any) -> StopEvent | None:
        on_main.append(ev.on_main)
        return StopEvent(result=sorted(on_main)) if len(on_main) == 8 else None

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [first, plain, on_loop, counts]).run_with_handler()
        await handler.pause()
        assert not await ended(handler)
        assert on_main == []
        await handler.resume_in_place()
        assert (await handler.result()).result == [False] * 4 + [True] * 4


# --- what does not count for the timeout ---------------------------------------------------------


async def test_paused_time_does_not_count_for_the_workflows_timeout(clock: FakeClock) -> None:
    gates = Gates()
    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", gates.steps, timeout=10).run_with_handler()
        await gates.inside.wait()
        clock.advance(6)
        await handler.pause()
        clock.advance(60)
        await handler.resume_in_place()
        assert clock.pending() == [4.0]
        clock.advance(5)
        with pytest.raises(WorkflowTimeoutError, match="timed out after 10 s"):
            await handler.result()


async def test_the_time_that_a_person_takes_does_not_count_either(clock: FakeClock) -> None:
    @step
    async def asks(ctx: Context, ev: StartEvent) -> InputRequestEvent:
        clock.advance(6)
        return InputRequestEvent(request_id="q")

    @step
    async def hears(ctx: Context, ev: InputResponseEvent) -> StopEvent:
        return StopEvent(result=clock.pending())

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [asks, hears], timeout=10).run_with_handler()
        async for _ in handler.stream_events():
            clock.advance(3600)
            await handler.respond_to_input(InputResponseEvent(request_id="q", response=1))
        assert (await handler.result()).result == [4.0]


# --- speed and order -----------------------------------------------------------------------------


async def test_ten_thousand_events_are_complete_and_in_order_across_a_pause() -> None:
    @step
    def speaks(ctx: Context, ev: StartEvent) -> Event:
        for number in range(10_000):
            ctx.write_event_to_stream(Event("Seen", number=number))
        return Event("Mid")

    @step(accepts=["Mid"])
    async def ends(ctx: Context, ev: Any) -> StopEvent:
        return StopEvent()

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [speaks, ends]).run_with_handler()
        await handler.pause()
        numbers = []
        async for event in handler.stream_events():
            numbers.append(event.number)
            if len(numbers) == 10_000:
                await handler.resume_in_place()
    assert numbers == list(range(10_000))
