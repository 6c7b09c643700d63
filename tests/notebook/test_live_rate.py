"""How often a run's card changes, and how much it sends, also with a thousand calls."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from tests.notebook.kernels import Kernel
from tests.notebook.outcome import Outcome

FAN_OUT = """%%blazen_remote -o counted
import asyncio
from blazen_nb import Context, Event, StartEvent, StopEvent, step

class Part(Event):
    n: int

class Done(Event):
    n: int

@step
async def split(ctx: Context, ev: StartEvent) -> list[Part]:
    ctx.session["done"] = []
    return [Part(n=n) for n in range(1_000)]

@step(max_concurrency=20)
async def work(ctx: Context, ev: Part) -> Done:
    print("part", ev.n)
    await asyncio.sleep(0.02)
    return Done(n=ev.n)

@step
async def gather(ctx: Context, ev: Done) -> StopEvent | None:
    done = ctx.session["done"]
    done.append(ev.n)
    ctx.progress(len(done), 1_000, "parts")
    return StopEvent(result=len(done)) if len(done) == 1_000 else None
"""


def changes(cell: Outcome) -> dict[str, list[datetime]]:
    """When each part of the card changed."""
    sent = defaultdict(list)
    for comm in cell.comms:
        if comm.kind == "comm_msg" and "value" in comm.state:
            sent[comm.comm_id].append(comm.sent)
    return sent


def test_a_thousand_calls_change_no_part_of_the_card_more_than_ten_times_a_second(
    kernel: Kernel,
) -> None:
    cell = kernel.run(FAN_OUT)
    assert (cell.status, kernel.run("counted.result").text) == ("ok", "1000")
    sent = changes(cell)
    assert len(sent) == 5  # head, steps, meters, output, status
    assert cell.seconds > 1
    for times in sent.values():
        for first, eleventh in zip(times, times[10:], strict=False):
            assert (eleventh - first).total_seconds() > 0.95
    assert max(map(len, sent.values())) > 2 * cell.seconds  # and yet it is live
    sizes = [len(str(comm.state["value"])) for comm in cell.comms if "value" in comm.state]
    assert max(sizes) < 20_000
    assert len(cell.shown[0]["text/html"]) < 60_000


def test_a_quick_cell_makes_no_widgets_but_for_the_first_of_its_kernel(kernel: Kernel) -> None:
    kernel.run("%%blazen_remote\n1 + 1")
    quick = kernel.run("%%blazen_remote\n1 + 2")
    assert quick.text == "3"
    assert quick.comms == []
    slow = kernel.run("%%blazen_remote\nimport time\ntime.sleep(0.5)")
    assert any(comm.kind == "comm_open" for comm in slow.comms)
