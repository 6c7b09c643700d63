"""Kernels that are killed after cells with --detach: another process reads all that those runs told, and their results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.eventually import eventually
from tests.faults.scale import scale
from tests.notebook.kernels import Kernel
from tests.peer.processes import PeerProcess

CELLS = 2
LINES = 200
LEFT = """%%blazen_remote --detach
import pathlib, time
for n in range({lines}):
    print("line", n)
display({{"text/plain": "a picture"}}, raw=True)
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.005)
print("last line of", {number})
{number} * 10"""
READS = """
import json, sys
from blazen_nb import PeerClient
from blazen_nb.updates import Displayed, Output
with PeerClient.connect(sys.argv[1]) as client:
    handles = [client.attach(run.run_id) for run in client.runs(state="running")]
    print("attached", flush=True)
    for handle in handles:
        updates = list(handle.updates())
        print(json.dumps({
            "seqs": [update.seq for update in updates],
            "text": "".join(update.text for update in updates if isinstance(update, Output)),
            "displays": [update.data for update in updates if isinstance(update, Displayed)],
            "result": handle.result(5).result,
        }))
"""


def killed_after_cells(address: str, gate: Path) -> None:
    """A kernel that left runs alone is gone without a word; it may not have seen any of what they told."""
    with Kernel.started() as kernel:
        kernel.run("%load_ext blazen_nb")
        kernel.run(f"%blazen_connect gpu0 {address}")
        for number in range(CELLS):
            cell = LEFT.format(lines=LINES, gate=str(gate), number=number)
            assert kernel.run(cell).status == "ok"
        kernel.kill()
        eventually(lambda: not kernel.manager.is_alive())


def read_by_another_process(address: str, gate: Path) -> list[dict[str, Any]]:
    """What the runs told that go on; they end only once it reads."""
    with subprocess.Popen(
        [sys.executable, "-c", READS, address], stdout=subprocess.PIPE, text=True
    ) as reader:
        try:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "attached\n"
            gate.touch()
            return [json.loads(line) for line in reader.stdout]
        finally:
            reader.kill()


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(scale(30, 600))
def test_the_detached_runs_of_a_killed_kernel_are_read_without_a_gap(tmp_path: Path) -> None:
    with PeerProcess(tmp_path, "127.0.0.1:0") as peer:
        for number in range(scale(2, 50)):
            gate = tmp_path / f"gate{number}"
            killed_after_cells(peer.address, gate)
            told = read_by_another_process(peer.address, gate)
            assert sorted(each["result"] for each in told) == [10 * n for n in range(CELLS)]
            for each in told:
                lines = "".join(f"line {n}\n" for n in range(LINES))
                assert each["text"] == f"{lines}last line of {each['result'] // 10}\n"
                assert each["displays"] == [{"text/plain": "a picture"}]
                assert each["seqs"] == list(range(1, len(each["seqs"]) + 1))
