"""How busy this machine is right now: the host by psutil, its GPUs by NVML; both are loaded at the first sample."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from blazen_nb.devices import Devices, Gpu
from blazen_nb.peer.memory_limit import memory_limit

_LOOK_SECONDS = 0.1
"""How long the first sample looks at the processors: use is a difference between two moments."""
_STALE_SECONDS = 5.0
"""After so long without a sample the next one looks anew: the mean over all that time would say nothing."""
_MASK = "CUDA_VISIBLE_DEVICES"


class DeviceSampler:
    """Takes samples, one at a time, from any thread.

    Args:
        nvml: Stands for the module ``pynvml``; default that, where it is installed and finds a driver.
        environment: Where CUDA_VISIBLE_DEVICES is looked up at each sample; default the process's own.
    """

    def __init__(
        self, nvml: Any = None, environment: Callable[[str], str | None] = os.environ.get
    ) -> None:
        self._gpus = _Gpus(nvml, environment)
        self._times: tuple[float, float] = (0.0, 0.0)
        self._timed_at: float | None = None

    def sample(self) -> Devices:
        """What the devices do now; the first sample takes a moment longer."""
        import psutil

        now = time.monotonic()
        if self._timed_at is None or now - self._timed_at > _STALE_SECONDS:
            self._times = _cpu_times(psutil)
            time.sleep(_LOOK_SECONDS)
        cpu = self._cpu(psutil)
        memory = psutil.virtual_memory()
        used, total = memory.total - memory.available, memory.total
        limit = memory_limit()
        if limit is not None and limit.total < total:
            used, total = limit.used, limit.total
        return Devices(
            cpu=cpu,
            memory_used=used,
            memory_total=total,
            gpus=self._gpus.sample(),
            at=time.time(),
            process_memory=psutil.Process().memory_info().rss,
        )

    def _cpu(self, psutil: ModuleType) -> float:
        busy_before, all_before = self._times
        self._times = busy, total = _cpu_times(psutil)
        self._timed_at = time.monotonic()
        spent = total - all_before
        return min(1.0, max(0.0, (busy - busy_before) / spent)) if spent > 0 else 0.0


def _cpu_times(psutil: ModuleType) -> tuple[float, float]:
    """Seconds in which processors worked, and all seconds. psutil's own percentages are kept for each thread."""
    times = psutil.cpu_times()
    # Time of guests is part of user time on Linux already.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    total = sum(times) - guests
    return total - times.idle - getattr(times, "iowait", 0.0), total


class _Gpus:
    """The GPUs that CUDA sees; none where there is no driver, and nobody is told more than once that there is none."""

    def __init__(self, nvml: Any, environment: Callable[[str], str | None]) -> None:
        self._nvml = nvml
        self._environment = environment
        self._is_open: bool | None = None
        self._seen: list[Any] = []
        self._mask: str | None = None

    def sample(self) -> tuple[Gpu, ...]:
        mask = self._environment(_MASK)
        if self._is_open is None:
            self._is_open = self._open()
            self._seen = self._visible(mask)
        elif mask != self._mask:  # code of a step may have set it
            self._seen = self._visible(mask)
        self._mask = mask
        return tuple(self._one(handle) for handle in self._seen)

    def _open(self) -> bool:
        try:
            if self._nvml is None:
                import pynvml

                self._nvml = pynvml
            self._nvml.nvmlInit()
        except (
            Exception
        ):  # no package, no driver, or one that fails: all the same, no GPUs to tell of
            return False
        return True

    def _visible(self, mask: str | None) -> list[Any]:
        if not self._is_open:
            return []
        count = self._asked("nvmlDeviceGetCount") or 0
        every = [self._asked("nvmlDeviceGetHandleByIndex", index) for index in range(count)]
        if mask is None:
            return [handle for handle in every if handle is not None]
        found: list[Any] = []
        for name in mask.split(","):
            handle = self._named(name.strip(), every)
            if handle is None:
                break  # CUDA sees the devices before the first that is not there
            found.append(handle)
        return found

    def _named(self, name: str, every: list[Any]) -> Any:
        """The device of an index or a UUID, which may be abbreviated.

        Indexes are NVML's, those of CUDA_DEVICE_ORDER=PCI_BUS_ID: CUDA's own order may differ between unlike GPUs.
        """
        if name.isdecimal():
            return every[int(name)] if int(name) < len(every) else None
        if name.startswith("MIG-"):
            return self._asked("nvmlDeviceGetHandleByUUID", name)
        if not name.startswith("GPU-"):
            return None
        uuids = [_text(self._asked("nvmlDeviceGetUUID", handle)) for handle in every]
        matches = [
            handle for handle, uuid in zip(every, uuids, strict=True) if uuid.startswith(name)
        ]
        return matches[0] if len(matches) == 1 else None

    def _one(self, handle: Any) -> Gpu:
        rates = self._asked("nvmlDeviceGetUtilizationRates", handle)
        memory = self._asked("nvmlDeviceGetMemoryInfo", handle)
        return Gpu(
            name=_text(self._asked("nvmlDeviceGetName", handle)) or "GPU",
            use=None if rates is None else rates.gpu / 100,
            memory_used=None if memory is None else int(memory.used),
            memory_total=None if memory is None else int(memory.total),
        )

    def _asked(self, name: str, *arguments: Any) -> Any:
        """The driver's answer; None where it refuses."""
        try:
            return getattr(self._nvml, name)(*arguments)
        except (
            Exception
        ):  # what a driver does not support, and a device that has fallen off the bus
            return None


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
