"""The promises of Blazen's guide to distributed workflows, each a test of its name, against a real peer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from blazen_nb import Context, PeerClient, StartEvent, StopEvent, Workflow, step
from blazen_nb.client.transports.grpc_stream import GrpcStream
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.v1 import kernel_pb2 as pb

SECONDS = 5.0
"""How long a test waits for what should be there at once."""


@step(id="my_app::analyze")
def analyze(ctx: Context, ev: StartEvent) -> StopEvent:
    """The step of the guide: here it gives back what it was given."""
    return StopEvent(result=ev.to_dict())


@step(id="my_app::fail")
def fail(ctx: Context, ev: StartEvent) -> StopEvent:
    raise ZeroDivisionError("no documents")


@step(id="my_app::later", accepts=["Later"])
def later(ctx: Context, ev: Any) -> StopEvent:
    return StopEvent()


class Waiting:
    """Tells of a run of ``my_app::wait``."""

    begun = threading.Event()
    cancelled = threading.Event()


@step(id="my_app::wait")
async def wait(ctx: Context, ev: StartEvent) -> StopEvent:
    Waiting.begun.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        Waiting.cancelled.set()
        raise
    return StopEvent()


Workflow("analyze-pipeline", [analyze])


@pytest.fixture
def peer() -> Iterator[LocalPeer]:
    """A peer and a client of it."""
    Waiting.begun.clear()
    Waiting.cancelled.clear()
    with LocalPeer("node-b") as peer:
        yield peer


@pytest.fixture
def client(peer: LocalPeer) -> PeerClient:
    """The peer's client."""
    return peer.client


@dataclass
class Frames:
    """What clients of this process sent and received."""

    sent: list[pb.ClientFrame] = field(default_factory=list)
    received: list[pb.PeerFrame] = field(default_factory=list)

    def last_start(self) -> pb.StartRun:
        return [f.start_run for f in self.sent if f.WhichOneof("kind") == "start_run"][-1]

    def last_result(self) -> pb.RunResult:
        return [f.result for f in self.received if f.WhichOneof("kind") == "result"][-1]


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Frames:
    """The real wire, watched."""
    seen, write, read = Frames(), GrpcStream.write, GrpcStream.read

    async def watched_write(stream: GrpcStream, batch: bytes) -> None:
        seen.sent += pb.ClientBatch.FromString(batch).frames
        await write(stream, batch)

    async def watched_read(stream: GrpcStream) -> bytes | None:
        batch = await read(stream)
        seen.received += pb.PeerBatch.FromString(batch or b"").frames
        return batch

    monkeypatch.setattr(GrpcStream, "write", watched_write)
    monkeypatch.setattr(GrpcStream, "read", watched_read)
    return seen
