"""Steps for values that go from one peer to another, and a way to see that nothing half is left of them."""

from __future__ import annotations

import pytest

from blazen_nb import Context, Event, StartEvent, StopEvent, step
from blazen_nb.testing import LocalPeer
from tests.eventually import eventually
from tests.peer.conftest import SECONDS
from tests.peer.ref_steps import gates

MIB = 1 << 20

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")


def nothing_half(*peers: LocalPeer) -> None:
    """Return once none of the peers remembers a transfer."""
    for peer in peers:
        parts = peer.server._parts
        eventually(lambda parts=parts: len(parts.outgoing) == len(parts.incoming) == 0)  # type: ignore[misc]


@step(id="transfer::total")
def total(ev: StartEvent) -> StopEvent:
    return StopEvent(result=float(ev.value.sum()))


@step(id="transfer::fill")
def fill(ev: StartEvent) -> StopEvent:
    ev.value.fill(7)
    return StopEvent(result=None)


@step(id="transfer::total_later")
def total_later(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Waiting"))
    gates["later"].wait(SECONDS)
    if ev.fails:
        raise ValueError("no")
    return StopEvent(result=float(ev.value.sum()))


@step(id="transfer::gives_back")
def gives_back(ev: StartEvent) -> StopEvent:
    return StopEvent(result={"value": ev.value})


@step(id="transfer::frame")
def frame(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ctx.put(pandas.DataFrame({"n": range(ev.rows), "t": "zü"})))


@step(id="transfer::rows")
def rows(ev: StartEvent) -> StopEvent:
    assert type(ev.frame) is pandas.DataFrame
    return StopEvent(result=[len(ev.frame), set(ev.frame["t"]) == {"zü"}])
