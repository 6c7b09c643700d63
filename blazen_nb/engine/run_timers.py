"""The timers of one run: what is due when, and what is left of one whose time stands still."""

from __future__ import annotations

from collections.abc import Callable

from blazen_nb.engine.ticks import HoldTimer, StartTimer, StopTimer, TimerCommand, TimerKey
from blazen_nb.engine.timers import Clock, TimerHandle


class RunTimers:
    """Timers by key; used under the run's lock.

    It knows its run only through what it is to call: a run is free at once when it has ended, without the collector.
    """

    __slots__ = ("_clock", "_going", "_held")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._going: dict[TimerKey, tuple[TimerHandle, float]] = {}
        self._held: dict[TimerKey, float] = {}

    def carry_out(self, command: TimerCommand, fire: Callable[[], None]) -> None:
        """Do what the rules ask of a timer; ``fire`` is called when it is due."""
        if isinstance(command, StartTimer):
            self.start(command.key, command.seconds, fire)
        elif isinstance(command, StopTimer):
            self.stop(command.key)
        elif isinstance(command, HoldTimer):
            self.hold(command.key)
        else:
            self.go_on(command.key, fire)

    def start(self, key: TimerKey, seconds: float, fire: Callable[[], None]) -> None:
        """Call it in this many seconds, on a thread of the clock's; a timer of that key begins anew."""
        self.stop(key)
        handle = self._clock.call_later(seconds, fire)
        self._going[key] = handle, self._clock.monotonic() + seconds

    def stop(self, key: TimerKey) -> None:
        """Forget it."""
        self._held.pop(key, None)
        going = self._going.pop(key, None)
        if going is not None:
            going[0].cancel()

    def hold(self, key: TimerKey) -> None:
        """Let its time stand still."""
        left = self.left(key)
        if left is not None:
            self.stop(key)
            self._held[key] = left

    def go_on(self, key: TimerKey, fire: Callable[[], None]) -> None:
        """Let its time go on after a hold."""
        left = self._held.get(key)
        if left is not None:
            self.start(key, left, fire)

    def left(self, key: TimerKey) -> float | None:
        """Seconds until it is due; None where there is no such timer."""
        if key in self._held:
            return self._held[key]
        going = self._going.get(key)
        return max(0.0, going[1] - self._clock.monotonic()) if going is not None else None
