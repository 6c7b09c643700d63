"""A workflow of six steps with a fan-out, for peers that are killed: every step leaves a line where it ran.

The file is opened for appending and written with one call, so that no line is lost or torn by a kill.
"""

from __future__ import annotations

import os
import time
from typing import Any

from blazen_nb import Context, Event, StartEvent, StopEvent, step

WIDTH = 4


def note(ctx: Context, event: Any, name: str) -> None:
    """A line for this attempt: run, step, call, attempt."""
    call = ctx._attempt.call
    line = f"{ctx.run_id()} durable::{name} {call} {ctx.attempt}\n".encode()
    descriptor = os.open(event.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, line)
    os.close(descriptor)
    time.sleep(event.pause)


@step(id="durable::first")
def first(ctx: Context, event: StartEvent) -> Event:
    note(ctx, event, "first")
    ctx.state.set("x", event.x)
    return Event("Planned", x=event.x, file=event.file, pause=event.pause)


@step(id="durable::plan", accepts=["Planned"])
async def plan(ctx: Context, event: Event) -> list[Event]:
    note(ctx, event, "plan")
    fields = {"file": event.file, "pause": event.pause}
    return [Event("Part", part=part, x=event.x, **fields) for part in range(WIDTH)]


@step(id="durable::work", accepts=["Part"])
def work(ctx: Context, event: Event) -> Event:
    note(ctx, event, "work")
    print("worked on", event.part)
    return Event(
        "Worked", part=event.part, value=event.x * event.part, file=event.file, pause=event.pause
    )


@step(id="durable::gather", accepts=["Worked"], max_concurrency=1)
def gather(ctx: Context, event: Event) -> Event | None:
    note(ctx, event, "gather")
    seen = {**ctx.state.get("seen", {}), str(event.part): event.value}
    ctx.state.set("seen", seen)
    if len(seen) < WIDTH:
        return None
    return Event("Gathered", total=sum(seen.values()), file=event.file, pause=event.pause)


@step(id="durable::check", accepts=["Gathered"])
async def check(ctx: Context, event: Event) -> Event:
    note(ctx, event, "check")
    return Event("Checked", total=event.total, file=event.file, pause=event.pause)


@step(id="durable::last", accepts=["Checked"])
def last(ctx: Context, event: Event) -> StopEvent:
    note(ctx, event, "last")
    return StopEvent(result=event.total + ctx.state.get("x"))
