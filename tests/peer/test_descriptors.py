"""What C code and child processes of a peer write to the descriptors 1 and 2: its log has it, nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import PeerClient
from blazen_nb.errors import RunLostError, TransportError
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.updates import Output
from tests.eventually import eventually
from tests.peer.conftest import SECONDS
from tests.peer.processes import PeerProcess

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="only where POSIX pipes are")

LOUD = """
import ctypes, os, subprocess, sys
subprocess.run(["echo", "from a child"])
subprocess.run([sys.executable, "-c", "import sys; print('its error', file=sys.stderr)"])
subprocess.run(["echo", "given our stream"], stdout=sys.stdout)
os.write(1, b"by number\\n")
os.write(2, b"red \\x1b[31mink\\x1b[0m\\n10 %\\r20 %\\n")
libc = ctypes.CDLL(None)
libc.printf(b"from C\\n")
libc.fflush(None)
print("from Python")
print("its stderr", file=sys.stderr)
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[PeerProcess]:
    with PeerProcess(tmp_path) as process:
        yield process


def said_by(process: PeerProcess, text: str, seconds: float = SECONDS) -> tuple[str, Any]:
    """What the cell prints, and its result."""
    with PeerClient.connect(process.address) as client:
        handle = client.start_cell(parse_cell(text, label="cell [1]", first_line=2))
        said = [update.text for update in handle.updates() if isinstance(update, Output)]
        return "".join(said), handle.result(seconds).result


def rest_of_stdout(process: PeerProcess) -> bytes:
    assert process.process.stdout is not None
    return process.process.stdout.read()


def test_it_is_marked_in_the_log_and_not_on_standard_output(served: PeerProcess) -> None:
    said, _ = said_by(served, LOUD)
    assert said == "from Python\nits stderr\n"
    assert served.terminate() == 0
    assert sorted(served.written(1)) == ["by number", "from C", "from a child", "given our stream"]
    assert served.written(2) == ["its error", "red ink", "20 %"]
    assert len(served.noise) == 7
    assert rest_of_stdout(served) == b""


def test_it_is_in_the_log_at_once_and_a_line_that_does_not_end_soon(served: PeerProcess) -> None:
    said_by(served, "import os; os.write(1, b'at once\\n'); os.write(2, b'Password: ')")
    eventually(lambda: served.written(1) == ["at once"])
    eventually(lambda: served.written(2) == ["Password:"])


def test_workers_of_a_fork_pool_are_heard(served: PeerProcess) -> None:
    text = (
        "import multiprocessing, os, warnings\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "def work(n):\n"
        "    print('worker', n, flush=True)\n"
        "    os.write(2, b'raw %d\\n' % n)\n"
        "    return n\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    done = pool.map(work, range(4))\n"
        "sum(done)"
    )
    assert said_by(served, text) == ("", 6)
    assert served.terminate() == 0
    assert sorted(served.written(1)) == [f"worker {n}" for n in range(4)]
    assert sorted(served.written(2)) == [f"raw {n}" for n in range(4)]
    assert rest_of_stdout(served) == b""


def test_a_flood_is_cut_and_counted(served: PeerProcess) -> None:
    lines = 300_000
    text = f"import os\ndata = b'x' * 30 + b'\\n'\nfor _ in range({lines // 1000}):\n    os.write(1, data * 1000)"
    said_by(served, text, 8)
    assert served.terminate() == 0
    written = served.written(1)
    kept = [line for line in written if line == "x" * 30]
    cut = [line for line in written if line.startswith("... ")]
    assert len(served.errors) < 2_000_000
    assert sum(int(line.split()[1].replace(",", "")) for line in cut) + len(kept) == lines


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pipe's size is the system's")
def test_c_code_that_keeps_the_interpreter_to_itself_can_write_half_a_mebibyte(
    served: PeerProcess,
) -> None:
    text = (
        "import ctypes\n"
        "data = (b'y' * 63 + b'\\n') * 8192\n"
        "ctypes.PyDLL(None).write(1, data, len(data))"  # PyDLL keeps the lock
    )
    assert said_by(served, text, 8) == ("", 1 << 19)


def test_a_child_that_lives_on_does_not_hold_up_the_end(served: PeerProcess) -> None:
    _, child = said_by(served, "import subprocess\nsubprocess.Popen(['sleep', '60']).pid")
    try:
        assert served.terminate() == 0
    finally:
        os.kill(child, 9)


def test_a_crash_is_told_where_python_tells_it(tmp_path: Path) -> None:
    with PeerProcess(tmp_path, environment={"PYTHONFAULTHANDLER": "1"}) as served:
        with PeerClient.connect(served.address, reconnect=0) as client:
            text = "import faulthandler\nfaulthandler._sigsegv()"
            # The peer may be gone before it has said that it has the cell, or after.
            with pytest.raises((RunLostError, TransportError)):
                client.start_cell(parse_cell(text, label="cell [1]", first_line=2)).result(SECONDS)
        assert served.process.wait(SECONDS) == -signal.SIGSEGV
        assert "Fatal Python error: Segmentation fault" in served.errors


def test_a_log_that_nobody_reads_holds_up_neither_who_writes_nor_the_peer() -> None:
    command = [sys.executable, "-m", "blazen_nb.cli", "serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        address = process.stdout.readline().decode().split()[-1]
        with PeerClient.connect(address) as client:
            text = "import os\nfor _ in range(200):\n    os.write(1, (b'x' * 99 + b'\\n') * 100)\n'through'"
            handle = client.start_cell(parse_cell(text, label="cell [1]", first_line=2))
            assert handle.result(SECONDS).result == "through"
            client.ping()
        process.terminate()
        assert process.wait(8) == 0
    finally:
        process.kill()
        process.communicate()


def test_afterwards_the_descriptors_streams_and_threads_are_as_before(tmp_path: Path) -> None:
    code = """
import faulthandler, logging, os, sys, threading
from blazen_nb.peer.capture.descriptors import logged_descriptors
faulthandler.enable()
before = sys.stdout, sys.stderr, os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else []
for _ in range(3):
    with logged_descriptors():
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", force=True)
        print("printed")
        os.write(1, b"raw\\n")
after = sys.stdout, sys.stderr, os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else []
assert after == before, (before, after)
assert threading.active_count() == 1
logging.info("still there")
os.write(1, b"back\\n")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=20
    )
    assert done.stdout == "printed\n" * 3 + "back\n"
    assert done.stderr == "blazen_nb.output: [fd 1] raw\n" * 3 + "root: still there\n"
    assert done.returncode == 0


def test_a_peer_inside_another_process_leaves_its_descriptors_alone() -> None:
    code = """
import os
from blazen_nb import PeerServer
with PeerServer("gpu-box") as server:
    server.start()
    os.write(1, b"mine\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "mine\n"
