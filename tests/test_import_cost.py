from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "IPython",
    "ipywidgets",
    "grpc",
    "google.protobuf",
    "numpy",
    "sqlite3",
    "cloudpickle",
    "asyncio",
}
PROBE = """
import sys
before = set(sys.modules)
{statement}
print("\\n".join(set(sys.modules) - before))
"""


def _loaded_by(statement: str) -> set[str]:
    probe = PROBE.format(statement=statement)
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=20, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not _loaded_by("import blazen_nb") & HEAVY


@pytest.mark.parametrize("name", ["Workflow", "Event", "step", "Context", "WorkflowError"])
def test_a_workflow_inside_this_process_needs_neither_a_wire_nor_a_notebook(name: str) -> None:
    assert not _loaded_by(f"from blazen_nb import {name}") & (HEAVY - {"asyncio"})


def test_a_client_and_a_server_need_no_notebook() -> None:
    loaded = _loaded_by("from blazen_nb import PeerClient, PeerServer")
    assert not loaded & {"IPython", "ipywidgets", "numpy", "sqlite3"}
    assert "grpc" in loaded
