"""A peer in a process of its own with the steps of ``cli_steps``, for the commands that talk to one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peer.processes import PeerProcess


@contextmanager
def serving_cli_steps(folder: Path) -> Iterator[str]:
    """Its address."""
    path = filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])
    with PeerProcess(
        folder, "--steps", "cli_steps", environment={"PYTHONPATH": os.pathsep.join(path)}
    ) as served:
        yield served.address
