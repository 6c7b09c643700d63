"""Who wants to know that a peer's sessions or runs have changed; it knows neither."""

from __future__ import annotations

import logging
from collections.abc import Callable

_log = logging.getLogger("blazen_nb.peer")


class Watchers:
    """Called at each change, on the thread that made it, without a word: they look for themselves, later."""

    def __init__(self) -> None:
        self._watchers: tuple[Callable[[], object], ...] = ()

    def add(self, watcher: Callable[[], object]) -> None:
        """One more; it must be brief."""
        self._watchers = (*self._watchers, watcher)

    def tell(self) -> None:
        """Something has changed; a watcher that fails is no reason for the peer to."""
        for watcher in self._watchers:
            try:
                watcher()
            except Exception:
                _log.exception("what a peer does could not be shown")
