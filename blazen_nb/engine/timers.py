"""The clock that runs are given: what time it is, and callbacks later. The real one is a thread of its own.

One timer thread for the process, not the caller's event loop: a loop that a step blocks could not time that step
out. Callbacks only feed ticks, so they are short.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

_log = logging.getLogger("blazen_nb.engine")

IDLE_SECONDS = 0.5
"""How long the timer thread lives on without a timer."""


class TimerHandle(Protocol):
    """A callback that is due later."""

    def cancel(self) -> None:
        """Forget it; nothing happens where it has already run."""


class Clock(Protocol):
    """Monotonic time, and callbacks after a while, from any thread."""

    def monotonic(self) -> float:
        """Seconds, only differences mean something."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> TimerHandle:
        """Have the callback called once after this many seconds, on a thread of the clock's."""


class _Timer:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ThreadClock:
    """The real clock: a heap and one daemon thread that is there only while timers are."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _Timer]] = []
        self._ids = itertools.count()
        self._sweep_at = 1024
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def call_later(self, seconds: float, callback: Callable[[], None]) -> TimerHandle:
        """See Clock."""
        timer = _Timer(callback)
        with self._changed:
            if len(self._heap) >= self._sweep_at:
                self._sweep()
            heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._ids), timer))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="blazen-timers", daemon=True)
                self._thread.start()
            elif self._heap[0][2] is timer:
                self._changed.notify()
        return timer

    def _sweep(self) -> None:
        # Most runs end long before their timeout: what they cancelled must not stay until it would have been due.
        self._heap = [entry for entry in self._heap if entry[2].callback is not None]
        heapq.heapify(self._heap)
        self._sweep_at = max(1024, 2 * len(self._heap))

    def _run(self) -> None:
        while True:
            callback = self._next_due()
            if callback is None:
                return
            try:
                callback()
            except Exception:
                _log.exception("a timer's callback failed")
            del (
                callback
            )  # what it holds (a run, its values) must not live until the next one is due

    def _next_due(self) -> Callable[[], None] | None:
        """Wait for the next timer that is still wanted; None ends the thread."""
        with self._changed:
            while True:
                while self._heap and self._heap[0][2].callback is None:
                    heapq.heappop(self._heap)
                if not self._heap:
                    if not self._changed.wait(IDLE_SECONDS) and not self._heap:
                        self._thread = None
                        return None
                    continue
                wait = self._heap[0][0] - time.monotonic()
                if wait > 0:
                    self._changed.wait(min(wait, threading.TIMEOUT_MAX))
                    continue
                timer = heapq.heappop(self._heap)[2]
                # Read once: another thread may cancel it at any moment.
                callback, timer.callback = timer.callback, None
                if callback is not None:
                    return callback


thread_clock = ThreadClock()
"""The process's clock."""
