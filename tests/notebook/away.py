"""A peer behind a way that breaks when a test says so, and a cell that talks all the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy
from tests.notebook.conftest import serving

TOKEN = "behind-a-proxy"
LOST = "Connection to gpu0 lost at "
_TALKS = """%%blazen_remote
import pathlib, time
n = 0
while not pathlib.Path({gate!r}).exists():
    n += 1
    print("line", n)
    time.sleep(0.02)
print("the end")
n"""


@contextmanager
def peer_behind(log: Path) -> Iterator[Proxy]:
    """The way to a peer named gpu0, a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLAZEN_PEER_TOKEN", TOKEN)
        with serving("gpu0", log) as peer, Proxy(int(peer.address.rpartition(":")[2])) as proxy:
            yield proxy


def cells(proxy: Proxy, gate: Path) -> list[str]:
    """Cells that connect; the last one says how many lines it printed, once the gate is there."""
    return [
        # The connection file names the peer's own port only.
        f"import os\nos.environ['BLAZEN_PEER_TOKEN'] = {TOKEN!r}",
        "%load_ext blazen_nb",
        f"%blazen_connect gpu0 {proxy.address}",
        _TALKS.format(gate=str(gate)),
    ]


def spoken(count: int) -> str:
    """All that the last cell prints."""
    return "".join(f"line {n}\n" for n in range(1, count + 1)) + "the end\n"
