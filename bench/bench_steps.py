"""The steps that are measured; a peer imports them with ``--steps bench_steps``."""

from __future__ import annotations

import asyncio

from payload import EVENTS, event_text

from blazen_nb import Context, Event, RefLifetime, StartEvent, StopEvent, step

_TEXTS = [event_text(number) for number in range(EVENTS)]
"""Made once: what is measured is the way of an event, not the making of its text."""


@step(id="bench::one_async")
async def one_async(event: StartEvent) -> StopEvent:
    return StopEvent(result={"x": event.x})


@step(id="bench::one_plain")
def one_plain(event: StartEvent) -> StopEvent:
    return StopEvent(result={"x": event.x})


@step(id="bench::emit")
async def emit(ctx: Context, event: StartEvent) -> StopEvent:
    for text in _TEXTS:
        ctx.write_event_to_stream(Event("Tick", text=text))
    return StopEvent(result=len(_TEXTS))


@step(id="bench::wait")
async def wait(event: StartEvent) -> StopEvent:
    await asyncio.sleep(1)
    return StopEvent(result=event.x)


@step(id="bench::refs")
def refs(ctx: Context, event: StartEvent) -> StopEvent:
    """So many values that stay here, for as long as the session does."""
    return StopEvent(result=[ctx.put({"number": number}) for number in range(event.n)])


@step(id="bench::hold")
def hold(ctx: Context, event: StartEvent) -> StopEvent:
    for number in range(event.count):
        ctx.put(number, lifetime=RefLifetime.UntilExplicitDrop)
    return StopEvent(result=event.count)
