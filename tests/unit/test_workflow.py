"""``await Workflow.run()``: where steps run on the caller's loop, and how events go between them."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from blazen_nb import (
    Context,
    Event,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowError,
    step,
)

SECONDS = 5.0


class Part(Event):
    number: int


class Done(Event):
    number: int


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What plain steps block on; set at the end, so that none is left."""
    event = threading.Event()
    yield event
    event.set()


# --- where steps run -----------------------------------------------------------------------------


async def test_async_steps_run_on_the_callers_loop_and_plain_ones_beside_it() -> None:
    seen: dict[str, Any] = {}

    @step
    async def first(ctx: Context, ev: StartEvent) -> Part:
        seen["loop"] = asyncio.get_running_loop()
        return Part(number=ev.x)

    @step
    def second(ctx: Context, ev: Part) -> StopEvent:
        seen["thread"] = threading.current_thread()
        return StopEvent(result=ev.number + 1)

    result = await Workflow("mixed", [first, second]).run(x=1)
    assert result.result == 2
    assert seen["loop"] is asyncio.get_running_loop()
    assert seen["thread"] is not threading.current_thread()


async def test_a_plain_step_that_blocks_holds_up_no_loop(released: threading.Event) -> None:
    blocked = asyncio.Event()
    loop = asyncio.get_running_loop()

    @step
    def blocks(ctx: Context, ev: StartEvent) -> StopEvent:
        loop.call_soon_threadsafe(blocked.set)
        assert released.wait(SECONDS)
        return StopEvent(result="free")

    async with asyncio.timeout(SECONDS):
        running = asyncio.create_task(Workflow("blocks", [blocks]).run())
        await blocked.wait()
        released.set()
        assert (await running).result == "free"


asked_by: contextvars.ContextVar[str] = contextvars.ContextVar("asked_by", default="nobody")


async def test_steps_see_the_callers_context_variables_and_change_only_their_own() -> None:
    @step
    async def first(ctx: Context, ev: StartEvent) -> Part:
        seen = asked_by.get()
        asked_by.set("first")
        return Part(number=0, seen=seen)

    @step
    def second(ctx: Context, ev: Part) -> StopEvent:
        return StopEvent(result=[ev.seen, asked_by.get()])

    token = asked_by.set("me")
    try:
        result = await Workflow("variables", [first, second]).run()
        assert result.result == ["me", "me"]
        assert asked_by.get() == "me"
    finally:
        asked_by.reset(token)


async def test_runs_of_one_workflow_at_once_know_nothing_of_each_other() -> None:
    @step
    async def first(ctx: Context, ev: StartEvent) -> Part:
        ctx.set("x", ev.x)
        await asyncio.sleep(0)
        return Part(number=ev.x)

    @step
    def second(ctx: Context, ev: Part) -> StopEvent:
        return StopEvent(result=(ctx.get("x"), ev.number))

    workflow = Workflow("many", [first, second])
    async with asyncio.timeout(SECONDS):
        results = await asyncio.gather(*(workflow.run(x=x) for x in range(50)))
    assert [result.result for result in results] == [(x, x) for x in range(50)]
    assert len({result.run_id for result in results}) == 50


# --- fan-out, routing, ends ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, tuple])
async def test_a_list_of_events_fans_out_and_comes_together_again(kind: type) -> None:
    @step
    async def split(ctx: Context, ev: StartEvent) -> list[Part]:
        ctx.session["sum"] = []
        made: list[Part] = kind(Part(number=n) for n in range(ev.parts))
        return made

    @step
    async def work(ctx: Context, ev: Part) -> Done:
        return Done(number=ev.number * 2)

    @step
    async def join(ctx: Context, ev: Done) -> StopEvent | None:
        numbers = ctx.session["sum"]
        numbers.append(ev.number)
        return StopEvent(result=sum(numbers)) if len(numbers) == 100 else None

    result = await Workflow("fan-out", [split, work, join], timeout=SECONDS).run(parts=100)
    assert result.result == sum(range(0, 200, 2))


