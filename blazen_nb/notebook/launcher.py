"""Offers this kernel as a peer, and says how to reach it; never shows a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blazen_nb.notebook.front_end import is_static, publish
from blazen_nb.notebook.peers import kernel_peers
from blazen_nb.peer.server import PeerServer
from blazen_nb.render.reprs import PeerServerView, Repr, peer_server_repr
from blazen_nb.wire.tls import ServerTls

NODE_ID = "notebook"
"""What a peer in a kernel is called unless told otherwise."""


def launch(
    address: str = "127.0.0.1:0",
    *,
    node_id: str = NODE_ID,
    expose: Mapping[str, Any] | None = None,
    token: str | None = None,
    tls: ServerTls | None = None,
) -> PeerServer:
    """A peer that serves in a background thread of this kernel, with a card that says how to reach it.

    Running a peer is offering code execution to whoever has its token. It ends with the kernel, or by ``close()``.
    Cells that run on it run in this process.

    Args:
        address: ``host:port``; port 0 picks one. Other machines reach it only with a token.
        node_id: The peer's name, as clients see it.
        expose: Objects that remote cells see under these names: the objects themselves, no copy.
        token: What clients must send; default BLAZEN_PEER_TOKEN, else on loopback a random one that this user's
            other notebooks on this machine find.
        tls: What ``load_server_tls`` made; connections are then encrypted.

    Raises:
        ValidationError: Not an address, or one that others can reach without a token or a certificate.
        TransportError: The address cannot be bound.
    """
    server = PeerServer(node_id, token=token, tls=tls, expose=expose)
    start(server, address)
    html, text = server_card(server)
    stable = {"text/plain": f"peer {node_id}: serving"}
    publish(stable if is_static() else {"text/html": html, "text/plain": text})
    return server


def start(server: PeerServer, address: str = "127.0.0.1:0") -> None:
    """The server serves and lives as long as this kernel; errors as for ``launch``."""
    server.start(address)
    kernel_peers.keep(server)


def server_card(server: PeerServer) -> Repr:
    """The card of a server and its text, with the ways to reach it."""
    address = server.address or ""
    view = PeerServerView(
        node_id=server.node_id,
        address=address,
        state="serving" if address else "stopped",
        hints=_hints(server.node_id, address) if address else (),
    )
    html, text = peer_server_repr(view)
    return html, f"{text} on {address}" if address else text


def _hints(node_id: str, address: str) -> tuple[tuple[str, str], ...]:
    here = ("On this machine", f"%blazen_connect {node_id} local")
    host, _, port = address.rpartition(":")
    scheme = "https://" if address.startswith("https://") else ""
    if host != f"{scheme}127.0.0.1":
        return here, ("Elsewhere", f"%blazen_connect {node_id} {address}")
    tunnel = ("Elsewhere, first", f"ssh -N -L {port}:127.0.0.1:{port} THIS_MACHINE")
    return here, tunnel, ("and then", f"%blazen_connect {node_id} {scheme}127.0.0.1:{port}")
