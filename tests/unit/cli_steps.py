"""Steps for a peer process that the command line talks to: ``--steps cli_steps`` with this folder on the path."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from blazen_nb import Context, StartEvent, StopEvent, step


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


@step(id="cli::waits")
async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
    print("started", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        Path(ev.file).write_text("cancelled")  # noqa: ASYNC240 - one small file, and then the end
    return StopEvent()
