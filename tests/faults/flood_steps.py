"""Steps that tell a lot, for a peer process: ``--steps flood_steps`` with this folder on the path."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from blazen_nb import Context, Event, StartEvent, StopEvent, step

ROW = 4_000
"""Characters of a line, its end included, and of an event's text."""


def row(number: int) -> str:
    """The line of this number, without its end."""
    return f"{number:09d} ".ljust(ROW - 1, "x")


@step(id="flood::prints")
def prints(ctx: Context, ev: StartEvent) -> StopEvent:
    """So many lines, once ``ev.gate`` is there."""
    _wait(ctx, ev.gate)
    for number in range(ev.rows):
        sys.stdout.write(row(number) + "\n")
    return StopEvent(result=ev.rows)


@step(id="flood::events")
def events(ctx: Context, ev: StartEvent) -> StopEvent:
    """So many events, once ``ev.gate`` is there."""
    _wait(ctx, ev.gate)
    for number in range(ev.rows):
        ctx.write_event_to_stream(Event("Row", n=number, text=row(number)))
    return StopEvent(result=ev.rows)


@step(id="flood::double")
def double(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ev.x * 2)


def _wait(ctx: Context, gate: str) -> None:
    while not Path(gate).exists():
        ctx.check_cancelled()
        time.sleep(0.005)
