"""The process's I/O loop: one private event loop on a daemon thread, home of every grpc.aio object.

One loop for clients and servers alike: two grpc.aio loops in a process disturb each other. It is never the user's
own loop, so a cell that blocks stops no heartbeat.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from typing import Any, TypeVar

from blazen_nb.engine.heartbeat import interruptible
from blazen_nb.errors import ValidationError

T = TypeVar("T")

POLL_SECONDS = 0.1
"""How often a blocked caller wakes up to notice an interrupt."""


class IoLoop:
    """The loop and its thread; ``acquire`` gives the process's one, ``release`` gives it back."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._users = 0
        self._thread = threading.Thread(target=self._run, name="blazen-io", daemon=True)
        self._thread.start()
        self.thread_id = self._thread.ident

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        pending = asyncio.all_tasks(self.loop)
        for task in pending:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    @property
    def is_here(self) -> bool:
        """Whether the caller is on the loop's own thread."""
        # A thread's number is given out again after its end.
        return threading.get_ident() == self.thread_id and self._thread.is_alive()

    def run(
        self,
        coroutine: Coroutine[Any, Any, T],
        timeout: float | None = None,
        while_waiting: Callable[[], object] | None = None,
    ) -> T:
        """The coroutine's result; the caller blocks but stays interruptible, and an interrupt cancels it.

        Args:
            timeout: In seconds.
            while_waiting: Called by the caller's thread every ``POLL_SECONDS``; then there is no timeout.

        Raises:
            ValidationError: Called on the loop itself, where waiting would never end.
        """
        if self.is_here:
            coroutine.close()
            raise ValidationError(
                "a blocking call on the I/O loop would wait for itself; use the async client"
            )
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            while while_waiting is not None and not wait([future], POLL_SECONDS).done:
                while_waiting()
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    async def awaited(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result, for a caller on a loop of its own; a cancelled caller cancels it."""
        with interruptible():
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self.loop))


# Reentrant: a finalizer that runs while this thread holds it gives a loop back, too.
_lock = threading.RLock()
_shared: IoLoop | None = None


def acquire() -> IoLoop:
    """The process's I/O loop, started where it is not; give it back with ``release``."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = IoLoop()
        _shared._users += 1
        return _shared


def release(io: IoLoop) -> None:
    """One user less; with the last one the loop and its thread end."""
    global _shared
    with _lock:
        io._users -= 1
        if io._users > 0:
            return
        if _shared is io:
            _shared = None
    io.loop.call_soon_threadsafe(io.loop.stop)
    if not io.is_here:
        io._thread.join(2)


def _end_at_exit() -> None:
    """Nobody has closed what lives there; its tasks end here, or the interpreter would complain about each."""
    io = _shared
    if io is not None and not io.is_here:
        io.loop.call_soon_threadsafe(io.loop.stop)
        io._thread.join(1)


# Registered at import, so it runs after the servers have closed themselves.
atexit.register(_end_at_exit)


def is_current() -> bool:
    """Whether the caller is on the thread of the process's I/O loop."""
    return _shared is not None and _shared.is_here


def _forget_in_child() -> None:
    """A forked child has the object but not the thread."""
    global _shared, _lock
    _lock = threading.RLock()
    _shared = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
