"""How busy a peer is, as sections of its run's card: a value and its last minute each, in places that stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blazen_nb.devices import Devices, Gpu
from blazen_nb.render.device_history import SAMPLES, DeviceHistory
from blazen_nb.render.markup import esc, fold, section
from blazen_nb.render.words import clip, plural

GPUS_SHOWN = 4
"""With more of them than this a card shows what all of them do together."""
_GIB = 1024**3
_WIDTH = 1000
_HEIGHT = 28
_UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Meter:
    """One value and how it was before."""

    name: str
    said: str
    peak: str
    series: tuple[float | None, ...]
    """0 to 1, the oldest first; None where it was not told."""
    title: str = ""


def devices_section(history: DeviceHistory) -> str:
    """The meters of a live card; nothing before the first sample."""
    return section(_meters_html(meters(history), peaks=False))


def devices_fold(history: DeviceHistory) -> str:
    """The meters of a card that stays, with what they peaked at; the peaks can be read while it is closed."""
    shown = meters(history)
    if not shown:
        return ""
    most = ", ".join(f"{meter.name} {meter.peak}" for meter in shown[:4])
    return fold("Devices", f"peak: {most}", _meters_html(shown, peaks=True))


def devices_line(history: DeviceHistory) -> str:
    """``GPU 87 %, 11.2 of 24 GiB``: all there is room for in a pane; of a peer without GPUs its processors."""
    shown = meters(history)
    if not shown:
        return ""
    said = ", ".join(f"{meter.name} {meter.said}" for meter in shown[:2])
    return f'<p class="bzn-m">{esc(said)}</p>'


def meters(history: DeviceHistory) -> list[Meter]:
    """What there is to show, in an order that does not change: GPUs, processors, memory."""
    latest = history.latest
    if latest is None:
        return []
    many = len(history.gpus) > GPUS_SHOWN
    shown = (
        [_gpus_meters(history)] if many else [_gpu(history, i) for i in range(len(history.gpus))]
    )
    return [
        *(meter for pair in shown for meter in pair if any(v is not None for v in meter.series)),
        Meter(
            "CPU",
            _percent(latest.cpu),
            _percent(history.cpu_peak),
            tuple(sample.cpu for sample in history.samples),
        ),
        Meter(
            "Memory",
            _of(latest.memory_used, latest.memory_total),
            _of(history.memory_peak, latest.memory_total),
            tuple(_share(each.memory_used, each.memory_total) for each in history.samples),
        ),
    ]


def _gpu(history: DeviceHistory, index: int) -> list[Meter]:
    gpu, peak = history.gpus[index], history.gpu_peaks[index]
    name = f"GPU {index}" if len(history.gpus) > 1 else "GPU"
    seen = [sample.gpus[index] if index < len(sample.gpus) else None for sample in history.samples]
    now = seen[-1]
    title = clip(gpu.name, 60)
    return [
        Meter(
            name,
            _percent(now.use if now else None),
            _percent(peak.use),
            tuple(each.use if each else None for each in seen),
            title,
        ),
        Meter(
            f"{name} memory",
            _of(now.memory_used if now else None, gpu.memory_total),
            _of(peak.memory_used, gpu.memory_total),
            tuple(_share(each.memory_used, each.memory_total) if each else None for each in seen),
            title,
        ),
    ]


def _gpus_meters(history: DeviceHistory) -> list[Meter]:
    """All GPUs as one: their mean use and the sum of their memory."""
    name = plural(len(history.gpus), "GPU")
    used = tuple(_mean([gpu.use for gpu in each.gpus]) for each in history.samples)
    held = tuple(_sum(each, lambda gpu: gpu.memory_used) for each in history.samples)
    total = _sum_of([gpu.memory_total for gpu in history.gpus])
    title = clip(", ".join(dict.fromkeys(gpu.name for gpu in history.gpus)), 60)
    peaks = _mean([peak.use for peak in history.gpu_peaks])
    most = sum(peak.memory_used for peak in history.gpu_peaks)
    return [
        Meter(name, _percent(used[-1]), _percent(peaks), used, title),
        Meter(
            "GPU memory",
            _of(held[-1], total),
            _of(most, total),
            tuple(_share(each, total) for each in held),
            title,
        ),
    ]


def _sum(sample: Devices, of: Callable[[Gpu], int | None]) -> int | None:
    return _sum_of([of(gpu) for gpu in sample.gpus])


def _sum_of(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _meters_html(shown: Sequence[Meter], *, peaks: bool) -> str:
    if not shown:
        return ""
    few = " few" if peaks or len(shown) <= 2 else ""
    body = "".join(_meter_html(meter, peaks=peaks) for meter in shown)
    return f'<div class="bzn-dv{few}">{body}</div>'


def _meter_html(meter: Meter, *, peaks: bool) -> str:
    said = f"peak {meter.peak}" if peaks else meter.said
    now = meter.series[-1]
    value = "" if now is None else f' aria-valuenow="{100 * now:.0f}"'
    titled = f' title="{esc(meter.title)}"' if meter.title else ""
    return (
        f'<div role="meter" aria-label="{esc(meter.name)}" aria-valuemin="0" aria-valuemax="100"{value} '
        f'aria-valuetext="{esc(said)}"{titled}><div class="said"><span>{esc(meter.name)}</span> '
        f"<b>{esc(said)}</b></div>{sparkline(meter.series)}</div>"
    )


def sparkline(series: Sequence[float | None]) -> str:
    """The values as a line that moves through 60 fixed places and never stretches; a gap where one is missing."""
    runs: list[list[str]] = [[]]
    first = SAMPLES - len(series)
    for place, value in enumerate(series, first):
        if value is None:
            runs.append([])
            continue
        x = round(place * _WIDTH / (SAMPLES - 1))
        runs[-1].append(f"{x} {_HEIGHT - 1 - (_HEIGHT - 3) * min(1.0, max(0.0, value)):.1f}")
    paths = "".join(_path(points) for points in runs if points)
    return (
        f'<svg class="bzn-sp" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'aria-hidden="true">{paths}</svg>'
    )


def _path(points: list[str]) -> str:
    line = "L".join(points)
    left, right = points[0].split()[0], points[-1].split()[0]
    # h0: a single value is a dot.
    return (
        f'<path class="a" d="M{left} {_HEIGHT}L{line}L{right} {_HEIGHT}z"/>'
        f'<path stroke-linecap="round" d="M{line}{"h0" if len(points) == 1 else ""}"/>'
    )


def _percent(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.0%}".replace("%", " %")


def _of(used: int | None, total: int | None) -> str:
    if used is None:
        return _UNKNOWN
    if not total:
        return f"{used / _GIB:.1f} GiB"
    most = total / _GIB
    return f"{used / _GIB:.1f} of {most:.{0 if most >= 10 else 1}f} GiB"


def _share(used: int | None, total: int | None) -> float | None:
    return used / total if used is not None and total else None
