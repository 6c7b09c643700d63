"""A peer process and real kernels for the tests of the notebook."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.notebook.kernels import INSTALLED, OTHER_VERSIONS, Kernel, kernel_folder
from tests.notebook.lab import LAB, NOTEBOOK, Browser, Lab, chromium


@dataclass(frozen=True)
class PeerProcess:
    """A running ``blazen-nb serve``."""

    address: str
    pid: int
    log: Path

    def said(self) -> str:
        """What the peer has logged so far."""
        return self.log.read_text()


@pytest.fixture(scope="module")
def gpu0(tmp_path_factory: pytest.TempPathFactory, own_environment: Path) -> Iterator[PeerProcess]:
    """A peer named gpu0, a process of its own."""
    with serving("gpu0", tmp_path_factory.mktemp("peer") / "peer.log") as peer:
        yield peer


@pytest.fixture(scope="module")
def gpu1(tmp_path_factory: pytest.TempPathFactory, own_environment: Path) -> Iterator[PeerProcess]:
    """A second peer."""
    with serving("gpu1", tmp_path_factory.mktemp("peer") / "peer.log") as peer:
        yield peer


@contextmanager
def serving(node_id: str, log: Path) -> Iterator[PeerProcess]:
    """A peer process of this name, with its log."""
    command = [sys.executable, "-m", "blazen_nb.cli", "serve", "127.0.0.1:0"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, "--node-id", node_id, "--verbose", "--grace", "1"],
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    assert process.stdout is not None
    try:
        yield PeerProcess(process.stdout.readline().split()[-1], process.pid, log)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.fixture
def fresh_kernel(own_environment: Path) -> Iterator[Kernel]:
    """A kernel that has run nothing yet."""
    with Kernel.started() as kernel:
        yield kernel


@pytest.fixture(scope="module")
def kernel(gpu0: PeerProcess) -> Iterator[Kernel]:
    """A kernel that the tests of a module share, connected to gpu0."""
    with Kernel.started() as kernel:
        kernel.run("%load_ext blazen_nb")
        kernel.run(f"%blazen_connect gpu0 {gpu0.address}")
        yield kernel


@pytest.fixture(scope="session", params=[*OTHER_VERSIONS, INSTALLED])
def version(request: pytest.FixtureRequest) -> str:
    """Each version of ipykernel that the project is tested with."""
    wanted: str = request.param
    if wanted != INSTALLED and not kernel_folder(wanted).exists():
        pytest.skip(f"NO TEST RAN ON ipykernel {wanted}: it is not there (make kernels)")
    return wanted


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory, own_environment: Path) -> Iterator[Lab]:
    """JupyterLab, with a folder of its own; for what the front ends do alike, because their widgets are the same."""
    with Lab(tmp_path_factory.mktemp("notebooks"), LAB).serving() as lab:
        yield lab


@pytest.fixture(scope="session")
def classic(tmp_path_factory: pytest.TempPathFactory, own_environment: Path) -> Iterator[Lab]:
    """Notebook 7, with a folder of its own."""
    with Lab(tmp_path_factory.mktemp("notebooks"), NOTEBOOK).serving() as lab:
        yield lab


@pytest.fixture(params=["jupyterlab", "classic"], scope="session")
def lab(request: pytest.FixtureRequest) -> Lab:
    """Each of the front ends."""
    found: Lab = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A caged Chromium; no longer than a module's tests, for asyncio cannot run beside it."""
    with chromium() as browser:
        yield browser
