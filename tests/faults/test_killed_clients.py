"""Clients that are killed: their runs go on, and another process reads them from the first update to the result."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from blazen_nb import PeerClient
from blazen_nb.updates import EventPublished, Output
from tests.faults.scale import scale
from tests.unit.cli_peer import serving_cli_steps

SECONDS = 5.0
STARTS = """
import sys
from blazen_nb import PeerClient
client = PeerClient.connect(sys.argv[1])
handle = client.start_remote_workflow("left", ["cli::tells"], {"gate": sys.argv[2]})
print(handle.run_id, flush=True)
sys.stdin.read()
"""


def killed_after_start(address: str, gate: Path) -> str:
    """The ID of the run of a client process that was killed as soon as the run had begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTS, address, str(gate)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        return process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(scale(30, 300))
def test_the_run_of_a_killed_client_is_read_without_a_gap(tmp_path: Path) -> None:
    with serving_cli_steps(tmp_path) as address:
        for number in range(scale(4, 50)):
            gate = tmp_path / f"gate{number}"
            run_id = killed_after_start(address, gate)
            with PeerClient.connect(address) as client:
                handle = client.attach(run_id)
                gate.touch()
                updates = list(handle.updates())
                result = handle.result(SECONDS)
            assert [update.seq for update in updates] == list(range(1, len(updates) + 1))
            printed = "".join(u.text for u in updates if isinstance(u, Output))
            assert printed == "first\nno line endlast\n"
            assert [u.event.n for u in updates if isinstance(u, EventPublished)] == [1, 2]
            assert result.result == {"rows": 100}
