"""``ctx.ask()`` and ``ctx.aask()`` of runs in this process, and ``blazen_nb.ask()`` outside of them."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Callable
from typing import Any

import pytest

import blazen_nb
from blazen_nb import (
    Context,
    Event,
    InputRequestEvent,
    InputResponseEvent,
    StartEvent,
    StopEvent,
    ValidationError,
    Workflow,
    WorkflowCancelledError,
    WorkflowError,
    WorkflowHandler,
    WorkflowTimeoutError,
    step,
)
from blazen_nb.engine import run as run_module
from blazen_nb.engine.workers import shared_pool
from blazen_nb.errors import InputTimeoutError
from blazen_nb.updates import InputClosed, InputRequested
from tests.eventually import eventually
from tests.fake_clock import FakeClock

SECONDS = 5.0
RANGE = {"type": "integer", "minimum": 1, "maximum": 10}


@step(id="asking::plain")
def plain(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ctx.ask("How many?", RANGE))


@step(id="asking::awaits")
async def awaits(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=await ctx.aask("How many?", RANGE))


@step(id="asking::by_module")
def by_module(ev: StartEvent) -> StopEvent:
    return StopEvent(result=blazen_nb.ask("How many?", RANGE))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of every run that starts from now on."""
    clock = FakeClock()
    monkeypatch.setitem(run_module.Run.__init__.__kwdefaults__ or {}, "clock", clock)
    return clock


async def question_of(handler: WorkflowHandler) -> InputRequestEvent:
    async for event in handler.stream_events():
        if isinstance(event, InputRequestEvent):
            return event
    raise AssertionError("the run asked nothing")


async def asked(*steps: Any, **settings: Any) -> tuple[WorkflowHandler, InputRequestEvent]:
    """A run that waits for an answer."""
    handler = await Workflow("asks", steps, **settings).run_with_handler()
    return handler, await question_of(handler)


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


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
async def test_a_time_that_is_none_is_refused(timeout: float) -> None:
    @step(id="asking::untimely")
    async def untimely(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ctx.aask("?", timeout=timeout))

    handler = await Workflow("w", [untimely], timeout=SECONDS).run_with_handler()
    with pytest.raises(WorkflowError, match="seconds above 0"):
        await handler


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


# --- outside of steps ----------------------------------------------------------------------------

Typing = Callable[..., list[str]]


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Typing:
    """Has these lines typed; gives the list of prompts that were shown."""

    def typing(*lines: str) -> list[str]:
        prompts: list[str] = []
        left = iter(lines)

        def typed(prompt: str) -> str:
            prompts.append(prompt)
            line = next(left, None)
            if line is None:
                raise EOFError
            return line

        monkeypatch.setattr(builtins, "input", typed)
        return prompts

    return typing


def test_outside_of_a_step_a_question_is_typed_until_it_fits(typing: Typing) -> None:
    prompts = typing("99", "7")
    assert blazen_nb.ask("How many?", RANGE) == 7
    assert prompts == [
        "How many? (a whole number from 1 to 10) ",
        "It must be a whole number from 1 to 10, not 99.\nHow many? (a whole number from 1 to 10) ",
    ]


def test_choices_and_defaults_are_shown_and_an_empty_line_is_the_default(typing: Typing) -> None:
    prompts = typing("", "")
    assert blazen_nb.ask("Go on?", ["yes", "no"], default="no") == "no"
    assert blazen_nb.ask("Name?") == ""
    assert prompts == ["Go on? (yes, no) [no] ", "Name? "]


def test_an_object_is_typed_field_by_field(typing: Typing) -> None:
    form = {
        "properties": {
            "epochs": {**RANGE, "title": "Epochs", "description": "how often"},
            "keep": bool,
            "note": str,
        },
        "required": ["epochs"],
    }
    prompts = typing("", "3", "y", "")
    assert blazen_nb.ask("Train?", form) == {"epochs": 3, "keep": True}
    assert prompts == [
        "Train?\nEpochs (how often; a whole number from 1 to 10) ",
        "It is needed.\nTrain?\nEpochs (how often; a whole number from 1 to 10) ",
        "keep (yes or no) ",
        "note ",
    ]


def test_outside_of_a_step_without_input_or_with_a_timeout_it_is_refused(typing: Typing) -> None:
    typing()
    with pytest.raises(ValidationError, match="nobody can be asked 'Name\\?' here"):
        blazen_nb.ask("Name?")
    with pytest.raises(ValidationError, match="leave timeout out"):
        blazen_nb.ask("Name?", timeout=1)
