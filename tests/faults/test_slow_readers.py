"""A client that stops reading in a flood of output: the peer stays small, loses nothing, and serves the others.

Prints are cut to head and tail by design, and the log has all of them; events are never cut.
"""

from __future__ import annotations

import hashlib
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from blazen_nb import PeerClient
from blazen_nb.client.sync_handle import RunHandle
from blazen_nb.updates import Ended, EventPublished, Output, OutputCut, StepStarted, Update
from tests.eventually import eventually
from tests.faults.flood_steps import ROW, row
from tests.faults.memory import MIB, taken
from tests.faults.proxy import Proxy
from tests.faults.scale import scale
from tests.peer.processes import PeerProcess

if sys.platform != "linux":
    pytest.skip("what a process takes is read from /proc", allow_module_level=True)

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(scale(30, 600))]

ROWS = scale(100, 1_000) * 1_000_000 // ROW
"""100 MB, or 1 GB."""
SECONDS = scale(20.0, 300.0)
MOST = 100 * MIB
IS_TAKEN_FOR_DEAD = scale(False, True)
"""Whether the reader stands still until the peer gives its connection up, which takes up to 45 s."""
TOKEN = "slow"
READS = f"""
import sys
from blazen_nb import PeerClient
from blazen_nb.updates import EventPublished
from tests.faults.flood_steps import row
client = PeerClient.connect(sys.argv[1], token={TOKEN!r})
handle = client.attach(sys.argv[2])
seqs = numbers = 0
for update in handle.updates():
    seqs += 1
    assert update.seq == seqs, (update.seq, seqs)
    if isinstance(update, EventPublished):
        assert (update.event.n, update.event.text) == (numbers, row(numbers))
        numbers += 1
    elif numbers == 0:
        print(type(update).__name__, flush=True)
print(numbers, handle.result(5).result, flush=True)
"""


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[PeerProcess]:
    """A peer in a process of its own."""
    folders = filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])
    environment = {"PYTHONPATH": os.pathsep.join(folders), "BLAZEN_PEER_TOKEN": TOKEN}
    with PeerProcess(tmp_path, "--steps", "flood_steps", environment=environment) as peer:
        yield peer


@pytest.fixture
def other(peer: PeerProcess) -> Iterator[PeerClient]:
    """A client that reads."""
    with PeerClient.connect(peer.address, token=TOKEN) as client:
        yield client


@pytest.fixture
def proxy(peer: PeerProcess) -> Iterator[Proxy]:
    """The slow client's way to the peer."""
    with Proxy(int(peer.address.rpartition(":")[2])) as way:
        yield way


@pytest.fixture
def slow(proxy: Proxy) -> Iterator[PeerClient]:
    """The client whose way falls silent."""
    with PeerClient.connect(proxy.address, token=TOKEN) as client:
        yield client


def started(client: PeerClient, kind: str, gate: Path, rows: int = ROWS) -> RunHandle:
    """A flood that waits for its gate; its step has begun."""
    handle = client.start_remote_workflow(
        kind, [f"flood::{kind}"], {"rows": rows, "gate": str(gate)}
    )
    while not isinstance(handle.next_update(SECONDS), StepStarted):
        pass
    return handle


def warmed_up(client: PeerClient, folder: Path) -> None:
    """What the peer loads and makes once is there: none of it belongs to the flood."""
    gate = folder / "open"
    gate.touch()
    for kind in ("events", "prints"):
        started(client, kind, gate, 2_000).result(SECONDS)


def calls_while(client: PeerClient, goes_on: Iterator[bool]) -> list[float]:
    """How long small runs take, one after the other; each gives what it should."""
    times = []
    for number, _ in enumerate(goes_on):
        began = time.monotonic()
        assert (
            client.run_remote_workflow("w", ["flood::double"], {"x": number}).result == 2 * number
        )
        times.append(time.monotonic() - began)
    return times


def is_running(client: PeerClient, run_id: str) -> Iterator[bool]:
    """True again and again, until the run has ended."""
    while any(run["run_id"] == run_id for run in client.describe().runs):
        yield True


