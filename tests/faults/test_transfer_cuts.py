"""Values from peer to peer over ways that break, and transfers that are given up at any moment."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from blazen_nb import AsyncPeerClient, PeerClient, StartEvent, StopEvent, step
from blazen_nb.testing import LocalPeer
from tests.eventually import eventually
from tests.faults.chunks import Chunks
from tests.faults.proxy import before, connected
from tests.faults.road import Road, road
from tests.faults.scale import scale

MIB = 1 << 20
SIZE = scale(24, 512) * MIB
CUTS = scale(3, 12)

numpy = pytest.importorskip("numpy")


@step(id="cuts::total")
def total(ev: StartEvent) -> StopEvent:
    return StopEvent(result=int(ev.value.sum()))


class End(NamedTuple):
    """A peer, the way to it that is cut, and a client on that way."""

    peer: LocalPeer
    way: Road
    client: PeerClient


@pytest.fixture
def ends() -> Iterator[list[End]]:
    """Two of them."""
    with ExitStack() as stack:
        made = []
        for name in ("a", "b"):
            peer = stack.enter_context(LocalPeer(name, token="cut"))
            way = stack.enter_context(road(peer.address, spares_first=True))
            client = PeerClient.connect(f"127.0.0.1:{way.port}", token="cut")
            client._link.refs.sockets.ways = ()
            made.append(End(peer, way, stack.enter_context(client)))
        yield made


def _cuts(seed: int) -> list[int]:
    chance = random.Random(seed)
    return [chance.randrange(MIB, SIZE // CUTS) for _ in range(CUTS)]


@pytest.mark.parametrize("seed", range(scale(2, 20)))
@pytest.mark.parametrize("cut", ["source", "target", "both"])
def test_a_value_whose_way_is_cut_arrives_as_it_is(ends: list[End], cut: str, seed: int) -> None:
    a, b = ends
    array = numpy.random.default_rng(seed).integers(0, 255, SIZE, "u1")
    there = a.client.put(array)
    ways = {"source": [a.way], "target": [b.way], "both": [a.way, b.way]}[cut]
    for number, way in enumerate(ways):
        way.cuts = 0
        way.cut_after(*_cuts(seed + 100 * number))
    here = b.client.put(there)
    assert [way.cuts for way in ways] == [CUTS] * len(ways)
    assert (b.peer.server._parts.refs.find(here.uuid, _identity(b.peer)).ref.value == array).all()
    for end in ends:
        parts = end.peer.server._parts
        eventually(lambda parts=parts: len(parts.outgoing) == len(parts.incoming) == 0)  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(scale(2, 20)))
@pytest.mark.parametrize("cut", [[0], [1], [0, 1]], ids=["source", "target", "both"])
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_value_over_sockets_that_are_cut_arrives_as_it_is(
    monkeypatch: pytest.MonkeyPatch, kind: str, cut: list[int], seed: int
) -> None:
    if kind == "unix" and sys.platform != "linux":
        pytest.skip("shared memory without a name is Linux's")
    with LocalPeer("a") as a, LocalPeer("b") as b:
        peers = (a, b)
        for peer in peers:
            peer.client._link.refs.sockets.ways = (kind,)
        array = numpy.random.default_rng(seed).integers(0, 255, SIZE, "u1")
        there = a.client.put(array)
        chunks = [Chunks(peers[number].client, monkeypatch) for number in cut]
        for number, each in enumerate(chunks):
            each.cuts = [cut // MIB for cut in _cuts(seed + 100 * number)]
        here = b.client.put(there)
        assert [each.done for each in chunks] == [CUTS] * len(chunks)
        assert (b.server._parts.refs.find(here.uuid, _identity(b)).ref.value == array).all()
        for peer in peers:
            parts = peer.server._parts
            eventually(lambda parts=parts: len(parts.outgoing) == len(parts.incoming) == 0)  # type: ignore[misc]


@pytest.mark.parametrize("end", [0, 1])
def test_a_transfer_goes_on_where_a_session_was_cut_with_it(ends: list[End], end: int) -> None:
    a, b = ends
    array = numpy.random.default_rng(1).integers(0, 255, SIZE, "u1")
    there = a.client.put(array)
    ends[end].way.cut_after(SIZE // 3, SIZE // 3, all_of_them=True)
    run = b.client.run_remote_workflow("w", ["cuts::total"], {"value": there}, transfer=True)
    assert run.result == int(array.sum())
    assert ends[end].way.cuts == 2
    assert b.client.refs() == []


@pytest.mark.parametrize("seed", range(scale(3, 30)))
def test_a_start_that_is_repeated_after_a_cut_finds_the_copy(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        LocalPeer("a") as a,
        LocalPeer("b") as b,
        before(b.server) as proxy,
        connected(b.server, proxy) as client,
    ):
        there = a.client.put(numpy.ones(MIB))
        ask = client._link.ask

        def cut_with_it(receiver: Any, **request: Any) -> int:
            if "start_run" not in request:
                return ask(receiver, **request)
            if seed % 3 == 0:
                proxy.cut()
            number = ask(receiver, **request)
            if seed % 3 == 1:
                proxy.cut()
            return number

        monkeypatch.setattr(client._link, "ask", cut_with_it)
        handle = client.start_remote_workflow("w", ["cuts::total"], {"value": there}, transfer=True)
        if seed % 3 == 2:
            proxy.cut()
        assert handle.result(8).result == MIB
        assert client.refs() == []


@pytest.mark.parametrize("kind", ["a value", "a ref of another peer"])
async def test_a_transfer_that_is_given_up_at_any_moment_leaves_nothing(kind: str) -> None:
    chance = random.Random(kind)
    with LocalPeer("a") as a, LocalPeer("b") as b:
        async with await AsyncPeerClient.connect(b.address) as client:
            value: Any = bytes(3 * MIB)
            if kind != "a value":
                value = a.client.put(value)
            loop = asyncio.get_running_loop()
            began = loop.time()
            (await client.put(value)).release()
            took = loop.time() - began
            given_up = 0
            for _ in range(scale(40, 1000)):
                putting = asyncio.ensure_future(client.put(value))
                await asyncio.wait([putting], timeout=chance.random() * took)
                given_up += putting.cancel()
                for ref in await asyncio.gather(putting, return_exceptions=True):
                    if not isinstance(ref, BaseException):
                        ref.release()
                del putting, ref
            assert given_up
            parts = b.server._parts
            eventually(lambda: len(parts.refs) == len(parts.incoming) == 0)


def _identity(peer: LocalPeer) -> str:
    (known,) = {info.identity for info in peer.server._parts.sessions}
    return known
