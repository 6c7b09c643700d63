"""A five-step workflow with fan-out, a retry and a question; as a script it stores a run, or brings one to its end.

``start FILE MOMENT`` runs it until step MOMENT is at work, writes a snapshot and leaves; ``resume FILE`` goes on from
there. Both print the calls that ended, and the latter the result, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from blazen_nb import (
    Context,
    Event,
    InputRequestEvent,
    InputResponseEvent,
    RetryConfig,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowHandler,
    step,
)

ENDED: list[str] = []
"""Calls that ran to their end in this process."""
hold_at = ""
"""The step that waits for ever once it is at work."""
at_work = asyncio.Event()


class Part(Event):
    number: int

    def squared(self) -> int:
        return int(self.number**2)


class Done(Event):
    number: int
    square: int


class Total(Event):
    total: int


async def hold(name: str) -> None:
    if hold_at == name:
        at_work.set()
        await asyncio.Event().wait()


def ended(ctx: Context) -> None:
    ENDED.append(f"{ctx.step_id}#{ctx.call}")


@step(id="flow::split")
async def split(ctx: Context, ev: StartEvent) -> list[Part]:
    ctx.state["expected"] = ev.parts
    ctx.state["pair"] = (1, b"two")
    await hold("split")
    ended(ctx)
    return [Part(number=number) for number in range(ev.parts)]


@step(
    id="flow::work",
    max_concurrency=2,
    retry=RetryConfig(max_retries=1, initial_delay_ms=10, jitter=False),
)
async def work(ctx: Context, ev: Part) -> Done:
    tries = ctx.get(f"_tries{ev.number}", 0) + 1
    ctx.set(f"_tries{ev.number}", tries)
    if ev.number == 1:
        await hold("work")
        if tries == 1:
            raise OSError("the first try fails")
    ended(ctx)
    return Done(number=ev.number, square=ev.squared())


@step(id="flow::join")
async def join(ctx: Context, ev: Done) -> Total | None:
    ctx.state[f"square{ev.number}"] = ev.square
    found = [ctx.state.get(f"square{number}") for number in range(ctx.state["expected"])]
    await hold("join")
    ended(ctx)
    if None in found or ctx.get("_joiner", ctx.call) != ctx.call:
        return None
    ctx.set("_joiner", ctx.call)  # the first that sees them all, also when it is run again
    return Total(total=sum(found))


@step(id="flow::ask")
async def ask(ctx: Context, ev: Total) -> InputRequestEvent:
    ctx.state["total"] = ev.total
    ctx.record_usage(input_tokens=5)
    await hold("ask")
    ended(ctx)
    return InputRequestEvent(request_id="sure", prompt=f"Is {ev.total} right?")


@step(id="flow::finish")
async def finish(ctx: Context, ev: InputResponseEvent) -> StopEvent:
    await hold("finish")
    ended(ctx)
    pair = ctx.state["pair"]
    return StopEvent(result=[ctx.state["total"], ev.response, pair[0], pair[1].decode()])


STEPS = [split, work, join, ask, finish]


async def start(moment: str) -> str:
    global hold_at
    hold_at = moment
    handler = await Workflow("flow", STEPS, timeout=30).run_with_handler(parts=4)
    if moment == "question":
        async for _ in handler.stream_events():
            break
    else:
        answers = asyncio.create_task(answer(handler))
        await at_work.wait()
        answers.cancel()
    await handler.pause()
    return await handler.snapshot()


async def answer(handler: WorkflowHandler) -> None:
    async for event in handler.stream_events():
        await handler.respond_to_input(event.request_id, "yes")


async def resume(snapshot: str) -> dict[str, Any]:
    handler = await Workflow.resume(snapshot, STEPS)
    answers = asyncio.create_task(answer(handler))
    result = await handler
    await answers
    spent = result.usage_total.prompt_tokens
    return {"result": result.result, "tokens": spent}


if __name__ == "__main__":
    command, file, *moment = sys.argv[1:]
    told: dict[str, Any] = {}
    if command == "start":
        Path(file).write_text(asyncio.run(start(*moment)))
    else:
        told = asyncio.run(resume(Path(file).read_text()))
    print(json.dumps({"ended": ENDED, **told}))
