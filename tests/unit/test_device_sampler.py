"""What a peer measures: the real host by psutil, GPUs by a driver that is put in NVML's place."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from blazen_nb.devices import Devices, Gpu
from blazen_nb.peer.device_reports import DeviceReports
from blazen_nb.peer.devices import DeviceSampler
from blazen_nb.peer.memory_limit import MemoryLimit, memory_limit
from tests.eventually import eventually

GIB = 1024**3


class NVMLError(Exception):
    """As pynvml raises it."""


class FakeNvml:
    """Three GPUs; a name among ``refused`` is not supported."""

    def __init__(self, *refused: str) -> None:
        self.refused = set(refused)
        self.starts = 0
        self.uuids = ["GPU-aa11", "GPU-ab22", "GPU-cc33"]

    def nvmlInit(self) -> None:  # noqa: N802
        self.starts += 1
        self._check("nvmlInit")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:  # noqa: N802
        raise NVMLError(f"no {uuid}")

    def nvmlDeviceGetUUID(self, handle: int) -> str:  # noqa: N802
        return self.uuids[handle]

    def nvmlDeviceGetName(self, handle: int) -> bytes:  # noqa: N802
        return f"Fake {handle}".encode()

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:  # noqa: N802
        self._check("nvmlDeviceGetUtilizationRates")
        return SimpleNamespace(gpu=10 * handle + 7, memory=1)

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802
        self._check("nvmlDeviceGetMemoryInfo")
        return SimpleNamespace(used=(handle + 1) * GIB, total=24 * GIB, free=0)

    def _check(self, name: str) -> None:
        if name in self.refused:
            raise NVMLError("not supported")


def gpus(nvml: FakeNvml, mask: str | None = None) -> tuple[Gpu, ...]:
    return DeviceSampler(nvml, lambda _: mask).sample().gpus


def names(mask: str | None) -> list[str]:
    return [gpu.name for gpu in gpus(FakeNvml(), mask)]


def test_a_sample_of_this_host_agrees_with_what_psutil_says() -> None:
    before = time.time()
    sample = DeviceSampler(FakeNvml("nvmlInit")).sample()
    limit = memory_limit()
    host = psutil.virtual_memory().total
    assert sample.memory_total == min(host, limit.total if limit else host)
    assert 0 < sample.memory_used < sample.memory_total
    assert 0 <= sample.cpu <= 1
    assert before <= sample.at <= time.time()


def test_a_processor_that_works_shows() -> None:
    sampler = DeviceSampler(FakeNvml("nvmlInit"))
    sampler.sample()
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        pass
    assert sampler.sample().cpu > 0.5 / (psutil.cpu_count() or 1)


def test_gpus_are_told_with_their_use_and_memory() -> None:
    assert gpus(FakeNvml())[1] == Gpu(
        name="Fake 1", use=0.17, memory_used=2 * GIB, memory_total=24 * GIB
    )


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (None, ["Fake 0", "Fake 1", "Fake 2"]),
        ("2,0", ["Fake 2", "Fake 0"]),
        ("", []),
        ("-1", []),
        ("1,9,0", ["Fake 1"]),
        ("GPU-cc33", ["Fake 2"]),
        ("GPU-ab", ["Fake 1"]),
        ("GPU-a", []),
        ("MIG-unknown", []),
        ("²", []),
    ],
)
def test_only_devices_that_cuda_may_see_are_told(mask: str | None, expected: list[str]) -> None:
    assert names(mask) == expected


def test_a_mask_that_a_step_sets_later_counts() -> None:
    mask: list[str | None] = [None]
    sampler = DeviceSampler(FakeNvml(), lambda _: mask[0])
    assert len(sampler.sample().gpus) == 3
    mask[0] = "1"
    assert [gpu.name for gpu in sampler.sample().gpus] == ["Fake 1"]


def test_what_the_driver_refuses_is_left_out_alone() -> None:
    (gpu, *_) = gpus(FakeNvml("nvmlDeviceGetUtilizationRates"))
    assert (gpu.use, gpu.memory_used) == (None, GIB)
    (gpu, *_) = gpus(FakeNvml("nvmlDeviceGetMemoryInfo"))
    assert (gpu.use, gpu.memory_used, gpu.memory_total) == (0.07, None, None)


def test_without_a_driver_there_are_no_gpus_and_it_is_looked_for_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nvml = FakeNvml("nvmlInit")
    sampler = DeviceSampler(nvml, lambda _: "0")
    assert [sampler.sample().gpus for _ in range(3)] == [(), (), ()]
    assert nvml.starts == 1
    assert caplog.records == []


def test_a_machine_without_the_package_has_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert DeviceSampler().sample().gpus == ()


def test_a_peer_loads_neither_package_before_somebody_asks() -> None:
    probe = """
