"""Clocks of the bench: one call after the other, many callers at once. Knows nothing of what is measured."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
"""Factor on how long a turn measures."""

LATENCY_SECONDS = 0.5 * SCALE
RATE_SECONDS = 0.5 * SCALE
WARM_CALLS = 60

Sample = dict[str, Any]
"""What a turn gives back: ``value``, or ``error``; a ``note`` stands beside the figure in the table."""


def latency(call: Callable[[], Any]) -> Sample:
    """Microseconds a call takes, one caller, one call after the other."""
    warm_until = time.perf_counter() + LATENCY_SECONDS / 2
    for _ in range(WARM_CALLS):
        call()
        if time.perf_counter() > warm_until:
            break
    clock, taken = time.perf_counter_ns, []
    end = time.perf_counter() + LATENCY_SECONDS
    while time.perf_counter() < end:
        began = clock()
        call()
        taken.append(clock() - began)
    return spread(taken)


async def latency_async(call: Callable[[], Awaitable[Any]]) -> Sample:
    """As ``latency``, awaited."""
    warm_until = time.perf_counter() + LATENCY_SECONDS / 2
    for _ in range(WARM_CALLS):
        await call()
        if time.perf_counter() > warm_until:
            break
    clock, taken = time.perf_counter_ns, []
    end = time.perf_counter() + LATENCY_SECONDS
    while time.perf_counter() < end:
        began = clock()
        await call()
        taken.append(clock() - began)
    return spread(taken)


async def rate_async(call: Callable[[], Awaitable[Any]], callers: int = 32) -> Sample:
    """Calls a second with so many tasks calling at once."""
    count = 0
    end = 0.0

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await call()
            count += 1

    await asyncio.gather(*[call() for _ in range(callers)])
    began = time.perf_counter()
    end = began + RATE_SECONDS
    await asyncio.gather(*[caller() for _ in range(callers)])
    return {"value": count / (time.perf_counter() - began), "n": count}


def rate_threads(call: Callable[[], Any], callers: int = 32) -> Sample:
    """Calls a second with so many threads calling at once."""
    counts = [0] * callers
    line = threading.Barrier(callers + 1)

    def caller(number: int) -> None:
        call()
        line.wait()
        end = time.perf_counter() + RATE_SECONDS
        while time.perf_counter() < end:
            call()
            counts[number] += 1

    threads = [threading.Thread(target=caller, args=(i,), daemon=True) for i in range(callers)]
    for thread in threads:
        thread.start()
    line.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return {"value": sum(counts) / (time.perf_counter() - began), "n": sum(counts)}


def bulk_rate(transfer: Callable[[], Any], size: int, passes: int = 3) -> Sample:
    """GB (10**9 bytes) a second of a transfer of this many bytes, the median of some after a first one."""
    transfer()
    taken = []
    for _ in range(passes):
        began = time.perf_counter()
        kept = transfer()
        taken.append(time.perf_counter() - began)
        del kept  # or the next one has less memory to go to
    return {"value": size / median(taken) / 1e9, "best": size / min(taken) / 1e9}


def spread(nanoseconds: list[int]) -> Sample:
    """Median and 99th percentile, in microseconds."""
    ordered = sorted(nanoseconds)
    n = len(ordered)
    return {
        "value": ordered[n // 2] / 1e3,
        "p99": ordered[min(n - 1, n * 99 // 100)] / 1e3,
        "n": n,
    }


def median(values: list[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2
