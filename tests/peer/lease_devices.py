"""A GPU that is none: what cells put there is counted while it lives, and a driver in NVML's place tells the sum."""

from __future__ import annotations

import weakref
from types import SimpleNamespace
from typing import Any

IDLE_BYTES = 1 << 20
"""What the driver says is in use while nothing is there."""
_there: dict[int, int] = {}


class Tensor:
    """Takes up device memory for as long as it lives."""

    def __init__(self, size: int) -> None:
        self.size = size
        _there[id(self)] = size
        weakref.finalize(self, _there.pop, id(self))


class FakeNvml:
    """One GPU."""

    def nvmlInit(self) -> None:  # noqa: N802
        pass

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetName(self, handle: int) -> str:  # noqa: N802
        return "Fake"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802
        return SimpleNamespace(used=IDLE_BYTES + sum(_there.values()), total=1 << 30)
