"""A connection that breaks while a cell waits: its card says so, and all that the cell prints is there, in order and once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy
from tests.notebook.conftest import serving
from tests.notebook.kernels import Kernel
from tests.notebook.outcome import Outcome

TOKEN = "behind-a-proxy"
"""Told to both sides: the connection file names the peer's own port only."""
LOST = "Connection to gpu0 lost at "
TALKS = """%%blazen_remote
import pathlib, time
n = 0
while not pathlib.Path({gate!r}).exists():
    n += 1
    print("line", n)
    time.sleep(0.02)
print("the end")
n"""


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The way to a peer of its own."""
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", TOKEN)
    with (
        serving("gpu0", tmp_path / "peer.log") as peer,
        Proxy(int(peer.address.rpartition(":")[2])) as way,
    ):
        yield way


def head(outcome: Outcome) -> str:
    """What the head of the live card shows now."""
    values = [str(comm.state.get("value", "")) for comm in outcome.comms]
    return next((value for value in reversed(values) if "bzn-h" in value), "")


def test_a_cell_whose_connection_breaks_says_so_and_shows_everything_once(
    proxy: Proxy, fresh_kernel: Kernel, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    fresh_kernel.run("%load_ext blazen_nb")
    assert fresh_kernel.run(f"%blazen_connect gpu0 {proxy.address}").status == "ok"
    talking = fresh_kernel.send(TALKS.format(gate=str(gate)))
    cell = fresh_kernel.wait_for(talking, "line 5\n")
    fresh_kernel.update(cell, lambda: "Running" in head(cell))
    for _ in range(2):
        proxy.refuse()
        fresh_kernel.update(cell, lambda: "Reconnecting" in head(cell))
        assert LOST in head(cell)
        proxy.listen()
        fresh_kernel.update(cell, lambda: "Running" in head(cell))
        assert LOST not in head(cell)
    gate.touch()
    fresh_kernel.wait(talking)
    assert (cell.status, cell.stderr) == ("ok", "")
    lines = "".join(f"line {n}\n" for n in range(1, int(cell.text) + 1))
    assert cell.stdout == f"{lines}the end\n"
    assert "Succeeded" in cell.shown[0]["text/html"]
    assert LOST not in cell.shown[0]["text/html"]
