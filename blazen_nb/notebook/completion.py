"""Completion in the line of ``%%blazen_remote``: its options, and the names of connected peers; asks no peer."""

from __future__ import annotations

from typing import Any

from blazen_nb.notebook.arguments import options
from blazen_nb.notebook.peers import LOCAL, kernel_peers

_PEER_OPTIONS = ("-p", "--peer")


def complete(_: Any, event: Any) -> list[str]:
    """What may stand where the cursor is; IPython calls it with its shell and what was typed so far."""
    words = event.text_until_cursor.split()
    at_new_word = event.text_until_cursor.endswith(" ")
    before = words[-1 if at_new_word else -2] if len(words) > 1 else ""
    if before in _PEER_OPTIONS:
        return sorted({*kernel_peers.names, LOCAL})
    return options()
