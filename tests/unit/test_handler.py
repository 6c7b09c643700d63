"""The grip on a run that was started: its result, its stream, answers, abort."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from blazen_nb import (
    Context,
    Event,
    InputRequestEvent,
    InputResponseEvent,
    StartEvent,
    StopEvent,
    TokenUsage,
    ValidationError,
    Workflow,
    WorkflowCancelledError,
    WorkflowError,
    WorkflowHandler,
    WorkflowResult,
    step,
)

SECONDS = 5.0


class Seen(Event):
    number: int


async def read(handler: WorkflowHandler) -> list[Event]:
    return [event async for event in handler.stream_events()]


@step(id="handler::speaks")
async def speaks(ctx: Context, ev: StartEvent) -> StopEvent:
    for number in range(ev.times):
        ctx.write_event_to_stream(Seen(number=number))
    return StopEvent(result=ev.times)


@step(id="handler::waits")
async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Waiting"))
    await asyncio.Event().wait()
    return StopEvent()


async def started_waiting() -> WorkflowHandler:
    handler = await Workflow("waits", [waits]).run_with_handler()
    async for _ in handler.stream_events():
        return handler
    raise AssertionError("the run ended")


# --- result --------------------------------------------------------------------------------------


async def test_the_result_may_be_awaited_in_every_way_and_any_number_of_times() -> None:
    handler = await Workflow("speaks", [speaks]).run_with_handler(times=1)
    async with asyncio.timeout(SECONDS):
        results = [await handler, await handler.result(), await handler.result()]
    assert all(isinstance(result, WorkflowResult) for result in results)
    assert [result.result for result in results] == [1, 1, 1]
    assert {result.run_id for result in results} == {handler.run_id}


async def test_a_caller_that_gives_up_takes_the_result_from_nobody() -> None:
    go_on = asyncio.Event()

    @step
    async def patient(ctx: Context, ev: StartEvent) -> StopEvent:
        await go_on.wait()
        return StopEvent(result="there")

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("patient", [patient]).run_with_handler()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(handler.result(), 0.01)
        go_on.set()
        assert (await handler.result()).result == "there"


async def test_a_failure_is_raised_each_time_it_is_asked_for() -> None:
    @step
    async def fails(ctx: Context, ev: StartEvent) -> StopEvent:
        raise LookupError("gone")

    handler = await Workflow("fails", [fails]).run_with_handler()
    for _ in range(2):
        with pytest.raises(WorkflowError, match="gone"):
            await handler.result()
    assert repr(handler) == "WorkflowHandler(fails, failed)"


# --- stream --------------------------------------------------------------------------------------


async def test_the_stream_is_complete_in_order_and_ends_with_the_run() -> None:
    handler = await Workflow("speaks", [speaks]).run_with_handler(times=1000)
    async with asyncio.timeout(SECONDS):
        events = await read(handler)
    assert [event.number for event in events] == list(range(1000))


async def test_events_can_be_read_while_the_step_that_wrote_them_still_runs() -> None:
    handler = await asyncio.wait_for(started_waiting(), SECONDS)
    assert repr(handler) == "WorkflowHandler(waits, running)"
    await handler.abort()


async def test_any_number_of_readers_get_everything_whenever_they_come() -> None:
    handler = await Workflow("speaks", [speaks]).run_with_handler(times=20)
    async with asyncio.timeout(SECONDS):
        early = await asyncio.gather(read(handler), read(handler))
        await handler.result()
        late = await read(handler)
    assert list(early) == [late, late]
    assert len(late) == 20


async def test_the_stream_of_a_run_that_fails_ends_too() -> None:
    @step
    def fails(ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(Event("Last"))
        raise LookupError

    handler = await Workflow("fails", [fails]).run_with_handler()
    async with asyncio.timeout(SECONDS):
        assert [event.event_type for event in await read(handler)] == ["Last"]


async def test_events_written_by_several_threads_at_once_are_all_there() -> None:
    @step
    def many(ctx: Context, ev: StartEvent) -> StopEvent:
        def write(start: int) -> None:
            for number in range(start, start + 200):
                ctx.write_event_to_stream(Event("Seen", number=number))

        threads = [threading.Thread(target=write, args=(start,)) for start in (0, 200, 400)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        return StopEvent()

    handler = await Workflow("many", [many]).run_with_handler()
    async with asyncio.timeout(SECONDS):
        events = await read(handler)
    assert sorted(event.number for event in events) == list(range(600))


async def test_what_is_written_after_the_end_is_dropped() -> None:
    kept: list[Context] = []

    @step
    async def ends(ctx: Context, ev: StartEvent) -> StopEvent:
        kept.append(ctx)
        return StopEvent()

    handler = await Workflow("ends", [ends]).run_with_handler()
    await handler.result()
    kept[0].write_event_to_stream(Event("Late"))
    kept[0].send_event(Event("Late"))
    assert await asyncio.wait_for(read(handler), SECONDS) == []


async def test_auto_publishing_shows_what_steps_emit_and_a_question_once() -> None:
    @step
    async def first(ctx: Context, ev: StartEvent) -> InputRequestEvent:
        ctx.send_event(Event("Side"))
        return InputRequestEvent(request_id="q", prompt="?")

    @step(accepts=["Side"])
    async def side(ctx: Context, ev: Event) -> None:
        return None

    @step
    async def second(ctx: Context, ev: InputResponseEvent) -> list[Event]:
        return [Event("Unseen"), StopEvent(result=ev.response)]

    workflow = Workflow("all", [first, side, second], auto_publish_events=True)
    handler = await workflow.run_with_handler()
    seen: list[str] = []
    async with asyncio.timeout(SECONDS):
        async for event in handler.stream_events():
            seen.append(event.event_type)
            if isinstance(event, InputRequestEvent):
                await handler.respond_to_input(event, "yes")
        assert (await handler.result()).result == "yes"
    assert seen == ["Side", "blazen::InputRequestEvent", "Unseen", "blazen::StopEvent"]


# --- a person answers ----------------------------------------------------------------------------


@step(id="handler::asks")
async def asks(ctx: Context, ev: StartEvent) -> Event:
    if ev.by_name:
        return Event("blazen::InputRequestEvent", request_id="q", prompt="?", metadata={"n": 1})
    return InputRequestEvent(request_id="q", prompt="?", metadata={"n": 1})


@step(id="handler::hears")
def hears(ctx: Context, ev: InputResponseEvent) -> StopEvent:
    return StopEvent(result=ev.to_dict())


@pytest.mark.parametrize("by_name", [True, False])
async def test_a_run_waits_for_an_answer_and_goes_on_with_it(by_name: bool) -> None:
    handler = await Workflow("asks", [asks, hears]).run_with_handler(by_name=by_name)
    async with asyncio.timeout(SECONDS):
        async for event in handler.stream_events():
            assert event.to_dict() == {"request_id": "q", "prompt": "?", "metadata": {"n": 1}}
            await handler.respond_to_input("q", {"go": True})
        result = await handler.result()
    assert result.result == {"request_id": "q", "response": {"go": True}}


async def test_an_answer_that_nobody_waits_for_is_refused() -> None:
    handler = await asyncio.wait_for(started_waiting(), SECONDS)
    with pytest.raises(ValidationError, match="does not wait for an answer to 'q'"):
        await handler.respond_to_input("q", 1)
    await handler.abort()


# --- abort ---------------------------------------------------------------------------------------


async def test_an_aborted_run_ends_as_cancelled_and_its_stream_with_it() -> None:
    async with asyncio.timeout(SECONDS):
        handler = await started_waiting()
        await handler.abort()
        with pytest.raises(WorkflowCancelledError, match="aborted") as caught:
            await handler.result()
        assert caught.value.run_id == handler.run_id
        assert len(await read(handler)) == 1
    assert repr(handler) == "WorkflowHandler(waits, cancelled)"


async def test_abort_returns_without_waiting_for_a_step_that_does_not_stop() -> None:
    inside, released = threading.Event(), threading.Event()

    @step
    def stuck(ctx: Context, ev: StartEvent) -> StopEvent:
        inside.set()
        released.wait(SECONDS)
        return StopEvent()

    handler = await Workflow("stuck", [stuck]).run_with_handler()
    try:
        assert await asyncio.to_thread(inside.wait, SECONDS)
        await handler.abort()
        assert "running" in repr(handler)
        # The step is left behind a second later.
        with pytest.raises(WorkflowCancelledError):
            await asyncio.wait_for(handler.result(), SECONDS)
        assert not released.is_set()
    finally:
        released.set()


async def test_aborting_what_has_ended_changes_nothing() -> None:
    handler = await Workflow("speaks", [speaks]).run_with_handler(times=0)
    await handler.result()
    await handler.abort()
    assert (await handler.result()).result == 0


# --- usage ---------------------------------------------------------------------------------------


async def test_usage_can_be_read_while_the_run_goes_on() -> None:
    @step
    async def spends(ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.record_usage(input_tokens=3, output_tokens=4, cost_usd=0.5)
        ctx.write_event_to_stream(Event("Spent"))
        await asyncio.Event().wait()
        return StopEvent()

    handler = await Workflow("spends", [spends]).run_with_handler()
    async with asyncio.timeout(SECONDS):
        async for _ in handler.stream_events():
            break
        total: Any = await handler.usage_total()
        assert total == TokenUsage(prompt_tokens=3, completion_tokens=4, total_tokens=7)
        assert await handler.cost_total_usd() == 0.5
        await handler.abort()
