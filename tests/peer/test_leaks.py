"""What a run had goes with it however the run ends: no ref, traceback or frame holds its values."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest

from blazen_nb import Context, Event, PeerClient, RefLifetime, StartEvent, StopEvent, step
from blazen_nb.errors import WorkflowCancelledError, WorkflowError, WorkflowTimeoutError
from blazen_nb.testing import LocalPeer
from tests.eventually import eventually
from tests.peer import ref_steps
from tests.peer.conftest import SECONDS, RunCell, StartCell
from tests.peer.ref_steps import Thing, gone, kept

PLACES = ("local", "ref", "session", "error", "cause")


class Rude(Exception):
    """An error that keeps what it is about."""

    def __init__(self, about: Thing) -> None:
        super().__init__("rude")
        self.about = about


def fill(ctx: Context, name: str) -> Thing:
    """A thing in each place that a step has; the one for its local variable."""
    ctx.put(Thing(f"{name}-ref"), RefLifetime.UntilExplicitDrop)
    ctx.session["thing"] = Thing(f"{name}-session")
    return Thing(f"{name}-local")


def fail(name: str) -> None:
    """Raise an error with a cause; both hold a thing."""
    try:
        raise Rude(Thing(f"{name}-cause"))
    except Rude as cause:
        raise Rude(Thing(f"{name}-error")) from cause


@step(id="leaks::fails")
def fails(ctx: Context, ev: StartEvent) -> StopEvent:
    local = fill(ctx, ev.name)
    fail(ev.name)
    return StopEvent(result=local)


@step(id="leaks::afails")
async def afails(ctx: Context, ev: StartEvent) -> StopEvent:
    local = fill(ctx, ev.name)
    await asyncio.sleep(0)
    fail(ev.name)
    return StopEvent(result=local)


@step(id="leaks::blocks")
def blocks(ctx: Context, ev: StartEvent) -> StopEvent:
    """Busy where no cancel reaches it."""
    local = fill(ctx, ev.name)
    ctx.write_event_to_stream(Event("Waiting"))
    try:
        ref_steps.gates[ev.name].wait(60)
    finally:  # the interrupt is raised as soon as the wait is over
        fail(ev.name)
    return StopEvent(result=local)


@step(id="leaks::loops")
def loops(ctx: Context, ev: StartEvent) -> StopEvent:
    """Busy in Python code, where a cancel interrupts it."""
    local = fill(ctx, ev.name)
    ctx.write_event_to_stream(Event("Waiting"))
    try:
        while True:
            threading.Event().wait(0.01)
    finally:
        fail(ev.name)
    return StopEvent(result=local)


@step(id="leaks::waits")
async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
    local = fill(ctx, ev.name)
    ctx.write_event_to_stream(Event("Waiting"))
    try:
        await asyncio.sleep(60)
    finally:
        fail(ev.name)
    return StopEvent(result=local)


def all_gone(name: str, places: tuple[str, ...] = PLACES) -> None:
    for place in places:
        gone(f"{name}-{place}")
    assert not holds_errors()


def holds_errors() -> bool:
    """Whether Python itself keeps the last error, as it does of one that nobody took."""
    names = ("last_exc", "last_value", "last_traceback")
    return any(getattr(sys, name, None) is not None for name in names)


@pytest.mark.parametrize("step_id", ["leaks::fails", "leaks::afails"])
def test_a_failed_step_leaves_nothing_though_its_error_holds_values(
    peer: LocalPeer, client: PeerClient, step_id: str
) -> None:
    handle = client.start_remote_workflow("w", [step_id], {"name": step_id})
    with pytest.raises(WorkflowError, match="rude"):
        handle.result(SECONDS)
    # The handle and its error are still held here: they are the client's, and must not reach the peer's values.
    all_gone(step_id)
    assert kept(peer) == 0


@pytest.mark.parametrize("step_id", ["leaks::loops", "leaks::waits"])
def test_a_cancelled_step_that_fails_on_its_way_out_leaves_nothing(
    peer: LocalPeer, client: PeerClient, step_id: str
) -> None:
    handle = client.start_remote_workflow("w", [step_id], {"name": step_id})
    next(handle.events())
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(SECONDS)
    all_gone(step_id)
    assert kept(peer) == 0


@pytest.mark.parametrize("step_id", ["leaks::loops", "leaks::waits"])
def test_a_run_out_of_time_leaves_nothing(
    peer: LocalPeer, client: PeerClient, step_id: str
) -> None:
    name = f"{step_id}-late"
    with pytest.raises(WorkflowTimeoutError):
        client.run_remote_workflow("w", [step_id], {"name": name}, timeout=1)
    all_gone(name)
    assert kept(peer) == 0


def test_a_step_that_was_left_behind_and_then_fails_leaves_nothing(
    peer: LocalPeer, client: PeerClient, released: threading.Event
) -> None:
    ref_steps.gates["behind"] = released
    handle = client.start_remote_workflow("w", ["leaks::blocks"], {"name": "behind"})
    next(handle.events())
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(SECONDS)
    released.set()
    all_gone("behind")
    assert kept(peer) == 0


WORKFLOW_CELL = """
from blazen_nb import Event, StartEvent, StopEvent, step
from tests.peer.ref_steps import Thing
class Made(Event):
    thing: object