import sys
from blazen_nb import PeerServer
with PeerServer("gpu-box") as server:
    server.start()
    print([name for name in ("psutil", "pynvml") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.gpu
def test_the_driver_of_a_real_gpu_answers() -> None:
    if not list(Path("/dev").glob("nvidia[0-9]*")):
        pytest.skip(
            "NOT RUN: this machine has no NVIDIA GPU, so nothing here has asked a real NVML"
        )
    found = DeviceSampler(environment=lambda _: None).sample().gpus
    assert found
    for gpu in found:
        assert gpu.name not in ("", "GPU")
        assert gpu.memory_total is not None
        assert gpu.memory_used is not None
        assert 0 <= gpu.memory_used <= gpu.memory_total
        assert gpu.use is None or 0 <= gpu.use <= 1


# --- control groups --------------------------------------------------------------------------------------------


def group(root: Path, path: str, **files: str) -> None:
    folder = root / "sys/fs/cgroup" / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def process_in(root: Path, *lines: str) -> None:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("\n".join(lines) + "\n")


def test_the_smallest_limit_around_the_process_counts_without_its_cache(tmp_path: Path) -> None:
    process_in(tmp_path, "0::/pod/job")
    stat = "anon 5\ninactive_file 30\n"
    group(tmp_path, "pod", memory__max="1000\n", memory__current="130\n", memory__stat=stat)
    group(tmp_path, "pod/job", memory__max="max\n", memory__current="120\n", memory__stat=stat)
    assert memory_limit(tmp_path) == MemoryLimit(used=100, total=1000)


def test_the_older_kind_of_control_group_is_read_too(tmp_path: Path) -> None:
    process_in(tmp_path, "5:cpu,cpuacct:/a", "4:memory:/a")
    group(
        tmp_path,
        "memory/a",
        memory__limit_in_bytes="500\n",
        memory__usage_in_bytes="90\n",
        memory__stat="inactive_file 1\ntotal_inactive_file 40\n",
    )
    assert memory_limit(tmp_path) == MemoryLimit(used=50, total=500)


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) is None


# --- sharing ---------------------------------------------------------------------------------------------------


def sample(cpu: float = 0.5) -> Devices:
    return Devices(cpu=cpu, memory_used=1, memory_total=2, at=3.0)


def refused(error: object) -> None:
    raise AssertionError(error)


def test_all_who_ask_within_half_a_second_share_one_sample() -> None:
    taken: list[Devices] = []

    def take() -> Devices:
        taken.append(sample())
        return taken[-1]

    reports = DeviceReports(take)
    told: list[Devices] = []
    for _ in range(3):
        reports.ask(told.append, refused)
    eventually(lambda: len(told) == 3)
    reports.ask(told.append, refused)
    assert told == [taken[0]] * 4
    assert len(taken) == 1
    reports.close()


def test_a_sample_that_fails_is_told_and_the_next_one_is_new() -> None:
    def take() -> Devices:
        raise OSError("gone")

    reports = DeviceReports(take)
    errors: list[BaseException] = []
    reports.ask(refused, errors.append)
    eventually(lambda: len(errors) == 1)
    reports.ask(refused, errors.append)
    eventually(lambda: len(errors) == 2)
    assert [type(error) for error in errors] == [OSError, OSError]
    reports.close()
