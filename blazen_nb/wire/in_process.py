"""Sessions whose client and peer are one process: what stands behind refs is handed over as it is, without a wire."""

from __future__ import annotations

import os
from typing import Any, Protocol

from blazen_nb.shipping.described import RefInfo


class Objects(Protocol):
    """The objects that a peer of this process keeps for one session. Thread-safe."""

    def find(self, uuid: str) -> Any:
        """The object behind a ref.

        Raises:
            SessionRefError: It is gone, or another user's.
        """

    def keep(self, value: Any) -> RefInfo:
        """Keep this object for as long as its reader holds the ref.

        Raises:
            SessionRefError: The session has ended.
        """


# By the secret with which a session is taken up again: no peer elsewhere knows one of a session here.
_sessions: dict[str, Objects] = {}
os.register_at_fork(after_in_child=_sessions.clear)  # the child has the objects, but no peer


def announce(secret: str, objects: Objects) -> None:
    """Have the session's client find its objects."""
    if secret:
        _sessions[secret] = objects


def withdraw(secret: str) -> None:
    """The session has ended."""
    _sessions.pop(secret, None)


def objects_of(secret: str) -> Objects | None:
    """What the peer keeps for a session; None where the peer is another process, or hands nothing over."""
    return _sessions.get(secret)
