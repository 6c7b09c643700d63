"""Samples of the devices for whoever asks: taken on a thread, because a driver may block, and shared."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from blazen_nb.devices import Devices
from blazen_nb.peer.devices import DeviceSampler

SHARED_SECONDS = 0.5
"""Who asks within so long of a sample gets the same one."""

_log = logging.getLogger("blazen_nb.peer")

Told = Callable[[Devices], object]
Refused = Callable[[BaseException], object]


class DeviceReports:
    """The peer's one sampler; its thread lives only while somebody waits."""

    def __init__(self, sample: Callable[[], Devices] | None = None) -> None:
        self._sample = sample or DeviceSampler().sample
        self._lock = threading.Lock()
        self._waiting: list[tuple[Told, Refused]] = []
        self._thread: threading.Thread | None = None
        self._last: Devices | None = None
        self._sampled_at = 0.0

    def ask(self, told: Told, refused: Refused) -> None:
        """Have one of them called: at once where the last sample is new enough, else from another thread."""
        with self._lock:
            last = self._last
            if last is None or time.monotonic() - self._sampled_at >= SHARED_SECONDS:
                last = None
                self._waiting.append((told, refused))
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._work, name="blazen-devices", daemon=True
                    )
                    self._thread.start()
        if last is not None:
            told(last)

    def close(self) -> None:
        """The thread is gone, once a driver that is being asked has answered."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(1)

    def _work(self) -> None:
        while True:
            error: BaseException | None = None
            sample: Devices | None = None
            try:
                sample = self._sample()
            except Exception as failed:
                error = failed
            with self._lock:
                waiting, self._waiting = self._waiting, []
                self._last, self._sampled_at = sample, time.monotonic()
            for told, refused in waiting:
                self._tell(sample, error, told, refused)
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return

    def _tell(
        self, sample: Devices | None, error: BaseException | None, told: Told, refused: Refused
    ) -> None:
        try:
            if sample is not None:
                told(sample)
            elif error is not None:
                refused(error)
        except Exception:
            _log.debug("nobody took a sample of the devices", exc_info=True)
