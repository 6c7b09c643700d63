"""When a transfer that broke is taken up again, and when that is given up."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from blazen_nb.client.backoff import pauses
from blazen_nb.errors import DamagedError, TransportError

if TYPE_CHECKING:
    from blazen_nb.client.link import PeerLink

GIVE_UP_SECONDS = 60.0
"""How long no byte may arrive; shorter than the peer remembers the transfer."""


class Retry:
    """The breaks of one transfer: pauses grow until bytes arrive again."""

    def __init__(self, link: PeerLink) -> None:
        self._link = link
        self.progressed()

    def progressed(self) -> None:
        """Bytes have arrived."""
        self._pauses = pauses()
        self._until = time.monotonic() + GIVE_UP_SECONDS
        self._damaged = 0

    async def pause(self, error: TransportError) -> None:
        """Return when it is time to go on.

        Raises:
            DamagedError: The same bytes were damaged twice.
            TransportError: The session is gone, or nothing has come for long.
        """
        self._damaged += isinstance(error, DamagedError)
        if self._damaged > 1:
            raise DamagedError(
                f"a value for or from peer {self._link.node_id} arrived damaged twice; something on the way alters it"
            )
        if not self._link.is_open or time.monotonic() > self._until:
            raise error
        await asyncio.sleep(next(self._pauses))
