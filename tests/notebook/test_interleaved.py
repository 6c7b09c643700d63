"""Cells of several kernels, remote and local ones by turns: whatever speaks late, no line is in a wrong cell."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from jupyter_core.utils import ensure_event_loop

from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import INSTALLED, OTHER_VERSIONS, Kernel, kernel_folder
from tests.notebook.outcome import Outcome

ROUNDS = 68
"""Remote runs of each kernel; three kernels make over 200."""
# A write is a line here: print() makes two of it, and a thread may come in between, as in any program.
PLAIN = """
import sys
sys.stdout.write("{tag} out\\n"); sys.stderr.write("{tag} err\\n")
display("{tag} shown")
sys.stdout.write("{tag} end\\n");
"""
LATE = (
    """
import sys, threading, time
def late():
    for n in range(20):
        sys.stdout.write("{tag} late\\n")
        time.sleep(0.001)
threading.Thread(target=late).start()
"""
    + PLAIN
)
WORKFLOW = """
from blazen_nb import StartEvent, StopEvent, step
@step
async def told(ev: StartEvent) -> StopEvent:
    display("{tag} shown")
    return StopEvent(result="{tag} result")
"""


@pytest.fixture
def kernels(gpu0: PeerProcess) -> Iterator[list[Kernel]]:
    versions = [*OTHER_VERSIONS, INSTALLED]
    missing = [v for v in OTHER_VERSIONS if not kernel_folder(v).exists()]
    if missing:
        pytest.skip(
            f"NO INTERLEAVED RUNS: ipykernel {', '.join(missing)} is not there (make kernels)"
        )
    with ExitStack() as stack:
        yield [stack.enter_context(Kernel.started(version)) for version in versions]


def lines_of(cell: Outcome) -> list[str]:
    """Each line, display and result of the cell, without its card."""
    told: list[str] = []
    for each in cell.beside_the_card:
        text = each["text"] if "text" in each else each["data"]["text/plain"].strip("'")
        told += text.splitlines()
    return told


def driven_on_a_thread(kernel: Kernel, name: str, address: str) -> list[tuple[str, Outcome]]:
    try:
        return driven(kernel, name, address)
    finally:
        ensure_event_loop().close()  # jupyter_client makes one for each thread, and leaves it


def driven(kernel: Kernel, name: str, address: str) -> list[tuple[str, Outcome]]:
    """All cells of one kernel, queued without waiting for any."""
    setup = [kernel.send("%load_ext blazen_nb"), kernel.send(f"%blazen_connect gpu0 {address}")]
    tickets = []
    for number in range(ROUNDS):
        remote, local = f"{name}-r{number}", f"{name}-l{number}"
        body = (PLAIN, LATE, WORKFLOW)[number % 3].format(tag=remote)
        tickets.append((remote, kernel.send("%%blazen_remote\n" + body.lstrip())))
        tickets.append((local, kernel.send(PLAIN.format(tag=local))))
    for ticket in setup:
        assert kernel.wait(ticket).status == "ok"
    told = [(tag, kernel.wait(ticket)) for tag, ticket in tickets]
    assert kernel.run("'over'").text == "'over'"  # what came late has come
    assert kernel.stray == []
    return told


@pytest.mark.slow
def test_no_line_is_in_a_wrong_cell_in_two_hundred_interleaved_runs(
    kernels: list[Kernel], gpu0: PeerProcess
) -> None:
    with ThreadPoolExecutor(len(kernels)) as pool:
        futures = [
            pool.submit(driven_on_a_thread, kernel, f"k{n}", gpu0.address)
            for n, kernel in enumerate(kernels)
        ]
        cells = [cell for future in futures for cell in future.result()]
    assert len(cells) == 2 * 3 * ROUNDS
    for tag, cell in cells:
        told = lines_of(cell)
        assert {line.partition(" ")[0] for line in told} == {tag}
        in_time = [line.partition(" ")[2] for line in told if not line.endswith(" late")]
        whole = ["shown", "result"] if "result" in str(told) else ["out", "err", "shown", "end"]
        if "-l" in tag:  # two streams of a local cell have no order between them
            in_time.sort(key=whole.index)
        assert (tag, in_time) == (tag, whole)
        assert cell.status == "ok"
