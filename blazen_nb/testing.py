"""For tests of code that uses blazen_nb: a real peer and a real client in one context manager."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from blazen_nb.client.sync import PeerClient
from blazen_nb.peer.server import PeerServer
from blazen_nb.wire.tls import ClientTls, ServerTls


class LocalPeer:
    """A peer in this process on a free loopback port, and a client that is connected to it.

    Values behind refs are copied over the wire, as with a peer elsewhere, unless ``hand_over`` is True.

    Args:
        node_id: The peer's name.
        namespace: The client's namespace; default a private one.
        options: Passed on to PeerServer.

    Example:
        >>> from blazen_nb import StopEvent, step
        >>> from blazen_nb.testing import LocalPeer
        >>> @step(id="docs::hello")
        ... def hello(ctx, ev):
        ...     return StopEvent(result=f"hello {ev.name}")
        >>> with LocalPeer() as peer:
        ...     peer.client.run_remote_workflow("greet", ["docs::hello"], {"name": "you"}).result
        'hello you'
    """

    def __init__(
        self, node_id: str = "local", *, namespace: str | None = None, **options: Any
    ) -> None:
        self.server = PeerServer(node_id, **{"hand_over": False, **options})
        self._namespace = namespace
        self._token: str | None = options.get("token")
        shown: ServerTls | None = options.get("tls")
        self._tls = ClientTls(ca=shown.own_certificate.encode()) if shown else None
        self.address = ""
        self.client: PeerClient

    def __enter__(self) -> LocalPeer:
        self.address = self.server.start("127.0.0.1:0")
        try:
            self.client = self.connect(self._namespace)
        except BaseException:
            self.server.close()
            raise
        return self

    def connect(self, namespace: str | None = None) -> PeerClient:
        """One more client; the caller closes it."""
        return PeerClient.connect(
            self.address, token=self._token, tls=self._tls, namespace=namespace
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        self.server.close()