async def test_an_event_starts_every_step_that_accepts_it() -> None:
    @step
    async def split(ctx: Context, ev: StartEvent) -> Part:
        return Part(number=3)

    @step
    async def left(ctx: Context, ev: Part) -> Done:
        return Done(number=ev.number + 1)

    @step
    def right(ctx: Context, ev: Part) -> Done:
        return Done(number=ev.number * 10)

    @step
    async def join(ctx: Context, ev: Done) -> StopEvent | None:
        numbers = [*ctx.get("numbers", []), ev.number]
        ctx.set("numbers", numbers)
        return StopEvent(result=sorted(numbers)) if len(numbers) == 2 else None

    result = await Workflow("both", [split, left, right, join], timeout=SECONDS).run()
    assert result.result == [4, 30]


async def test_an_event_of_a_class_that_was_defined_again_still_finds_its_step() -> None:
    old: type[Event] = type("Again", (Event,), {})
    new: type[Event] = type("Again", (Event,), {})

    @step
    async def first(ctx: Context, ev: StartEvent) -> Event:
        return old(x=1)

    @step(accepts=[new])
    async def second(ctx: Context, ev: Any) -> StopEvent:
        return StopEvent(result=ev.x)

    assert (await Workflow("again", [first, second]).run()).result == 1


async def test_the_first_stop_event_is_the_result_and_who_still_runs_is_cancelled() -> None:
    waiting, cancelled = asyncio.Event(), asyncio.Event()

    @step
    async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return StopEvent()

    @step
    async def wins(ctx: Context, ev: StartEvent) -> StopEvent:
        await waiting.wait()
        return StopEvent(result="won")

    async with asyncio.timeout(SECONDS):
        assert (await Workflow("race", [waits, wins]).run()).result == "won"
        await cancelled.wait()


async def test_a_run_in_which_nothing_can_happen_fails_and_says_what_waited_for_what() -> None:
    @step(id="stall::first")
    async def first(ctx: Context, ev: StartEvent) -> Event:
        return Event("Nobody")

    @step(id="stall::second")
    async def second(ctx: Context, ev: Part) -> StopEvent:
        return StopEvent()

    with pytest.raises(WorkflowError) as caught:
        await Workflow("stall", [first, second]).run()
    assert "no step accepts Nobody" in str(caught.value)
    assert "stall::second waits for Part" in str(caught.value)


@pytest.mark.parametrize("returned", [3, "text", {"result": 1}, [StopEvent(), 1]])
async def test_a_step_that_returns_no_event_fails_and_is_told_what_to_return(returned: Any) -> None:
    @step(id="returns::wrong")
    async def wrong(ctx: Context, ev: StartEvent) -> Any:
        return returned

    with pytest.raises(WorkflowError, match=r"returns::wrong.*return an Event, a list of Events"):
        await Workflow("wrong", [wrong]).run()


async def test_live_objects_pass_through_events_by_identity() -> None:
    lock = threading.Lock()

    @step
    async def first(ctx: Context, ev: StartEvent) -> Event:
        return Event("Live", lock=lock, call=lambda x: x + 1)

    @step(accepts=["Live"])
    def second(ctx: Context, ev: Any) -> StopEvent:
        return StopEvent(result={"lock": ev.lock, "called": ev.call(1)})

    result = await Workflow("live", [first, second]).run()
    assert result.result["lock"] is lock
    assert result.result["called"] == 2


async def test_input_that_is_not_json_is_refused_before_anything_runs() -> None:
    ran: list[int] = []

    @step
    async def never(ctx: Context, ev: StartEvent) -> StopEvent:
        ran.append(1)
        return StopEvent()

    with pytest.raises(TypeError, match="outside an active workflow step"):
        await Workflow("refused", [never]).run(lock=threading.Lock())
    assert ran == []
