"""Code written for Blazen's Python API runs here with one changed import."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import blazen_nb as blazen
from blazen_nb import Context, Event, StartEvent, StopEvent, Workflow, step

SECONDS = 5.0


class GreetEvent(blazen.Event):
    name: str


class CountEvent(blazen.Event):
    pass


async def test_a_chain_of_typed_steps() -> None:
    @blazen.step
    async def parse(ctx: blazen.Context, ev: blazen.StartEvent) -> GreetEvent:
        return GreetEvent(name=ev.name or "World")

    @blazen.step
    def greet(ctx: blazen.Context, ev: GreetEvent) -> blazen.StopEvent:
        return blazen.StopEvent(result={"greeting": f"Hello, {ev.name}!"})

    wf = blazen.Workflow("greeter", [parse, greet], timeout=SECONDS)
    result = await wf.run(name="Blazen")
    assert result.event_type == "blazen::StopEvent"
    assert result.event.to_dict() == {"result": {"greeting": "Hello, Blazen!"}}
    assert result.result["greeting"] == "Hello, Blazen!"


async def test_steps_that_name_their_events_by_text_and_take_any_event() -> None:
    @step
    async def start(ctx: Context, ev: Event) -> Event:
        assert ev.event_type == "blazen::StartEvent"
        return Event("Analyze", text=ev.text)

    @step(accepts=["Analyze"], emits=["blazen::StopEvent"], max_concurrency=2)
    async def analyze(ctx: Context, ev: Event) -> Event:
        return Event("blazen::StopEvent", result=len(ev.text))

    result = await Workflow("by name", [start, analyze], timeout=SECONDS).run(text="four")
    assert result.result == 4


async def test_steps_without_annotations() -> None:
    @step
    async def echo(ctx, ev):  # type: ignore[no-untyped-def]
        return StopEvent(result=ev.to_dict())

    assert (await Workflow("echo", [echo]).run(message="hi")).result == {"message": "hi"}


async def test_fan_out_with_a_counter_in_the_context() -> None:
    @step
    def scatter(ctx: Context, ev: StartEvent) -> list[CountEvent]:
        ctx.set("expected", 5)
        ctx.set("seen", [])
        return [CountEvent(n=n) for n in range(5)]

    @step(max_concurrency=1)
    def gather(ctx: Context, ev: CountEvent) -> StopEvent | None:
        seen = [*ctx.get("seen"), ev.n]
        ctx.set("seen", seen)
        return StopEvent(result=sorted(seen)) if len(seen) == ctx.get("expected") else None

    result = await Workflow("scatter-gather", [scatter, gather], timeout=SECONDS).run()
    assert result.result == [0, 1, 2, 3, 4]


async def test_streaming_beside_the_result() -> None:
    @step
    async def work(ctx: Context, ev: StartEvent) -> StopEvent:
        for n in range(3):
            ctx.write_event_to_stream(Event("Progress", n=n))
            await asyncio.sleep(0)
        return StopEvent(result="done")

    handler = await Workflow("streams", [work]).run_with_handler()
    seen = [event.n async for event in handler.stream_events()]
    result = await handler.result()
    assert (seen, result.result) == ([0, 1, 2], "done")


async def test_a_person_in_the_loop() -> None:
    @step
    async def ask(ctx: Context, ev: StartEvent) -> blazen.InputRequestEvent:
        return blazen.InputRequestEvent(
            request_id="name", prompt="Who are you?", metadata={"kind": "text"}
        )

    @step
    async def hear(ctx: Context, ev: blazen.InputResponseEvent) -> StopEvent:
        return StopEvent(result=f"Hello, {ev.response}")

    handler = await Workflow("asks", [ask, hear], timeout=SECONDS).run_with_handler()
    async for event in handler.stream_events():
        if event.event_type == "blazen::InputRequestEvent":
            await handler.respond_to_input(event.request_id, "Ada")
    assert (await handler.result()).result == "Hello, Ada"


async def test_a_builder_with_every_setting_that_is_there() -> None:
    @step
    async def count(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ctx.run_id())

    workflow = (
        blazen.WorkflowBuilder("built")
        .step(count)
        .timeout(30.0)
        .step_timeout(10.0)
        .retry_config(blazen.RetryConfig(max_retries=2, initial_delay_ms=10))
        .auto_publish_events(True)
        .build()
    )
    result = await workflow.run()
    assert result.result == result.run_id


async def test_errors_carry_blazens_names_and_the_steps_message() -> None:
    @step
    async def fails(ctx: Context, ev: StartEvent) -> StopEvent:
        raise ValueError("bad input: 42")

    @step
    async def slow(ctx: Context, ev: StartEvent) -> StopEvent:
        await asyncio.sleep(30)
        return StopEvent()

    with pytest.raises(blazen.BlazenError, match="bad input: 42"):
        await Workflow("fails", [fails]).run()
    with pytest.raises(blazen.TimeoutError, match="timed out"):
        await Workflow("slow", [slow], timeout=0.05).run()
    handler = await Workflow("slow", [slow]).run_with_handler()
    await handler.abort()
    with pytest.raises(blazen.WorkflowError):
        await asyncio.wait_for(handler.result(), SECONDS)


async def test_live_objects_between_steps_in_the_session() -> None:
    class Model:
        def predict(self, x: int) -> int:
            return x * 3

    model = Model()

    @step
    async def load(ctx: Context, ev: StartEvent) -> Event:
        ctx.session.set("model", model)
        ctx.state["inputs"] = [1, 2]
        return Event("Loaded", model=model)

    @step(accepts=["Loaded"])
    async def predict(ctx: Context, ev: Any) -> StopEvent:
        loaded = ctx.session["model"]
        assert loaded is ev.model is model
        return StopEvent(result=[loaded.predict(x) for x in ctx.state["inputs"]])

    assert (await Workflow("models", [load, predict]).run()).result == [3, 6]
