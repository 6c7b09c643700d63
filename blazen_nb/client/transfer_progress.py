"""How far a value in bulk is, for whoever shows it while a call waits; it knows neither gRPC nor a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from blazen_nb.wire.io_loop import IoLoop

T = TypeVar("T")

POLL_SECONDS = 0.1
"""How often a caller that awaits shows how far it is."""


class Progress:
    """A value on its way.

    Args:
        name: What it is and where it goes to or comes from, in words.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.total = 0
        """Bytes; 0 until that is known."""
        self.done = 0


class Shown(Protocol):
    """A picture of a transfer."""

    def update(self) -> None:
        """Called on the caller's own thread, some times a second, while the value is on its way."""

    def end(self) -> None:
        """Called there once it has come, or will not."""


_show: Callable[[Progress], Shown | None] | None = None


def show_transfers(show: Callable[[Progress], Shown | None] | None) -> None:
    """Have the transfers that calls wait for shown; None = no more."""
    global _show
    _show = show


def run_shown(io: IoLoop, coroutine: Coroutine[Any, Any, T], progress: Progress) -> T:
    """As ``IoLoop.run``, shown meanwhile."""
    shown = _show(progress) if _show is not None else None
    if shown is None:
        return io.run(coroutine)
    try:
        return io.run(coroutine, while_waiting=shown.update)
    finally:
        shown.end()


async def await_shown(io: IoLoop, coroutine: Coroutine[Any, Any, T], progress: Progress) -> T:
    """As ``IoLoop.awaited``, shown meanwhile."""
    shown = _show(progress) if _show is not None else None
    if shown is None:
        return await io.awaited(coroutine)
    task = asyncio.ensure_future(io.awaited(coroutine))
    try:
        while not (await asyncio.wait({task}, timeout=POLL_SECONDS))[0]:
            shown.update()
        return await task
    finally:
        task.cancel()
        await asyncio.wait({task})
        shown.end()
