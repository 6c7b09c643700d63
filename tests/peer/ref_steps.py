"""Steps that put values away, and ways to see whether those are gone."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

from blazen_nb import Context, Event, RefLifetime, StartEvent, StopEvent, step
from blazen_nb.testing import LocalPeer
from tests.eventually import eventually

MIB = 1 << 20

watched: dict[str, weakref.ref[Thing]] = {}
"""The things of a test by name, as long as anybody has them."""
live: dict[str, Any] = {}
"""What steps have seen, by name."""
gates: dict[str, threading.Event] = {}


class Thing:
    """A value that no codec can write."""

    def __init__(self, name: str) -> None:
        self.lock = threading.Lock()
        watched[name] = weakref.ref(self)


def gone(name: str) -> None:
    """Return once nobody holds the thing of this name any more."""

    def is_gone() -> bool:
        gc.collect()
        return watched[name]() is None

    eventually(is_gone, message=f"{name} is still there")


def kept(peer: LocalPeer) -> int:
    """How many values the peer keeps behind refs."""
    return len(peer.server._parts.refs)


@step(id="refs::put")
def put(ctx: Context, ev: StartEvent) -> StopEvent:
    """Puts away a thing; ``leaves`` says where its ref goes."""
    ref = ctx.put(Thing(ev.name), RefLifetime(getattr(ev, "lifetime", "UntilContextDrop")))
    leaves = getattr(ev, "leaves", "result")
    if leaves == "state":
        ctx.state["thing"] = ref
    if leaves == "event":
        ctx.write_event_to_stream(Event("Made", thing=[ref]))
    if getattr(ev, "fails", False):
        raise ValueError(ev.name)
    return StopEvent(result={"thing": ref} if leaves == "result" else None)


@step(id="refs::aput")
async def aput(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=await ctx.aput(Thing(ev.name), lifetime=RefLifetime.UntilParentFinish))


@step(id="refs::thing")
def thing(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=[1, Thing(ev.name)])


@step(id="refs::same")
def same(ctx: Context, ev: StartEvent) -> StopEvent:
    """Whether the inputs are one object, and which thing it is."""
    values = list(ev.things)
    live["seen"] = weakref.ref(values[0])
    return StopEvent(result=all(value is values[0] for value in values))


@step(id="refs::is_watched")
def is_watched(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=watched[ev.name]() is ev.thing)


@step(id="refs::many")
def many(ctx: Context, ev: StartEvent) -> StopEvent:
    refs = [ctx.put({"n": n}) for n in range(ev.n)]
    return StopEvent(result=refs if getattr(ev, "give", False) else len(refs))


@step(id="refs::zeros")
def zeros(ctx: Context, ev: StartEvent) -> StopEvent:
    import numpy as np

    return StopEvent(result=np.zeros(ev.shape, dtype=getattr(ev, "dtype", "u1")))


@step(id="refs::holds_and_waits")
async def holds_and_waits(ctx: Context, ev: StartEvent) -> StopEvent:
    """Put away and then busy until it is cancelled."""
    import asyncio

    for lifetime in RefLifetime:
        ctx.put(Thing(f"{ev.name}-{lifetime.name}"), lifetime)
    local = Thing(ev.name)
    ctx.session["thing"] = local
    ctx.write_event_to_stream(Event("Waiting"))
    await asyncio.sleep(60)
    return StopEvent(result=local)


@step(id="refs::holds_and_blocks")
def holds_and_blocks(ctx: Context, ev: StartEvent) -> StopEvent:
    local = Thing(ev.name)
    ctx.put(local)
    ctx.write_event_to_stream(Event("Waiting"))
    gates[ev.name].wait(60)
    return StopEvent(result=local)
