"""``blazen-nb demo``: a peer as a process of its own, the first notebook run against it, and what ran where."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blazen_nb.errors import TransportError, ValidationError

READY_SECONDS = 30.0


def run_demo(notebook: Path) -> int:
    """Run the notebook against a new peer process and print each cell with where it ran; returns the exit status.

    Raises:
        ValidationError: The notebook is not there, or nbclient is not installed.
    """
    try:
        import nbformat
        from nbclient import NotebookClient
    except ModuleNotFoundError as error:
        raise ValidationError(
            f"the demo needs {error.name}; pip install 'blazen-nb[demo]'"
        ) from error
    if not notebook.exists():
        raise ValidationError(
            f"no notebook {notebook}; run this in the project's folder, or give --notebook"
        )
    with (
        tempfile.TemporaryDirectory(prefix="blazen-demo-") as folder,
        _environment(folder),
        _peer_process("demo-peer") as pid,
    ):
        _say(f"peer    demo-peer, process {pid}")
        _say(f"client  the kernel of {notebook.name}, a process of its own\n")
        content = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
        # Of the kernel's own log only errors: it warns of each loopback port.
        quiet = ["--log-level=40"]
        client = NotebookClient(content, kernel_name="python3", timeout=120, extra_arguments=quiet)
        began = time.monotonic()
        client.execute(cwd=str(notebook.parent))
        for cell in content.cells:
            _show(cell)
        _say(f"all cells ran in {time.monotonic() - began:.1f} s")
    return 0


@contextmanager
def _environment(folder: str) -> Iterator[None]:
    """Connection files of this demo only, and stable text instead of widgets."""
    changed = {"JUPYTER_RUNTIME_DIR": folder, "BLAZEN_NB_STATIC": "1"}
    before = {name: os.environ.get(name) for name in (*changed, "BLAZEN_PEER_TOKEN")}
    os.environ.pop("BLAZEN_PEER_TOKEN", None)
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _peer_process(node_id: str) -> Iterator[int]:
    command = [sys.executable, "-m", "blazen_nb.cli", "serve", "127.0.0.1:0", "--node-id", node_id]
    process = subprocess.Popen(  # noqa: S603 - this Python, and arguments of our own
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        if "listens on" not in process.stdout.readline():
            raise TransportError("the demo's peer did not start; try `blazen-nb serve` by itself")
        yield process.pid
    finally:
        process.terminate()
        process.communicate(timeout=READY_SECONDS)  # closes the pipe, too


def _show(cell: Any) -> None:
    if cell.cell_type != "code":
        return
    remote = cell.source.startswith("%%blazen_remote")
    where = "on the peer" if remote else "in the notebook's kernel"
    _say(f"--- cell [{cell.execution_count}] {where}")
    _say("\n".join(f"    {line}" for line in cell.source.splitlines()))
    for output in cell.outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        if text:
            _say("\n".join(f"  > {line}" for line in text.rstrip().splitlines()))
    _say("")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
