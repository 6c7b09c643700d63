"""A process that ends with connections open says nothing about it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from blazen_nb import PeerServer

SHELL = """
import sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_cell("%load_ext blazen_nb")
shell.run_cell(f"%blazen_connect there {sys.argv[1]}")
shell.run_cell("%%blazen_remote -p there\\nprint(6 * 7)")
"""


def test_a_shell_that_ends_while_it_is_connected_ends_quietly(tmp_path: Path) -> None:
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path), "BLAZEN_NB_STATIC": "1"}
    with PeerServer("there", token="exit-token") as server:
        address = server.start()
        done = subprocess.run(
            [sys.executable, "-c", SHELL, address],
            env={**environment, "BLAZEN_PEER_TOKEN": "exit-token"},
            capture_output=True,
            text=True,
            timeout=9,
            check=False,
        )
    assert "42" in done.stdout
    assert done.stderr == ""
