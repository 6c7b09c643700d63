"""The line magics about peers: make them known, start one, see how they are; sends no cell."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.expansion import expand, split_words
from blazen_nb.notebook.peers import LOCAL, has_local_peer, kernel_peers, notebook_namespace
from blazen_nb.notebook.shown_errors import shown

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.requests import PeerInfo
    from blazen_nb.client.sync import PeerClient


@magics_class
class PeerMagics(Magics):
    """The line magics of one kernel."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._shell: Any = shell

    @no_var_expand
    @line_magic
    def blazen_connect(self, line: str) -> None:
        """``%blazen_connect NAME ADDRESS``: cells run there from now on, and ``-p NAME`` says so for one cell.

        ADDRESS is ``host:port``, ``https://host:port``, ``unix:PATH``, or ``local``: the newest peer of this user on
        this machine; with ``--launch``, one in this kernel where there is none yet. ``%blazen_connect local`` is
        short for ``%blazen_connect local local``. The token comes from BLAZEN_PEER_TOKEN, else from the peer's
        connection file; for ``https://`` BLAZEN_PEER_CA names the file of the CA to trust, BLAZEN_PEER_CERT and
        BLAZEN_PEER_KEY those of the certificate to show.
        """
        words = self._words(line)
        may_launch = "--launch" in words
        names = [word for word in words if word != "--launch"]
        name, *address = names if names != [LOCAL] else [LOCAL, LOCAL]
        usage = "%blazen_connect NAME ADDRESS, or %blazen_connect NAME local [--launch]"
        if len(address) != 1 or name.startswith("-") or (may_launch and address != [LOCAL]):
            raise UsageError(usage)
        try:
            if may_launch and not has_local_peer():
                _start_quietly()
            client = kernel_peers.connect(name, address[0], namespace=self._namespace)
        except BlazenError as error:
            raise shown(error) from error.__cause__
        sys.stdout.write(f"{name}: connected to peer {client.node_id}\n")

    @no_var_expand
    @line_magic
    def blazen_serve(self, line: str) -> None:
        """``%blazen_serve [ADDRESS]``: a peer runs in this kernel, and cells run on it as ``local``."""
        words = self._words(line)
        if len(words) > 1 or any(word.startswith("-") for word in words):
            raise UsageError("%blazen_serve [ADDRESS], as in %blazen_serve 127.0.0.1:7070")
        from blazen_nb.notebook.launcher import launch

        try:
            server = launch(*words)
            kernel_peers.connect(LOCAL, server.address or LOCAL, namespace=self._namespace)
        except BlazenError as error:
            raise shown(error) from error.__cause__

    @no_var_expand
    @line_magic
    def blazen_peers(self, line: str) -> None:
        """``%blazen_peers``: the connections of this kernel, and how each peer is."""
        self._no_words(line, "%blazen_peers")
        for name, client in kernel_peers.clients.items():
            info = _described(client)
            state = f"{len(info.runs)} running, Python {info.python}" if info else "no answer"
            sys.stdout.write(f"{name}: peer {client.node_id} at {client.address}, {state}\n")
        if not kernel_peers.clients:
            sys.stdout.write("no peers; %blazen_connect NAME ADDRESS connects one\n")

    def _words(self, line: str) -> list[str]:
        return [expand(word, self._shell.user_ns) for word in split_words(line)]

    def _no_words(self, line: str, magic: str) -> None:
        if line.strip():
            raise UsageError(f"{magic} takes nothing")

    @property
    def _namespace(self) -> str | None:
        return notebook_namespace(self._shell.user_ns)


def _start_quietly() -> None:
    from blazen_nb.notebook.launcher import NODE_ID, start
    from blazen_nb.peer.server import PeerServer

    start(PeerServer(NODE_ID))


def _described(client: PeerClient) -> PeerInfo | None:
    """What the peer says; None where it says nothing any more."""
    try:
        return client.describe()
    except BlazenError:
        return None
