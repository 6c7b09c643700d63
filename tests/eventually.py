"""Waiting for a condition that nothing announces; where there is an event or a future, wait for that instead."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(predicate: Callable[[], T], timeout: float = 5.0, message: str = "") -> T:
    """The first true value of ``predicate``; an AssertionError once ``timeout`` seconds have passed without one."""
    deadline = time.monotonic() + timeout
    pause = 0.001
    while not (value := predicate()):
        if time.monotonic() >= deadline:
            name = getattr(predicate, "__name__", repr(predicate))
            raise AssertionError(message or f"not within {timeout} s: {name}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return value
