"""Offers this kernel as a peer, and shows it; never shows a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.core.getipython import get_ipython

from blazen_nb.notebook.peers import kernel_peers
from blazen_nb.notebook.server_view import show_server
from blazen_nb.peer.server import PeerServer
from blazen_nb.wire.tls import ServerTls

NODE_ID = "notebook"
"""What a peer in a kernel is called unless told otherwise."""


class LaunchedServer(PeerServer):
    """A peer in this kernel: in the cell that launched it, its card is its picture."""

    _shown_in: int | None = None

    def show(self) -> None:
        """Its card is an output of the running cell."""
        shell = get_ipython()
        self._shown_in = getattr(shell, "execution_count", None)
        show_server(shell, self)

    def _ipython_display_(self) -> None:
        # launch() as the last expression of its cell: the card is there already.
        if self._shown_in != getattr(get_ipython(), "execution_count", None):
            self.show()


def launch(
    address: str = "127.0.0.1:0",
    *,
    node_id: str = NODE_ID,
    expose: Mapping[str, Any] | None = None,
    token: str | None = None,
    tls: ServerTls | None = None,
) -> PeerServer:
    """A peer that serves in a background thread of this kernel, with a live card of who is connected and what runs.

    Running a peer is offering code execution to whoever has its token. It ends with the kernel, by the card's button,
    or by ``close()``. Cells that run on it run in this process.

    Args:
        address: ``host:port``; port 0 picks one. Other machines reach it only with a token.
        node_id: The peer's name, as clients see it.
        expose: Objects that remote cells see under these names: the objects themselves, no copy.
        token: What clients must send; default BLAZEN_PEER_TOKEN, else on loopback a random one that this user's
            other notebooks on this machine find.
        tls: What ``load_server_tls`` made; connections are then encrypted.

    Raises:
        ValidationError: Not an address, or one that others can reach without a token or a certificate; or a name in
            ``expose`` that no cell could use.
        TransportError: The address cannot be bound.
    """
    server = LaunchedServer(node_id, token=token, tls=tls, expose=expose)
    start(server, address)
    server.show()
    return server


def start(server: PeerServer, address: str = "127.0.0.1:0") -> None:
    """The server serves and lives as long as this kernel; errors as for ``launch``."""
    server.start(address)
    kernel_peers.keep(server)
