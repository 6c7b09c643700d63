"""``ctx.ask()`` and ``ctx.aask()`` of runs in this process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from blazen_nb import (
    Context,
    Event,
    InputRequestEvent,
    InputResponseEvent,
    StartEvent,
    StopEvent,
    ValidationError,
    Workflow,
    WorkflowError,
    step,
)
from blazen_nb.engine.workers import shared_pool
from blazen_nb.updates import InputClosed, InputRequested
from tests.unit.asking_steps import RANGE, asked, awaits, by_module, plain

SECONDS = 5.0


@pytest.mark.parametrize("asks", [plain, awaits, by_module])
async def test_a_step_gets_the_answer_as_a_value_and_a_wrong_one_leaves_the_question_open(
    asks: Any,
) -> None:
    async with asyncio.timeout(SECONDS):
        handler, question = await asked(asks)
        assert (question.prompt, question.metadata) == ("How many?", {"schema": RANGE})
        with pytest.raises(ValidationError, match="whole number from 1 to 10, not 'x'"):
            await handler.respond_to_input(question, "x")
        await handler.respond_to_input(question, 7.0)
        assert (await handler).result == 7
        with pytest.raises(ValidationError, match="does not wait"):
            await handler.respond_to_input(question, 7)


async def test_free_text_may_be_answered_with_anything() -> None:
    @step(id="asking::free")
    async def free(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.aask("Well?"))

    async with asyncio.timeout(SECONDS):
        handler, question = await asked(free)
        assert question.metadata is None
        await handler.respond_to_input(question, {"any": ["thing"]})
        assert (await handler).result == {"any": ["thing"]}


async def test_a_bad_schema_is_an_error_of_the_step_and_nothing_is_asked() -> None:
    @step(id="asking::badly")
    def badly(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ctx.ask("?", {"type": "array"}))

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [badly]).run_with_handler()
        with pytest.raises(WorkflowError, match="supported are") as caught:
            await handler
        assert isinstance(caught.value.__cause__, ValidationError)
        assert [event async for event in handler.stream_events()] == []


async def test_where_nobody_follows_the_run_nobody_can_be_asked() -> None:
    with pytest.raises(WorkflowError, match=r"nobody can be asked.*run_with_handler"):
        await Workflow("w", [awaits], timeout=SECONDS).run()


async def test_ask_in_an_async_step_is_refused_for_it_would_block_the_answer() -> None:
    @step(id="asking::blocks")
    async def blocks(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ctx.ask("?"))

    handler = await Workflow("w", [blocks], timeout=SECONDS).run_with_handler()
    with pytest.raises(WorkflowError, match=r"await ctx\.aask"):
        await handler


async def test_an_async_step_may_ask_from_a_thread_of_its_own() -> None:
    @step(id="asking::threaded")
    async def threaded(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await asyncio.to_thread(ctx.ask, "?"))

    async with asyncio.timeout(SECONDS):
        handler, question = await asked(threaded)
        await handler.respond_to_input(question, 1)
        assert (await handler).result == 1


async def test_a_step_may_ask_two_things_at_once() -> None:
    @step(id="asking::both")
    async def both(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await asyncio.gather(ctx.aask("one"), ctx.aask("two")))

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [both]).run_with_handler()
        questions = []
        async for event in handler.stream_events():
            questions.append(event)
            if len(questions) == 2:
                break
        for question in reversed(questions):
            await handler.respond_to_input(question.request_id, question.prompt)
        assert (await handler).result == ["one", "two"]


async def test_an_async_step_that_asks_leaves_its_loop_to_the_others() -> None:
    @step(id="asking::fans")
    async def fans(ctx: Context, ev: StartEvent) -> list[Event]:
        return [Event("Ask"), Event("Other")]

    @step(id="asking::asks", accepts=["Ask"])
    async def asks(ctx: Context, ev: Any) -> Event:
        return Event("Heard", text=await ctx.aask("?"))

    @step(id="asking::other", accepts=["Other"])
    async def other(ctx: Context, ev: Any) -> None:
        ctx.write_event_to_stream(Event("OtherRan"))

    @step(id="asking::hears", accepts=["Heard"])
    async def hears(ctx: Context, ev: Any) -> StopEvent:
        return StopEvent(result=ev.text)

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [fans, asks, other, hears]).run_with_handler()
        seen: dict[str, Event] = {}
        async for event in handler.stream_events():
            seen[event.event_type] = event
            if len(seen) == 2:
                break
        await handler.respond_to_input(seen["blazen::InputRequestEvent"].request_id, "heard")
        assert (await handler).result == "heard"


async def test_more_steps_may_wait_for_answers_than_there_are_threads() -> None:
    many = shared_pool._size + 8

    @step(id="asking::split")
    async def split(ctx: Context, ev: StartEvent) -> list[Event]:
        return [Event("Each", n=n) for n in range(many)]

    @step(id="asking::each", accepts=["Each"])
    def each(ctx: Context, ev: Any) -> Event:
        return Event("Done", n=ctx.ask(str(ev.n), int))

    @step(id="asking::join", accepts=["Done"])
    async def join(ctx: Context, ev: Any) -> StopEvent | None:
        got = ctx.session.get("got") or []
        ctx.session["got"] = got = [*got, ev.n]
        return StopEvent(result=sorted(got)) if len(got) == many else None

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [split, each, join]).run_with_handler()
        questions: list[Any] = []
        async for event in handler.stream_events():
            questions.append(event)
            if len(questions) == many:
                break
        for question in questions:
            await handler.respond_to_input(question, int(question.prompt))
        assert (await handler).result == list(range(many))


async def test_the_history_tells_of_the_question_and_of_its_answer() -> None:
    async with asyncio.timeout(SECONDS):
        handler, question = await asked(awaits, history=True)
        await handler.respond_to_input(question, 2)
        told = [u for u in (await handler).history if isinstance(u, InputRequested | InputClosed)]
    assert [(type(u).__name__, u.request_id) for u in told] == [
        ("InputRequested", question.request_id),
        ("InputClosed", question.request_id),
    ]
    assert told[1].how == "answered"  # type: ignore[union-attr]


async def test_a_schema_in_the_metadata_of_a_returned_question_binds_its_answer_too() -> None:
    @step(id="asking::returns")
    async def returns(ctx: Context, ev: StartEvent) -> InputRequestEvent:
        return InputRequestEvent(request_id="q", prompt="?", metadata={"schema": RANGE})

    @step(id="asking::takes")
    async def takes(ctx: Context, ev: InputResponseEvent) -> StopEvent:
        return StopEvent(result=ev.response)

    async with asyncio.timeout(SECONDS):
        handler, question = await asked(returns, takes)
        with pytest.raises(ValidationError, match="from 1 to 10"):
            await handler.respond_to_input(question, 11)
        await handler.respond_to_input(question, 10)
        assert (await handler).result == 10
