from __future__ import annotations

import re

import pytest

from blazen_nb.devices import Devices, Gpu
from blazen_nb.render.card import live_parts, static_card
from blazen_nb.render.device_history import DeviceHistory
from blazen_nb.render.devices import devices_fold, devices_line, devices_section, sparkline
from blazen_nb.render.panes import live_panes
from blazen_nb.render.text import terminal_text
from tests.unit.render_seen import HOSTILE, Seen
from tests.unit.render_story import running, succeeded

GIB = 1024**3


def gpu(use: float | None = 0.87, used: float = 11.2, name: str = "RTX 4090") -> Gpu:
    return Gpu(name=name, use=use, memory_used=int(used * GIB), memory_total=24 * GIB)


def sample(*gpus: Gpu, cpu: float = 0.34) -> Devices:
    return Devices(cpu=cpu, memory_used=int(18.4 * GIB), memory_total=64 * GIB, gpus=gpus, at=1.0)


def history(*samples: Devices) -> DeviceHistory:
    made = DeviceHistory()
    for each in samples:
        made.add(each)
    return made


def said(html: str) -> list[tuple[str, str]]:
    found = re.finditer(r'aria-label="([^"]*)".*?aria-valuetext="([^"]*)"', html)
    return [(each[1], each[2]) for each in found]


def test_a_gpu_shows_its_use_and_memory_before_those_of_the_host() -> None:
    assert said(devices_section(history(sample(gpu())))) == [
        ("GPU", "87 %"),
        ("GPU memory", "11.2 of 24 GiB"),
        ("CPU", "34 %"),
        ("Memory", "18.4 of 64 GiB"),
    ]


def test_a_host_without_gpus_shows_processors_and_memory() -> None:
    names = [name for name, _ in said(devices_section(history(sample())))]
    assert names == ["CPU", "Memory"]


def test_each_of_a_few_gpus_has_meters_and_many_share_them() -> None:
    two = said(devices_section(history(sample(gpu(0.5), gpu(None)))))
    assert [name for name, _ in two][:3] == ["GPU 0", "GPU 0 memory", "GPU 1 memory"]
    eight = said(devices_section(history(sample(*[gpu(n / 10, 2.0) for n in range(8)]))))
    assert eight[:2] == [("8 GPUs", "35 %"), ("GPU memory", "16.0 of 192 GiB")]
    assert len(eight) == 4


def test_a_gpu_that_goes_away_keeps_its_place() -> None:
    shown = said(devices_section(history(sample(gpu()), sample())))
    assert shown[0] == ("GPU", "not known")
    assert len(shown) == 4


def test_the_fold_tells_the_peaks_while_it_is_closed() -> None:
    samples = history(sample(gpu(0.93, 20.0), cpu=0.9), sample(gpu(0.1, 1.0), cpu=0.2))
    fold = devices_fold(samples)
    summary = re.search(r"<summary>(.*?)</summary>", fold)
    assert summary
    assert "peak: GPU 93 %, GPU memory 20.0 of 24 GiB, CPU 90 %" in summary[1]
    assert "<details>" in fold
    assert said(fold)[0] == ("GPU", "peak 93 %")


def test_peaks_outlive_the_samples_that_are_shown() -> None:
    samples = history(sample(gpu(0.99)), *[sample(gpu(0.1))] * 100)
    assert len(samples.samples) == 60
    assert said(devices_fold(samples))[0] == ("GPU", "peak 99 %")


@pytest.mark.parametrize("count", [1, 7, 60])
def test_a_sparkline_ends_at_the_right_edge_and_grows_to_the_left(count: int) -> None:
    line = re.findall(r'd="M([^"]*)"', sparkline([0.5] * count))[1]
    points = [float(point.split()[0]) for point in line.replace("h0", "").split("L")]
    assert points[-1] == 1000
    assert points[0] == pytest.approx(1000 - (count - 1) * 1000 / 59, abs=0.51)


def test_a_value_that_was_not_told_is_a_gap() -> None:
    assert sparkline([0.1, None, 0.2]).count("<path") == 4
    assert sparkline([None]).count("<path") == 0


def test_the_live_card_has_them_under_the_progress_and_the_one_that_stays_in_a_fold() -> None:
    state = running().state
    assert 'role="meter"' not in live_parts(state, 14.2)["meters"]
    state.devices.add(sample(gpu()))
    meters = live_parts(state, 14.2)["meters"]
    assert meters.index('role="progressbar"') < meters.index('role="meter"')
    done = succeeded().state
    text = terminal_text(done)
    done.devices.add(sample(gpu()))
    assert "<b>Devices</b>" in static_card(done)
    assert terminal_text(done) == text


def test_a_pane_has_one_line_of_them() -> None:
    state = running().state
    state.devices.add(sample(gpu()))
    assert "GPU 87 %, GPU memory 11.2 of 24 GiB" in live_panes([state], [14.2])["panes"]
    assert "CPU 34 %" in devices_line(history(sample()))
    assert devices_line(DeviceHistory()) == ""


def test_without_style_and_svg_the_values_read_as_text() -> None:
    seen = Seen(devices_section(history(sample(gpu()))))
    assert "GPU 87 %" in seen.text
    assert "GPU memory 11.2 of 24 GiB" in seen.text


def test_a_name_from_a_driver_is_never_markup() -> None:
    state = running().state
    state.devices.add(sample(gpu(name=HOSTILE)))
    assert HOSTILE not in "".join(live_parts(state, 1.0).values()) + static_card(state)


def test_the_card_stays_small_with_a_full_history_of_four_gpus() -> None:
    samples = history(*[sample(*[gpu(n % 7 / 7) for n in range(4)])] * 60)
    assert len(devices_section(samples)) < 20_000
