"""Completion in the line of a magic: its options, connected peers, and the steps that a peer knows."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.arguments import options
from blazen_nb.notebook.options import OUTPUTS
from blazen_nb.notebook.peers import kernel_peers
from blazen_nb.wire.connection_file import LOCAL

_PEER_OPTIONS = ("-p", "--peer")
_ASK_SECONDS = 1.0
"""How long a Tab waits for a peer."""


def complete(_: Any, event: Any) -> list[str]:
    """What may stand where the cursor is; IPython calls it with its shell and what was typed so far."""
    words = event.text_until_cursor.split()
    at_new_word = event.text_until_cursor.endswith(" ")
    before = words[-1 if at_new_word else -2] if len(words) > 1 else ""
    if before in _PEER_OPTIONS:
        return sorted({*kernel_peers.names, LOCAL})
    if before == "--steps":
        return _steps(_peer_in(words))
    return list(OUTPUTS) if before == "--output" else options()


def _peer_in(words: list[str]) -> str | None:
    """The peer that the line names so far."""
    for option, name in pairwise(words):
        if option in _PEER_OPTIONS:
            return name.partition(",")[0]
    return None


def _steps(name: str | None) -> list[str]:
    """The IDs of the steps that this peer, or the newest one, can run; none where it does not say soon."""
    client = kernel_peers.connected(name)
    if client is None:
        return []
    found: list[str] = []

    def ask() -> None:
        try:
            found.extend(client.describe().steps)
        except BlazenError:
            return  # a Tab is no place to complain

    asking = threading.Thread(target=ask, name="blazen-complete", daemon=True)
    asking.start()
    asking.join(_ASK_SECONDS)
    return list(found)
