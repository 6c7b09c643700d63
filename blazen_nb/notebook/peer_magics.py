"""The line magics about peers: make them known, start one, see how they are; sends no cell."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.expansion import expand, near, split_words
from blazen_nb.notebook.peers import has_local_peer, kernel_peers, notebook_namespace
from blazen_nb.notebook.shown_errors import shown
from blazen_nb.render.words import shown_address
from blazen_nb.wire.connection_file import LOCAL

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.requests import PeerInfo
    from blazen_nb.client.sync import PeerClient

EXPOSE = "--expose"
"""The option of ``%blazen_serve``."""
OUT = "-o"
"""That of ``%blazen_connect``."""


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
        BLAZEN_PEER_KEY those of the certificate to show. ``-o client`` binds the connection to a variable: a
        PeerClient in the namespace of this notebook's cells.
        """
        words, variable = _take_option(self._words(line), OUT)
        if variable is not None and not variable.isidentifier():
            raise UsageError(f"-o takes the name of a variable, not {variable!r}")
        may_launch = "--launch" in words
        names = [word for word in words if word != "--launch"]
        name, *address = names if names != [LOCAL] else [LOCAL, LOCAL]
        usage = (
            "%blazen_connect NAME ADDRESS [-o VARIABLE], or %blazen_connect NAME local [--launch]"
        )
        if len(address) != 1 or name.startswith("-") or (may_launch and address != [LOCAL]):
            raise UsageError(usage)
        try:
            if may_launch and not has_local_peer():
                _start_quietly()
            client = kernel_peers.connect(name, address[0], namespace=self._namespace)
        except BlazenError as error:
            raise shown(error) from error.__cause__
        if variable is not None:
            self._shell.push({variable: client})
        sys.stdout.write(f"{name}: connected to peer {client.node_id}\n")

    @no_var_expand
    @line_magic
    def blazen_serve(self, line: str) -> None:
        """``%blazen_serve [ADDRESS] [--expose NAMES]``: a peer runs in this kernel, and cells run on it as ``local``.

        Where one runs already, and neither ADDRESS nor NAMES ask for another, it is that one; its card shows again.
        With ``--expose model,data`` remote cells see these variables of the notebook: the objects themselves, no copy.
        """
        words, names = _take_option(self._words(line), EXPOSE)
        if len(words) > 1 or any(word.startswith("-") for word in words):
            raise UsageError(
                "%blazen_serve [ADDRESS] [--expose NAMES], as in %blazen_serve 127.0.0.1:7070 --expose model,data"
            )
        expose = self._values(names)
        from blazen_nb.notebook.launcher import launch
        from blazen_nb.notebook.server_view import show_server

        server = None if words or expose else kernel_peers.server
        try:
            if server is None:
                server = launch(*words, expose=expose)
            else:
                show_server(self._shell, server)
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
            where = shown_address(client.address)
            sys.stdout.write(f"{name}: peer {client.node_id} at {where}, {state}\n")
        if not kernel_peers.clients:
            sys.stdout.write("no peers; %blazen_connect NAME ADDRESS connects one\n")

    def _words(self, line: str) -> list[str]:
        return [expand(word, self._shell.user_ns) for word in split_words(line)]

    def _values(self, names: str | None) -> dict[str, Any]:
        """The notebook's variables of these names, which are separated by commas."""
        wanted = [name.strip() for name in names.split(",")] if names is not None else []
        if not all(wanted):
            raise UsageError("--expose takes names without spaces, as in --expose model,data")
        for name in wanted:
            if name not in self._shell.user_ns:
                known = [each for each in self._shell.user_ns if not each.startswith("_")]
                raise UsageError(
                    f"--expose {name}: not defined in this notebook{near(name, known)}"
                )
        return {name: self._shell.user_ns[name] for name in wanted}

    def _no_words(self, line: str, magic: str) -> None:
        if line.strip():
            raise UsageError(f"{magic} takes nothing")

    @property
    def _namespace(self) -> str | None:
        return notebook_namespace(self._shell.user_ns)


def _take_option(words: list[str], option: str) -> tuple[list[str], str | None]:
    """The other words, and the option's value; None where it is not given."""
    for at, word in enumerate(words):
        if word.startswith(f"{option}="):
            return [*words[:at], *words[at + 1 :]], word.partition("=")[2]
        if word == option and at + 1 < len(words):
            return [*words[:at], *words[at + 2 :]], words[at + 1]
    return words, None


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
