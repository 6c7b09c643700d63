"""Steps that ask, and runs that wait for an answer."""

from __future__ import annotations

from typing import Any

import blazen_nb
from blazen_nb import (
    Context,
    InputRequestEvent,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowHandler,
    step,
)

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


async def question_of(handler: WorkflowHandler) -> InputRequestEvent:
    async for event in handler.stream_events():
        if isinstance(event, InputRequestEvent):
            return event
    raise AssertionError("the run asked nothing")


async def asked(*steps: Any, **settings: Any) -> tuple[WorkflowHandler, InputRequestEvent]:
    """A run that waits for an answer."""
    handler = await Workflow("asks", steps, **settings).run_with_handler()
    return handler, await question_of(handler)
