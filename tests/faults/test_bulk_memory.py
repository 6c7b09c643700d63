"""What a large value takes beside itself, on either side; 2 GiB in the full form."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import PeerClient
from blazen_nb.client.transfer_progress import Progress, show_transfers
from blazen_nb.wire.bulk_messages import CHUNK_BYTES
from tests.faults.memory import MIB, taken
from tests.faults.scale import scale
from tests.peer.certificates import Authority
from tests.peer.processes import PeerProcess

if sys.platform != "linux":
    pytest.skip("what a process takes is read from /proc", allow_module_level=True)

SIZE = scale(64, 2048) * MIB
ROOM = 3 << 30
"""The peer's address space beside the value."""
SLACK = 32 * MIB
"""Of any value: the segment, or what gRPC reads ahead. A second copy of the smallest one is twice that."""

numpy = pytest.importorskip("numpy")


@pytest.fixture
def peer(tmp_path: Path, way: str) -> Iterator[tuple[int, str]]:
    """A new peer process, its ID and address: one that had a value before may have kept memory of it."""
    options: list[str] = []
    if way == "tls":
        shown = Authority(tmp_path, "CA").pair("peer")
        options = ["--tls-cert", str(shown.pem), "--tls-key", str(shown.key)]
    with PeerProcess(tmp_path, "127.0.0.1:0", *options) as peer:
        resource.prlimit(peer.process.pid, resource.RLIMIT_AS, (SIZE + ROOM, SIZE + ROOM))
        yield peer.process.pid, peer.address


class Told(Progress):
    """A value on its way that remembers how far it was."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "done":
            self.__dict__.setdefault("steps", []).append(value)
        super().__setattr__(name, value)


class Bar:
    """What a notebook would draw."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.drawn: list[int] = []
        self.ended = 0

    def update(self) -> None:
        self.drawn.append(self.progress.done)

    def end(self) -> None:
        self.ended += 1


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Bar]]:
    """The bars of the values that cross, in order."""
    bars: list[Bar] = []
    for module in ("ref_calls", "refs", "transferring"):
        monkeypatch.setattr(f"blazen_nb.client.{module}.Progress", Told)

    def show(progress: Progress) -> Bar:
        bars.append(Bar(progress))
        return bars[-1]

    show_transfers(show)
    yield bars
    show_transfers(None)


def require_full(bar: Bar) -> None:
    """Return where the bar went up, step by step, to the whole value."""
    assert isinstance(bar.progress, Told)
    steps = vars(bar.progress)["steps"]
    assert all(earlier < later for earlier, later in pairwise(steps))
    assert steps[-1] == bar.progress.total >= SIZE
    assert len(steps) > SIZE // CHUNK_BYTES
    assert bar.drawn == sorted(bar.drawn)
    assert bar.ended == 1


@pytest.mark.parametrize("kind", ["array", "bytes"])
@pytest.mark.parametrize("way", ["unix", "tcp", "tls", "grpc"])
def test_a_large_value_crosses_both_ways_with_little_memory_beside_it(
    peer: tuple[int, str], bars: list[Bar], way: str, kind: str
) -> None:
    pid, address = peer
    array = numpy.arange(SIZE // 8)
    value: Any = array if kind == "array" else array.tobytes()
    del array
    with PeerClient.connect(address) as client:
        client._link.refs.sockets.ways = ("tcp" if way == "tls" else way,)
        client.put(value[: len(value) // 8]).fetch()  # what is made once
        bars.clear()
        ref, (here, there) = taken((os.getpid(), pid), lambda: client.put(value))
        assert here < 0.2 * SIZE + SLACK
        assert SIZE * 0.7 < there < 1.2 * SIZE + SLACK
        back, (here, there) = taken((os.getpid(), pid), ref.fetch)
        assert len(client._link.refs.sockets._idle) == (way != "grpc")
        assert SIZE * 0.7 < here < 1.2 * SIZE + SLACK
        assert there < 0.2 * SIZE + SLACK
        assert numpy.array_equal(back, value) if kind == "array" else back == value
        for bar, direction in zip(bars, ("to", "from"), strict=True):
            assert f" {direction} " in bar.progress.name
            require_full(bar)


@pytest.mark.parametrize("way", ["unix", "tcp", "grpc"])
def test_a_large_value_passes_from_peer_to_peer_with_little_memory_here(
    peer: tuple[int, str], bars: list[Bar], tmp_path: Path, way: str
) -> None:
    pid, address = peer
    with (
        PeerProcess(tmp_path, "127.0.0.1:0") as other,
        PeerClient.connect(address) as source,
        PeerClient.connect(other.address) as target,
    ):
        for client in (source, target):
            client._link.refs.sockets.ways = (way,)
        array = numpy.arange(SIZE // 8)
        target.put(source.put(array[: len(array) // 8]))  # what is made once
        there = source.put(array)
        pids = (os.getpid(), pid, other.process.pid)
        here, (mine, theirs, others) = taken(pids, lambda: target.put(there))
        assert mine < 0.2 * SIZE + SLACK
        assert theirs < 0.2 * SIZE + SLACK
        assert SIZE * 0.7 < others < 1.2 * SIZE + SLACK
        require_full(bars[-1])
        assert numpy.array_equal(here.fetch(), array)
