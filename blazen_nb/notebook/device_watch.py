"""Learns how busy a peer is while a cell shows its run: asks now and then, waits for no answer."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from blazen_nb.devices import Devices
from blazen_nb.errors import BlazenError
from blazen_nb.render.device_history import DeviceHistory

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.device_calls import DeviceAsking

ASK_SECONDS = 1.0
"""The time between two questions, and before the first: a run that is over by then shows no meters."""


class DeviceWatch:
    """Questions to one peer, and the history that its answers go to.

    ``look`` is called on the thread that shows the run; answers come on the I/O loop and wait for its next look.
    """

    def __init__(self, client: DeviceAsking, history: DeviceHistory) -> None:
        self._client = client
        self._history = history
        self._answers: deque[Devices | BlazenError] = deque()
        self._asked_at = time.monotonic()
        self._waits = False
        self._is_over = False

    def look(self) -> None:
        """Take what has been answered, and ask again where it is time; returns at once."""
        while self._answers:
            self._waits = False
            self._take(self._answers.popleft())
        now = time.monotonic()
        if self._is_over or self._waits or now - self._asked_at < ASK_SECONDS:
            return
        self._asked_at, self._waits = now, True
        try:
            self._client.ask_devices(self._answers.append)
        except BlazenError:
            self._is_over = True

    def _take(self, answer: Devices | BlazenError) -> None:
        if isinstance(answer, BlazenError):
            # Of an older peer, of one that speaks only Blazen's wire, or of a connection that is gone: the run's
            # own story tells of that, and nobody misses a meter.
            self._is_over = True
        else:
            self._history.add(answer)
