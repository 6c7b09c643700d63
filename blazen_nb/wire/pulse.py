"""Whether the other side of a connection is still there: pings of HTTP/2 end at the first proxy, so frames tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

BEAT_SECONDS = 15.0
"""How often a client says that it is there, and asks the peer to."""
SILENT_SECONDS = 40.0
"""Who has said nothing for so long is gone."""
LOOK_SECONDS = 5.0
"""How often a client looks. A dead connection is known as one after at most 45 s."""


class Pulse:
    """When the other side was heard last.

    Args:
        now: A clock in seconds that does not go back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._heard = self._looked = self._beaten = now()

    def heard(self) -> None:
        """Something came."""
        self._heard = self._now()

    @property
    def is_dead(self) -> bool:
        """Whether nothing has come for too long."""
        return self._now() - self._heard > SILENT_SECONDS

    def look(self) -> bool:
        """Whether it is time to ask whether the other side is there.

        To be called every LOOK_SECONDS. Where that was not done, this process was held up, or slept with its machine:
        what came meanwhile gets a moment to be read before the silence counts.
        """
        now = self._now()
        overslept = now - self._looked - LOOK_SECONDS
        self._looked = now
        if overslept > LOOK_SECONDS:
            self._heard = max(self._heard, now - SILENT_SECONDS + LOOK_SECONDS / 2)
        elif now - self._beaten < BEAT_SECONDS:
            return False
        self._beaten = now
        return True

    async def watch(self, ask: Callable[[], None]) -> None:
        """Ask now and then; return once the other side is gone."""
        while not self.is_dead:
            await asyncio.sleep(LOOK_SECONDS)
            if self.look():
                ask()


def clock() -> Callable[[], float]:
    """Seconds that also pass while the machine sleeps, where the system has such a clock."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic if boottime is None else lambda: time.clock_gettime(boottime)
