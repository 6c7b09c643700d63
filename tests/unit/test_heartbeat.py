"""The timer that lets a kernel's loop feel an interrupt; that it does is tested in a real kernel."""

from __future__ import annotations

import asyncio
import sys
import types
from typing import Any

import pytest

from blazen_nb.engine import heartbeat
from blazen_nb.engine.heartbeat import interruptible


class Timers:
    """What was asked of a loop for later, and what it did of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set = 0
        loop = asyncio.get_running_loop()
        call_later = loop.call_later

        def counted(delay: float, callback: Any, *args: Any, **options: Any) -> Any:
            if getattr(callback, "__name__", "") == "_beat":
                self.set += 1
                delay = 0.0
            return call_later(delay, callback, *args, **options)

        monkeypatch.setattr(loop, "call_later", counted)


@pytest.fixture
def in_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", types.ModuleType("kernelapp"))
    monkeypatch.setattr(heartbeat, "_heart", None)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_outside_of_kernels_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel.kernelapp", raising=False)
    timers = Timers(monkeypatch)
    with interruptible():
        await turns(5)
    assert timers.set == 0


@pytest.mark.usefixtures("in_a_kernel")
async def test_in_a_kernel_the_loop_wakes_while_somebody_waits_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timers = Timers(monkeypatch)
    with interruptible(), interruptible():
        assert timers.set == 1  # one for all who wait
        await turns(20)
        assert timers.set > 2
    await turns(5)
    over = timers.set
    await turns(5)
    assert timers.set == over
    with interruptible():
        assert timers.set == over + 1


@pytest.mark.usefixtures("in_a_kernel")
async def test_another_thread_hears_no_interrupt_and_sets_nothing() -> None:
    async def waits() -> None:
        with interruptible():
            await turns(1)

    await asyncio.to_thread(asyncio.run, waits())
    assert heartbeat._heart is None
