"""A kernel that is restarted while a cell waits: its run goes on, and the new kernel shows all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel

WAITS = """%%blazen_remote
import pathlib, time
print("line one")
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.01)
print("last line")
6 * 7"""


@pytest.fixture
def kernel(version: str, gpu0: PeerProcess) -> Iterator[Kernel]:
    """A kernel of each version, connected to gpu0."""
    with Kernel.started(version) as kernel:
        connect(kernel, gpu0)
        yield kernel


def connect(kernel: Kernel, gpu0: PeerProcess) -> None:
    kernel.run("%load_ext blazen_nb")
    kernel.run(f"%blazen_connect gpu0 {gpu0.address}")


def test_the_run_of_a_cell_that_waits_is_there_after_the_kernel_restarted(
    kernel: Kernel, gpu0: PeerProcess, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    running = kernel.send(WAITS.format(gate=str(gate)))
    kernel.wait_for(running, "line one")
    kernel.restart()
    left = kernel.wait_for(running, "The kernel ended before it")
    assert "detached" in left.shown[0]["text/plain"]
    connect(kernel, gpu0)
    attached = kernel.send("%blazen_attach")
    kernel.wait_for(attached, "line one")
    gate.touch()
    again = kernel.wait(attached)
    assert (again.stdout, again.text) == ("line one\nlast line\n", "42")
    assert "cancelled" not in gpu0.said().splitlines()[-1]


def test_a_kernel_that_is_only_interrupted_ends_its_run(
    kernel: Kernel, gpu0: PeerProcess, tmp_path: Path
) -> None:
    running = kernel.send(WAITS.format(gate=str(tmp_path / "never")))
    kernel.wait_for(running, "line one")
    kernel.interrupt()
    left = kernel.wait(running)
    assert "on gpu0 ended: cancelled" in left.message
    eventually(lambda: ", cancelled" in kernel.run("%blazen_runs").stdout.splitlines()[0])
