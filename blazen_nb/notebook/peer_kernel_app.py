"""The kernel "Blazen peer": an ordinary ipykernel that is a peer before its first cell runs.

``blazen-nb kernel install`` lets Jupyter offer it. The peer is of the kernel's process and ends with it; nothing of it
is among the notebook's variables.
"""

from __future__ import annotations

import platform
import sys
from typing import Any

from ipykernel.kernelapp import IPKernelApp, kernel_aliases
from traitlets import Dict, Unicode

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.launcher import start
from blazen_nb.peer.server import PeerServer


class PeerKernelApp(IPKernelApp):
    """An IPython kernel with a peer in it."""

    address = Unicode("127.0.0.1:0", help="Where the peer listens; port 0 picks one.").tag(
        config=True
    )
    node_id = Unicode(help="The peer's name; default the host's.").tag(config=True)
    aliases = Dict(
        {
            **kernel_aliases,
            "address": "PeerKernelApp.address",
            "node-id": "PeerKernelApp.node_id",
        }
    )

    def initialize(self, argv: list[str] | None = None) -> None:
        """The kernel is ready for its first cell: the magics are loaded and the peer serves."""
        super().initialize(argv)  # type: ignore[no-untyped-call]
        if self.shell is None:
            return
        self.shell.extension_manager.load_extension("blazen_nb")
        try:
            start(PeerServer(self.node_id or platform.node() or "peer"), self.address)
        except BlazenError as error:
            self.log.error("this kernel is no peer: %s", error)
            _tell_at_first_cell(self.shell, f"this kernel is no peer: {error}")


def _tell_at_first_cell(shell: Any, message: str) -> None:
    """Only then somebody reads it: what a kernel writes while it starts ends in its server's log."""

    def tell(_: Any) -> None:
        shell.events.unregister("pre_run_cell", tell)
        sys.stderr.write(message + "\n")

    shell.events.register("pre_run_cell", tell)
