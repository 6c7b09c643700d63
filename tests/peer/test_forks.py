"""Cells that fork: pools of worker processes work on a peer, and gRPC makes no noise about them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import PeerClient
from blazen_nb.shipping.cell import parse_cell
from tests.peer.processes import PeerProcess

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")

POOL = """
import multiprocessing, os, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks in threaded processes
def square(n):
    return n * n, os.getpid()
with multiprocessing.get_context("fork").Pool(2) as pool:
    answers = pool.map(square, range(20))
[[value for value, _ in answers], os.getpid() in {pid for _, pid in answers}]
"""


def run(client: PeerClient, text: str) -> Any:
    handle = client.start_cell(parse_cell(text, label="cell [1]", first_line=2))
    return handle.result(8).result


def test_a_fork_pool_in_a_cell_works_and_the_peer_stays_quiet(tmp_path: Path) -> None:
    with PeerProcess(tmp_path) as process:
        with PeerClient.connect(process.address) as client:
            for _ in range(3):
                values, in_peer = run(client, POOL)
                assert values == [n * n for n in range(20)]
                assert not in_peer
            client.ping()
        assert process.terminate() == 0
        assert process.noise == []


def test_a_forked_child_that_ends_leaves_the_peer_its_connections(tmp_path: Path) -> None:
    text = "import os\nchild = os.fork()\nif child == 0:\n    os._exit(7)\nos.waitpid(child, 0)[1] >> 8"
    with PeerProcess(tmp_path) as process:
        with PeerClient.connect(process.address) as client:
            assert [run(client, text) for _ in range(3)] == [7, 7, 7]
        assert process.terminate() == 0
        assert process.noise == []


def test_what_a_cell_forks_ends_by_a_signal_however_early_it_comes(tmp_path: Path) -> None:
    text = (
        "import os, signal, time\n"
        "ends = set()\n"
        "for _ in range(20):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        time.sleep(5)\n"
        "        os._exit(0)\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    ends.add(os.WTERMSIG(os.waitpid(child, 0)[1]))\n"
        "sorted(ends)"
    )
    with PeerProcess(tmp_path) as process:
        with PeerClient.connect(process.address) as client:
            assert run(client, text) == [signal.SIGTERM]
        assert process.terminate() == 0
