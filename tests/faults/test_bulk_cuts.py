"""Values in bulk over connections that break: they go on where they were cut, and arrive as they are."""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncGenerator, Iterator

import pytest

from blazen_nb import PeerClient
from blazen_nb.errors import DamagedError, TransportError
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.v1 import kernel_pb2 as pb
from tests.eventually import eventually
from tests.faults.chunks import Chunks
from tests.faults.road import Road, road
from tests.faults.scale import scale

MIB = 1 << 20
SIZE = scale(24, 512) * MIB
CUTS = scale(3, 12)

numpy = pytest.importorskip("numpy")


@pytest.fixture
def peer() -> Iterator[LocalPeer]:
    """A peer with a token that a client behind another port can be told."""
    with LocalPeer("gpu-box", token="cut") as peer:
        yield peer


@pytest.fixture
def way(peer: LocalPeer) -> Iterator[Road]:
    """The way to it that is cut, but for the session."""
    with road(peer.address, spares_first=True) as way:
        yield way


@pytest.fixture
def client(way: Road) -> Iterator[PeerClient]:
    """A client on that way, whose values go by gRPC."""
    with PeerClient.connect(f"127.0.0.1:{way.port}", token="cut") as client:
        client._link.refs.sockets.ways = ()
        yield client


@pytest.mark.parametrize("seed", range(scale(2, 20)))
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_values_over_sockets_that_are_cut_go_on_where_they_were(
    peer: LocalPeer, monkeypatch: pytest.MonkeyPatch, kind: str, seed: int
) -> None:
    if kind == "unix" and sys.platform != "linux":
        pytest.skip("shared memory without a name is Linux's")
    peer.client._link.refs.sockets.ways = (kind,)
    chunks = Chunks(peer.client, monkeypatch)
    array = numpy.random.default_rng(seed).integers(0, 255, SIZE, "u1")
    cuts = [cut // MIB for cut in _cuts(seed)]
    chunks.cuts = list(cuts)
    ref = peer.client.put(array)
    assert chunks.done == CUTS
    chunks.cuts = list(cuts)
    assert (ref.fetch() == array).all()
    assert chunks.done == 2 * CUTS


def _cuts(seed: int) -> list[int]:
    chance = random.Random(seed)
    return [chance.randrange(MIB, SIZE // CUTS) for _ in range(CUTS)]


@pytest.mark.parametrize("seed", range(scale(2, 20)))
def test_an_upload_that_is_cut_goes_on_where_it_was(
    client: PeerClient, peer: LocalPeer, way: Road, seed: int
) -> None:
    array = numpy.random.default_rng(seed).integers(0, 255, SIZE, "u1")
    way.cut_after(*_cuts(seed))
    ref = client.put(array)
    assert way.cuts == CUTS
    assert (peer.server._parts.refs.find(ref.uuid, _identity(peer)).ref.value == array).all()
    eventually(lambda: not len(peer.server._parts.incoming), message="the peer forgets the upload")


@pytest.mark.parametrize("seed", range(scale(2, 20)))
def test_a_fetch_that_is_cut_goes_on_where_it_was(
    client: PeerClient, peer: LocalPeer, way: Road, seed: int
) -> None:
    array = numpy.random.default_rng(seed).integers(0, 255, SIZE, "u1")
    ref = client.put(array)
    way.cut_after(*_cuts(seed))
    assert (ref.fetch() == array).all()
    assert way.cuts == CUTS
    eventually(lambda: not len(peer.server._parts.outgoing), message="the peer forgets the fetch")


def test_transfers_go_on_where_the_session_was_cut_with_them(client: PeerClient, way: Road) -> None:
    array = numpy.random.default_rng(1).integers(0, 255, SIZE, "u1")
    way.cut_after(SIZE // 3, SIZE // 3, all_of_them=True)
    ref = client.put(array)
    assert way.cuts == 2
    way.cut_after(SIZE // 3, SIZE // 3, all_of_them=True)
    assert (ref.fetch() == array).all()
    assert way.cuts == 4
    client.ping()


def test_a_value_that_is_released_while_a_cut_fetch_waits_arrives_all_the_same(
    client: PeerClient, way: Road, peer: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = client.put(numpy.ones(SIZE, "u1"))
    way.cut_after(SIZE // 2)
    asked: list[int] = []
    fetch = client._link.fetch

    def watched(request: pb.GetRequest) -> AsyncGenerator[bytes, None]:
        asked.append(request.offset)
        if way.cuts == 1:
            peer.server._parts.refs.release(ref.uuid, _identity(peer))
        return fetch(request)

    monkeypatch.setattr(client._link, "fetch", watched)
    assert ref.fetch().sum() == SIZE
    assert any(offset > 8 * MIB for offset in asked)


def test_bytes_that_are_damaged_once_are_sent_again_and_twice_are_an_error(
    client: PeerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = client.put(bytes(20 * MIB))
    fetch, damaged, times = client._link.fetch, 0, 1

    async def altered(request: pb.GetRequest) -> AsyncGenerator[bytes, None]:
        nonlocal damaged
        async for message in fetch(request):
            if damaged < times and len(message) > MIB // 2 and request.offset == 0:
                damaged += 1
                yield message[:1000] + b"!" + message[1001:]
            else:
                yield message

    monkeypatch.setattr(client._link, "fetch", altered)
    assert ref.fetch() == bytes(20 * MIB)
    assert damaged == 1
    damaged, times = 0, 5
    with pytest.raises(DamagedError, match="damaged twice"):
        ref.fetch()
    assert damaged == 2


def test_a_peer_that_is_gone_ends_the_transfer_with_its_error(way: Road) -> None:
    with LocalPeer(token="cut") as peer, PeerClient.connect(peer.address, token="cut") as client:
        ref = client.put(bytes(MIB))
        peer.server.close()
        with pytest.raises(TransportError):
            ref.fetch()


def _identity(peer: LocalPeer) -> str:
    (known,) = {info.identity for info in peer.server._parts.sessions}
    return known