@contextmanager
def others_served(client: PeerClient, run_id: str, title: str) -> Iterator[None]:
    """Others' runs work as long as this one goes on."""
    before = calls_while(client, iter([True] * 30))
    yield
    during = calls_while(client, is_running(client, run_id))
    assert during
    times = f"{_spread(before)} before, {_spread(during)} during ({len(during)})"
    print(f"\n{title}: others' runs {times}")


def _spread(times: list[float]) -> str:
    return f"{1e3 * statistics.median(times):.1f} ms, at most {1e3 * max(times):.0f} ms"


def require_little(extra: int, title: str) -> None:
    """The peer took few bytes beside what it had."""
    print(f"{title}: {extra / MIB:.0f} MiB beside what the peer had")
    assert extra < MOST


def read_after_the_flood(
    title: str, handle: RunHandle, proxy: Proxy, other: PeerClient, gate: Path
) -> list[Update]:
    """All updates of a run that told everything while nothing passed on the way to its reader."""
    proxy.silence()
    with others_served(other, handle.run_id, title):
        proxy.passed_at.clear()
        gate.touch()
    assert proxy.passed_at == []
    proxy.speak()
    updates = list(handle.updates())
    assert [u.seq for u in updates] == list(range(updates[0].seq, updates[-1].seq + 1))
    assert isinstance(updates[-1], Ended)
    return updates


def test_events_of_a_reader_that_is_cut_off_all_arrive_later(
    peer: PeerProcess, other: PeerClient, proxy: Proxy, slow: PeerClient, tmp_path: Path
) -> None:
    warmed_up(other, tmp_path)
    gate = tmp_path / "gate"
    handle = started(slow, "events", gate)
    updates, (extra,) = taken(
        [peer.process.pid], lambda: read_after_the_flood("events", handle, proxy, other, gate)
    )
    require_little(extra, "events")
    seen = [u.event for u in updates if isinstance(u, EventPublished)]
    assert all(event.n == n and event.text == row(n) for n, event in enumerate(seen))
    assert len(seen) == handle.result(SECONDS).result == ROWS


def test_prints_of_a_reader_that_is_cut_off_are_counted_and_all_in_the_log(
    peer: PeerProcess, other: PeerClient, proxy: Proxy, slow: PeerClient, tmp_path: Path
) -> None:
    gate, log = tmp_path / "gate", tmp_path / "log"

    def flood() -> list[Update]:
        updates = read_after_the_flood("prints", handle, proxy, other, gate)
        assert handle.save_log(log) == ROWS * ROW
        return updates

    warmed_up(other, tmp_path)
    handle = started(slow, "prints", gate)
    updates, (extra,) = taken([peer.process.pid], flood)
    require_little(extra, "prints")
    shown = [u.text for u in updates if isinstance(u, Output)]
    cut = sum(u.characters for u in updates if isinstance(u, OutputCut))
    assert sum(map(len, shown)) + cut == ROWS * ROW
    assert cut > ROWS * ROW / 2
    assert shown[0].startswith(row(0))
    assert shown[-1].endswith(row(ROWS - 1) + "\n")
    with log.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    wanted = hashlib.sha256()
    for number in range(ROWS):
        wanted.update(f"{row(number)}\n".encode())
    assert found == wanted.hexdigest()


def test_a_reader_whose_process_stands_still_reads_on_where_it_was(
    peer: PeerProcess, other: PeerClient, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    warmed_up(other, tmp_path)
    handle = started(other, "events", gate)
    with subprocess.Popen(
        [sys.executable, "-c", READS, peer.address, handle.run_id],
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        try:
            eventually(partial(_has_begun, reader), SECONDS)
            handle.detach()

            def flood() -> str:
                assert other.describe().sessions == 2
                reader.send_signal(signal.SIGSTOP)
                with others_served(other, handle.run_id, "a process that stands still"):
                    gate.touch()
                if IS_TAKEN_FOR_DEAD:
                    eventually(lambda: other.describe().sessions == 1, 60.0)
                reader.send_signal(signal.SIGCONT)
                assert reader.stdout is not None
                return reader.stdout.read()

            said, (extra,) = taken([peer.process.pid], flood)
        finally:
            reader.kill()
    require_little(extra, "a process that stands still")
    assert said.split()[-2:] == [str(ROWS)] * 2


def _has_begun(reader: subprocess.Popen[str]) -> bool:
    assert reader.stdout is not None
    return reader.stdout.readline().strip() == "StepStarted"