@step
def make(ev: StartEvent) -> Made:
    return Made(thing=Thing(ev.name + "-event"))
@step
{way}def use(ctx, ev: Made) -> StopEvent:
    mine = ctx.put(Thing("{name}-put"))
    raise ValueError(ev.thing)
"""


@pytest.mark.parametrize("way", ["", "async "])
def test_a_workflow_cell_that_fails_leaves_no_field_of_an_event(
    peer: LocalPeer, run_cell: RunCell, way: str
) -> None:
    name = f"{way.strip()}field"
    cell = WORKFLOW_CELL.replace("{way}", way).replace("{name}", name)
    with pytest.raises(WorkflowError):
        run_cell(cell, input={"name": name})
    all_gone(name, ("event", "put"))
    assert kept(peer) == 0


def test_a_plain_cell_that_is_cancelled_leaves_nothing_of_its_functions(
    start_cell: StartCell,
) -> None:
    started = threading.Event()
    ref_steps.live["started"] = started
    handle = start_cell(
        "import threading\n"
        "from tests.peer.ref_steps import Thing, live\n"
        "def use():\n"
        "    thing = Thing('plain-local')\n"
        "    live['started'].set()\n"
        "    while True:\n"
        "        threading.Event().wait(0.01)\n"
        "use()"
    )
    assert started.wait(SECONDS)
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(SECONDS)
    all_gone("plain", ("local",))


@pytest.mark.gpu
def test_a_failed_run_gives_the_memory_of_the_gpu_back(client: PeerClient) -> None:
    torch: Any = pytest.importorskip("torch", reason="no PyTorch: nothing was tested on a GPU")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device: nothing was tested on a GPU")
    torch.zeros(1, device="cuda")
    before = torch.cuda.memory_allocated()
    with pytest.raises(WorkflowError, match="on the GPU"):
        client.run_remote_workflow("w", ["leaks::fails_on_gpu"], {})
    eventually(
        lambda: torch.cuda.memory_allocated() <= before, message="the GPU's memory is still held"
    )


@step(id="leaks::fails_on_gpu")
def fails_on_gpu(ctx: Context, ev: StartEvent) -> StopEvent:
    import torch  # type: ignore[import-not-found,unused-ignore]

    local = torch.zeros(16 << 20, device="cuda")
    ctx.put(torch.zeros(16 << 20, device="cuda"), RefLifetime.UntilExplicitDrop)
    raise ValueError(f"on the GPU: {tuple(local.shape)}")
