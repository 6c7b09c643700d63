"""Has a notebook's event loop wake up while a cell awaits, so that an interrupt is felt; does nothing outside of kernels.

ipykernel notes an interrupt for the loop without waking it: a cell that awaits one long thing would be stopped when
that is over. One timer of the loop is enough for all who wait, and a wait that is short pays for none.
"""

from __future__ import annotations

import asyncio
import sys
import threading

BEAT_SECONDS = 0.05
"""An interrupted cell also has to print where it was, which takes 0.1 s the first time."""
_MAIN = threading.main_thread().ident
"""Only on this thread a signal is handled."""


class _Heart:
    """The timer of one loop."""

    __slots__ = ("_is_set", "loop", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting = 0
        self._is_set = False

    def start(self) -> None:
        """Beat while somebody waits."""
        self.waiting += 1
        if not self._is_set:
            self._is_set = True
            self.loop.call_later(BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        self._is_set = self.waiting > 0
        if self._is_set:
            self.loop.call_later(BEAT_SECONDS, self._beat)


_heart: _Heart | None = None


class interruptible:  # noqa: N801 - used as a verb: with interruptible(): await ...
    """Within the block, which only awaits, an interrupt of the kernel is felt within BEAT_SECONDS."""

    __slots__ = ("_heart",)

    def __enter__(self) -> None:
        self._heart = _heart_of_this_loop()
        if self._heart is not None:
            self._heart.start()

    def __exit__(self, *_: object) -> None:
        if self._heart is not None:
            self._heart.waiting -= 1


def _heart_of_this_loop() -> _Heart | None:
    global _heart
    if "ipykernel.kernelapp" not in sys.modules or threading.get_ident() != _MAIN:
        return None
    loop = asyncio.get_running_loop()
    if _heart is None or _heart.loop is not loop:
        _heart = _Heart(loop)
    return _heart
