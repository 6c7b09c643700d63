"""A namespace's cell thread: an event loop on a thread of its own, where its cells and async steps run.

It may be blocked by what runs on it; then it is replaced, and goes on with what it still has until that is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class LoopThread:
    """The thread and its loop, running from the start."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._lanes = 0
        self._retired = False
        self._jobs: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._scheduled = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.get_ident() == self._thread.ident

    def post(self, job: Callable[..., None], *args: Any) -> None:
        """Have the job called on the thread, soon; many posts share one wake-up."""
        self._jobs.append((job, args))
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon_threadsafe(self._work)

    def _work(self) -> None:
        self._scheduled = False
        while self._jobs:
            job, args = self._jobs.popleft()
            job(*args)

    def lane_started(self) -> None:
        """One lane more; on the thread."""
        self._lanes += 1

    def lane_ended(self, _: object = None) -> None:
        """One lane less; a retired thread ends with its last; on the thread."""
        self._lanes -= 1
        if self._retired and self._lanes <= 0:
            self.loop.stop()

    def retire(self) -> None:
        """Let it end once its lanes have; it gets no new ones."""
        self.post(self._retire)

    def _retire(self) -> None:
        self._retired = True
        if self._lanes <= 0:
            self.loop.stop()

    def close(self) -> None:
        """Cancel what runs on it and let it end; a thread that is blocked ends when it comes back."""
        with contextlib.suppress(RuntimeError):  # it has ended already
            self.loop.call_soon_threadsafe(self.loop.stop)

    def join(self, timeout: float) -> None:
        """Wait for its end at most this many seconds."""
        if not self.is_here:
            self._thread.join(timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self.loop.run_until_complete(asyncio.wait(tasks, timeout=1))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()
