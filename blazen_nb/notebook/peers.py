"""The peers of this kernel: connections by name, and servers that run in it; knows no magic and shows nothing."""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

import blazen_nb.wire.io_loop  # noqa: F401  see kernel_peers
from blazen_nb.notebook.expansion import near
from blazen_nb.wire.connection_file import LOCAL, find_local

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.sync import PeerClient
    from blazen_nb.peer.server import PeerServer

UNNAMED = "notebook"
"""What the client of a notebook calls itself where nobody says which notebook it is."""
_LONGEST_NAME = 80
RECONNECT_SECONDS = 12 * 3600.0
"""A notebook whose peer is away tries to come back for as long as the peer keeps its session: somebody sees that."""


class Peers:
    """The clients of a kernel by the names that the notebook gave them, and the servers that run in it."""

    def __init__(self) -> None:
        self._clients: dict[str, PeerClient] = {}
        self._in_others: dict[tuple[str, str], PeerClient] = {}
        """Clients in namespaces that a cell asked for, by address and namespace."""
        self._servers: list[PeerServer] = []
        self._newest: str | None = None
        self.client_name = UNNAMED
        """What the clients of this kernel call themselves: who looks at a peer wants to tell notebooks apart."""

    @property
    def names(self) -> list[str]:
        """The names in use, in the order in which they were first connected."""
        return list(self._clients)

    @property
    def clients(self) -> dict[str, PeerClient]:
        """The clients by name, those whose connection is gone among them."""
        return dict(self._clients)

    def connect(self, name: str, address: str, *, namespace: str | None) -> PeerClient:
        """The client that has this name from now on; an earlier one of the name is closed.

        Args:
            address: As ``PeerClient.connect`` takes it, or ``local``.
            namespace: The namespace to ask for; None for a private one.

        Raises:
            BlazenError: There is no peer, or it refuses; the connections stay as they were.
        """
        from blazen_nb.client.sync import PeerClient

        client = PeerClient.connect(
            address, self.client_name, namespace=namespace, reconnect=RECONNECT_SECONDS
        )
        before = self._clients.get(name)
        self._clients[name] = client
        self._newest = name
        if before is not None:
            before.close()
        return client

    def client(
        self, name: str | None, *, namespace: str | None, other: str | None = None
    ) -> PeerClient:
        """The client of this name, without a name the newest; connected anew where its peer had gone away.

        ``local``, and a name that is an address, are connected where they are not yet.

        Args:
            namespace: The notebook's own.
            other: A namespace to work in instead, over a session of its own.

        Raises:
            UsageError: There is none; the message says how to connect.
            BlazenError: It cannot be connected.
        """
        wanted = name or self._newest or LOCAL
        first = self._own_client(wanted, namespace)
        return first if other is None else self._in_namespace(first, other)

    def _in_namespace(self, first: PeerClient, namespace: str) -> PeerClient:
        """A client of the same peer that works in this namespace."""
        from blazen_nb.client.sync import PeerClient

        key = (first.address, namespace)
        known = self._in_others.get(key)
        if known is None or not known.is_open:
            known = self._in_others[key] = PeerClient.connect(
                first.address,
                self.client_name,
                namespace=namespace,
                reconnect=RECONNECT_SECONDS,
            )
        return known

    def _own_client(self, wanted: str, namespace: str | None) -> PeerClient:
        known = self._clients.get(wanted)
        if known is not None and known.is_open and not self._has_moved(wanted, known):
            return known
        if known is not None and wanted != LOCAL:
            return self.connect(wanted, known.address, namespace=namespace)
        if wanted == LOCAL or ":" in wanted:
            return self.connect(wanted, wanted, namespace=namespace)
        raise UsageError(
            f"no peer is connected as {wanted!r}{near(wanted, self.names)}; "
            f"%blazen_connect {wanted} ADDRESS connects it"
        )

    def _has_moved(self, wanted: str, known: PeerClient) -> bool:
        """Whether the peer that this client tries to come back to is elsewhere now.

        Raises:
            TransportError: Nobody is there: the cell says so at once, instead of waiting with its client.
        """
        if known.state == "connected":
            return False
        from blazen_nb.client.sync import PeerClient

        address = LOCAL if wanted == LOCAL else known.address
        with PeerClient.connect(address, self.client_name, reconnect=0) as there:
            return there.address != known.address

    def connected(self, name: str | None) -> PeerClient | None:
        """The open client of this name, without a name the newest; None where there is none: connects nothing."""
        client = self._clients.get(name or self._newest or "")
        return client if client is not None and client.is_open else None

    def keep(self, server: PeerServer) -> None:
        """The server lives until ``close``, whoever else forgets it."""
        self._servers.append(server)

    @property
    def server(self) -> PeerServer | None:
        """The newest peer in this kernel that its other cells can connect to without being given a token."""
        serving = [server for server in self._servers if server.address is not None]
        return next((s for s in reversed(serving) if s.describe().found_locally), None)

    def close(self) -> None:
        """End all connections and the servers of this kernel; idempotent."""
        clients = [*self._clients.values(), *self._in_others.values()]
        self._clients, self._in_others = {}, {}
        servers, self._servers = self._servers, []
        self._newest = None
        for client in clients:
            client.close()
        for server in servers:
            server.close()


kernel_peers = Peers()
"""Those of this process: a kernel has one notebook."""

# What was registered last goes first: the I/O loop, which closing needs, ends at exit since its import above.
atexit.register(kernel_peers.close)


def has_local_peer() -> bool:
    """Whether a peer of this user runs on this machine, as its connection file says.

    Raises:
        ValidationError: There is only a file that other users can read.
    """
    return find_local() is not None


def notebook_namespace(user_ns: Mapping[str, Any]) -> str | None:
    """A name for this notebook's namespace on its peers, the same after a restart of the kernel.

    None where the kernel does not know which notebook it belongs to.
    """
    notebook = _notebook_file(user_ns)
    if not notebook:
        return None
    # A digest, because the notebook's path is nobody else's business.
    return "notebook-" + hashlib.sha256(notebook.encode()).hexdigest()[:16]


def notebook_name(user_ns: Mapping[str, Any]) -> str:
    """What the kernel's notebook is called, ``train.ipynb``, without where it lies."""
    return Path(_notebook_file(user_ns)).name[-_LONGEST_NAME:] or UNNAMED


def _notebook_file(user_ns: Mapping[str, Any]) -> str:
    return str(os.environ.get("JPY_SESSION_NAME") or user_ns.get("__vsc_ipynb_file__") or "")
