"""Steps for peers in a process of their own: ``blazen-nb serve --steps served_steps`` in this folder."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from blazen_nb import Context, Event, StartEvent, StopEvent, step


@step(id="served::double")
def double(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ev.x * 2)


@step(id="served::blocks_its_loop")
async def blocks_its_loop(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Blocking"))
    time.sleep(ev.seconds)  # noqa: ASYNC251 - the mistake that this is about
    return StopEvent(result="slept")


@step(id="served::burns")
async def burns(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Blocking"))
    deadline = time.monotonic() + ev.seconds
    while time.monotonic() < deadline:
        pass
    return StopEvent(result="burnt")


@step(id="served::sorts")
async def sorts(ctx: Context, ev: StartEvent) -> StopEvent:
    """One call into C that keeps the interpreter to itself."""
    numbers = [(i * 7919) % 1_000_003 for i in range(ev.n)]
    ctx.write_event_to_stream(Event("Blocking"))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    numbers.sort()
    return StopEvent(result=time.monotonic() - began)


@step(id="served::talks")
def talks(ctx: Context, ev: StartEvent) -> StopEvent:
    for i in range(ev.lines):
        print(i, flush=True)
        time.sleep(0.01)
    return StopEvent()


@step(id="served::waits")
def waits(ctx: Context, ev: StartEvent) -> StopEvent:
    """Waits for a file, and leaves one that says how that went."""
    folder = Path(ev.folder)
    ctx.write_event_to_stream(Event("Waiting"))
    try:
        while not (folder / "go").exists():
            ctx.check_cancelled()
            time.sleep(0.005)
    except BaseException as error:
        (folder / "told").write_text(type(error).__name__)
        raise
    (folder / "done").write_text(str(os.getpid()))
    return StopEvent(result="went on" * getattr(ev, "times", 1))
