"""A peer as a process of its own, and clients that are killed: who is told, and what is left."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from blazen_nb import PeerClient
from blazen_nb.errors import RunLostError, TransportError
from blazen_nb.wire import connection_file
from tests.eventually import eventually
from tests.peer.conftest import SECONDS
from tests.peer.processes import PeerProcess, port_is_free, wait_for_file

SECRET = "a-token-that-nobody-may-see"

CALLER = """
import sys
from blazen_nb import PeerClient
address, folder, how = sys.argv[1:]
client = PeerClient.connect(address)
if how == "blocking":
    client.run_remote_workflow("blocking", ["served::waits"], {"folder": folder})
handle = client.start_remote_workflow("started", ["served::waits"], {"folder": folder})
next(handle.events())
print("started", flush=True)
handle.result()
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[PeerProcess]:
    arguments = ("--steps", "served_steps", "--node-id", "gpu-box", "--reconnect", "0")
    with PeerProcess(tmp_path, *arguments) as process:
        yield process


def caller(served: PeerProcess, folder: Path, how: str) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", CALLER, served.address, str(folder), how]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def test_a_killed_clients_blocking_call_ends_once_it_is_not_waited_for(
    served: PeerProcess, tmp_path: Path
) -> None:
    with (
        PeerClient.connect(served.address) as watcher,
        caller(served, tmp_path, "blocking") as other,
    ):
        eventually(lambda: len(watcher.describe().runs) == 1, 8)
        other.kill()
        eventually(lambda: watcher.describe().runs == ())
        assert wait_for_file(tmp_path / "told")
        eventually(lambda: watcher.describe().sessions == 1)


def test_a_killed_clients_started_run_goes_on_to_its_end(
    served: PeerProcess, tmp_path: Path
) -> None:
    with (
        PeerClient.connect(served.address) as watcher,
        caller(served, tmp_path, "started") as other,
    ):
        assert other.stdout is not None
        assert other.stdout.readline() == b"started\n"
        other.kill()
        eventually(lambda: watcher.describe().sessions == 1)
        assert [run["workflow_name"] for run in watcher.describe().runs] == ["started"]
        (tmp_path / "go").touch()
        assert wait_for_file(tmp_path / "done") == str(served.process.pid)
        eventually(lambda: watcher.describe().runs == ())


def test_the_threads_of_a_killed_client_are_gone_from_the_peer(
    served: PeerProcess, tmp_path: Path
) -> None:
    with PeerClient.connect(served.address) as watcher:
        watcher.run_remote_workflow("w", ["served::double"], {"x": 1})
        process = psutil.Process(served.process.pid)
        before = process.num_threads()
        for _ in range(2):
            with caller(served, tmp_path, "blocking") as other:
                eventually(lambda: len(watcher.describe().runs) == 1, 8)
                other.kill()
            eventually(lambda: watcher.describe().sessions == 1)
        eventually(lambda: process.num_threads() <= before + 1)


def test_a_killed_peer_is_a_lost_run_for_those_who_wait(
    served: PeerProcess, tmp_path: Path
) -> None:
    with PeerClient.connect(served.address, reconnect=0.3) as client:
        handle = client.start_remote_workflow("w", ["served::waits"], {"folder": str(tmp_path)})
        assert next(handle.events()).event_type == "Waiting"
        served.kill()
        with pytest.raises(RunLostError, match=handle.run_id):
            handle.result(SECONDS)
        assert handle.outcome == "lost"
        with pytest.raises(TransportError):
            client.describe()


def test_sigterm_lets_the_run_in_flight_finish_and_takes_no_new_one(
    served: PeerProcess, tmp_path: Path
) -> None:
    with PeerClient.connect(served.address) as client:
        handle = client.start_remote_workflow("w", ["served::waits"], {"folder": str(tmp_path)})
        assert next(handle.events()).event_type == "Waiting"
        served.process.send_signal(signal.SIGTERM)

        def refused() -> bool:
            try:
                client.run_remote_workflow("w", ["served::double"], {"x": 1})
            except TransportError as error:
                return "shutting down" in str(error)
            return False

        eventually(refused)
        assert handle.outcome is None
        (tmp_path / "go").touch()
        assert handle.result(SECONDS).result == "went on"
        assert served.process.wait(SECONDS) == 0
    assert port_is_free(served.address)
    assert served.noise == []


def test_a_result_of_many_parts_arrives_whole_although_the_peer_ends(
    served: PeerProcess, tmp_path: Path
) -> None:
    with PeerClient.connect(served.address) as client:
        fields = {"folder": str(tmp_path), "times": 3 << 20}
        handle = client.start_remote_workflow("w", ["served::waits"], fields)
        assert next(handle.events()).event_type == "Waiting"
        served.process.send_signal(signal.SIGTERM)
        (tmp_path / "go").touch()
        assert handle.result(SECONDS).result == "went on" * (3 << 20)
        assert served.process.wait(SECONDS) == 0


def test_sigterm_ends_an_idle_peer_at_once_and_takes_its_connection_file(
    served: PeerProcess,
) -> None:
    assert [file.node_id for file in connection_file.live()] == ["gpu-box"]
    own = psutil.Process(served.process.pid)
    with_it = [own, *own.children(recursive=True)]
    assert served.terminate(2) == 0
    assert port_is_free(served.address)
    assert connection_file.live() == []
    eventually(lambda: not any(process.is_running() for process in with_it))


def test_no_token_is_in_what_a_peer_process_prints(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET)
    file.chmod(0o600)
    with PeerProcess(
        tmp_path, "--verbose", "--steps", "served_steps", "--token-file", str(file)
    ) as served:
        with PeerClient.connect(served.address, token=SECRET) as client:
            client.run_remote_workflow("w", ["served::double"], {"x": 1})
        assert SECRET not in " ".join(psutil.Process(served.process.pid).cmdline())
        assert served.terminate() == 0
        assert served.process.stdout is not None
        assert SECRET not in served.errors + served.process.stdout.read().decode()
