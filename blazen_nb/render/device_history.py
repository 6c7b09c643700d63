"""How busy a peer was while a run went on: the last samples and the highest values; no HTML, no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from blazen_nb.devices import Devices, Gpu

SAMPLES = 60


@dataclass(slots=True)
class GpuPeak:
    """The most that was seen of one GPU; 0 where it tells nothing."""

    use: float = 0.0
    memory_used: int = 0


@dataclass(slots=True)
class DeviceHistory:
    """Samples, the oldest first, and what they peaked at since the run started."""

    samples: deque[Devices] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    gpus: list[Gpu] = field(default_factory=list)
    """Each GPU ever seen, as it was last seen: one that goes away keeps its place."""
    gpu_peaks: list[GpuPeak] = field(default_factory=list)
    cpu_peak: float = 0.0
    memory_peak: int = 0

    def add(self, sample: Devices) -> None:
        """The sample is the newest."""
        self.samples.append(sample)
        self.cpu_peak = max(self.cpu_peak, sample.cpu)
        self.memory_peak = max(self.memory_peak, sample.memory_used)
        for index, gpu in enumerate(sample.gpus):
            if index == len(self.gpus):
                self.gpus.append(gpu)
                self.gpu_peaks.append(GpuPeak())
            self.gpus[index] = gpu
            peak = self.gpu_peaks[index]
            peak.use = max(peak.use, gpu.use or 0.0)
            peak.memory_used = max(peak.memory_used, gpu.memory_used or 0)

    @property
    def latest(self) -> Devices | None:
        """The newest sample."""
        return self.samples[-1] if self.samples else None
