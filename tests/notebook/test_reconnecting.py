"""A connection that breaks while a cell waits: its card says so, and goes on where it was."""

from __future__ import annotations

from pathlib import Path

from tests.notebook.away import LOST, cells, peer_behind, spoken
from tests.notebook.kernels import Kernel
from tests.notebook.outcome import Outcome


def head(outcome: Outcome) -> str:
    """What the head of the live card shows now."""
    values = [str(comm.state.get("value", "")) for comm in outcome.comms]
    return next((value for value in reversed(values) if "bzn-h" in value), "")


def test_a_cell_whose_connection_breaks_says_so_and_shows_everything_once(
    fresh_kernel: Kernel, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with peer_behind(tmp_path / "peer.log") as proxy:
        *connecting, talks = cells(proxy, gate)
        assert [fresh_kernel.run(cell).status for cell in connecting] == ["ok"] * 3
        talking = fresh_kernel.send(talks)
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
    assert cell.stdout == spoken(int(cell.text))
    assert "Succeeded" in cell.shown[0]["text/html"]
    assert LOST not in cell.shown[0]["text/html"]
