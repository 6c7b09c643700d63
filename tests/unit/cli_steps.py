"""Steps for a peer process that the command line talks to: ``--steps cli_steps`` with this folder on the path."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from blazen_nb import Context, Event, StartEvent, StopEvent, step


@step(id="cli::speaks")
def speaks(ctx: Context, ev: StartEvent) -> StopEvent:
    print("out", ev.to_dict())
    print("err", file=sys.stderr)
    return StopEvent(result={"ä": ev.to_dict()})


@step(id="cli::fails")
def fails(ctx: Context, ev: StartEvent) -> StopEvent:
    raise LookupError("no such row")


@step(id="cli::odd")
def odd(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=(1, b"x"))


@step(id="cli::tells")
def tells(ctx: Context, ev: StartEvent) -> StopEvent:
    """Everything that a run can tell, but for displays; ends once ``ev.gate`` is there."""
    print("first")
    for done in range(1, 101):
        ctx.progress(done, 100, "rows")
    ctx.write_event_to_stream(Event("Seen", n=1))
    print("no line end", end="", file=sys.stderr)
    gate = ev.to_dict().get("gate")
    while gate and not Path(gate).exists():
        time.sleep(0.01)
    ctx.write_event_to_stream(Event("Seen", n=2))
    print("last")
    return StopEvent(result={"rows": 100})


@step(id="cli::keeps")
def keeps(ctx: Context, ev: StartEvent) -> StopEvent:
    """A result that stays here by itself: it is no JSON, and too large to come along."""
    return StopEvent(result=bytearray(2 << 20))


@step(id="cli::waits")
async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
    print("started", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        Path(ev.file).write_text("cancelled")  # noqa: ASYNC240 - one small file, and then the end
    return StopEvent()
