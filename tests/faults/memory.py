"""What processes take while something is done, as Linux counts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
MIB = 1 << 20


def taken(pids: Sequence[int], work: Callable[[], T]) -> tuple[T, list[int]]:
    """What the work gives, and the most bytes that each process took meanwhile beside what it had."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
    before = [_memory(pid, "VmRSS") for pid in pids]
    result = work()
    return result, [_memory(pid, "VmHWM") - had for pid, had in zip(pids, before, strict=True)]


def _memory(pid: int, name: str) -> int:
    line = next(line for line in _status(pid) if line.startswith(f"{name}:"))
    return int(line.split()[1]) << 10


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()
