"""A side that is killed in the middle of a value leaves nothing on this host, whichever it is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blazen_nb import PeerClient
from blazen_nb.errors import BlazenError
from tests.eventually import eventually
from tests.peer.processes import PeerProcess

if sys.platform != "linux":
    pytest.skip("shared memory without a name", allow_module_level=True)

SHARED = Path("/dev/shm")
NEVER_DONE = """
import sys, time
from blazen_nb import PeerClient
from blazen_nb.shipping.bulk import Bulk
span = Bulk.span
def slowly(bulk, start, end):
    if start > 8 << 20:
        print("half", flush=True)
        time.sleep(0.05)
    return span(bulk, start, end)
Bulk.span = slowly
PeerClient.connect(sys.argv[1]).put(bytes(1 << 30))
"""


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[PeerProcess]:
    """A peer process."""
    with PeerProcess(tmp_path, "127.0.0.1:0") as peer:
        yield peer


@pytest.fixture
def sender(peer: PeerProcess) -> Iterator[subprocess.Popen[bytes]]:
    """A client process in the middle of a value."""
    command = [sys.executable, "-c", NEVER_DONE, peer.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        yield process
        process.kill()


def _maps_segment(pid: int) -> bool:
    return "memfd:blazen-nb-bulk" in Path(f"/proc/{pid}/maps").read_text()


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_a_killed_client_leaves_its_peer_no_memory_and_the_host_no_file(
    peer: PeerProcess, sender: subprocess.Popen[bytes]
) -> None:
    before = set(SHARED.iterdir())
    assert _maps_segment(peer.process.pid)
    sender.kill()
    eventually(lambda: not _maps_segment(peer.process.pid), message="the peer lets go of it")
    assert set(SHARED.iterdir()) == before
    with PeerClient.connect(peer.address) as client:
        assert client.put(bytes(4 << 20)).fetch() == bytes(4 << 20)


def test_a_killed_peer_leaves_its_client_no_memory_and_the_host_no_file(
    peer: PeerProcess,
) -> None:
    before, open_before = set(SHARED.iterdir()), _descriptors(os.getpid())
    with PeerClient.connect(peer.address, reconnect=0) as client:
        ref = client.put(bytes(4 << 20))
        assert _maps_segment(os.getpid())
        peer.kill()
        with pytest.raises(BlazenError):
            ref.fetch()
    eventually(lambda: not _maps_segment(os.getpid()), message="the client lets go of it")
    eventually(lambda: _descriptors(os.getpid()) <= open_before, message="its sockets are closed")
    assert set(SHARED.iterdir()) == before
