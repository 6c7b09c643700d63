"""A clock that stands still until a test moves it; timers run on the thread that moves it."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable


class _Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """See TimerHandle."""
        self.callback = None


class FakeClock:
    """See blazen_nb.engine.timers.Clock."""

    def __init__(self) -> None:
        self._now = 0.0
        self._heap: list[tuple[float, int, _Timer]] = []
        self._ids = itertools.count()
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        """How far the test has moved it."""
        return self._now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> _Timer:
        """See Clock."""
        timer = _Timer(callback)
        with self._changed:
            heapq.heappush(self._heap, (self._now + seconds, next(self._ids), timer))
            self._changed.notify_all()
        return timer

    def advance(self, seconds: float) -> None:
        """Move on, and have every timer that is due by then called in order."""
        target = self._now + seconds
        while (callback := self._pop_due(target)) is not None:
            callback()
        self._now = target

    def wait_for_timer(self, seconds: float, timeout: float = 5.0) -> None:
        """Return once a timer is set that is due in this many seconds from now."""
        with self._changed:
            found = self._changed.wait_for(lambda: seconds in self.pending(), timeout)
        assert found, f"no timer of {seconds} s was set, only {self.pending()}"

    def pending(self) -> list[float]:
        """In how many seconds each timer that was not cancelled is due."""
        return [due - self._now for due, _, timer in sorted(self._heap) if timer.callback]

    def _pop_due(self, target: float) -> Callable[[], None] | None:
        with self._changed:
            while self._heap and self._heap[0][0] <= target:
                due, _, timer = heapq.heappop(self._heap)
                if timer.callback is not None:
                    self._now = due
                    return timer.callback
        return None
