"""The kernel "Blazen peer", started by its kernelspec as Jupyter starts it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

from blazen_nb import PeerClient
from blazen_nb.kernelspec import PeerKernel, install
from blazen_nb.wire import connection_file
from tests.eventually import eventually
from tests.notebook.kernels import Kernel

NAME = "gpu-peer"
NAMES = "sorted(name for name in dir() if not name.startswith('_'))"


@pytest.fixture(scope="module")
def spec(own_environment: Path) -> str:
    """An installed kernelspec."""
    return install(PeerKernel(name=NAME, node_id="gpu-box"))


@contextmanager
def started(name: str, folder: Path | None = None) -> Iterator[Kernel]:
    """A kernel of this spec, as the first front end sees it."""
    manager, client = start_new_kernel(
        kernel_name=name, extra_arguments=["--log-level=50"], cwd=folder and str(folder)
    )
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def peer_kernel(spec: str) -> Iterator[Kernel]:
    """A kernel that is a peer."""
    with started(spec) as kernel:
        yield kernel


def pid_of(kernel: Kernel) -> int:
    return int(kernel.run("__import__('os').getpid()").text)


def files_of(pid: int) -> list[connection_file.ConnectionFile]:
    return [file for file in connection_file.live() if file.pid == pid]


def test_another_notebook_finds_it_and_its_cells_run_in_this_very_process(
    peer_kernel: Kernel, fresh_kernel: Kernel
) -> None:
    fresh_kernel.run("%load_ext blazen_nb")
    connected = fresh_kernel.run("%blazen_connect local")
    assert connected.stdout == "local: connected to peer gpu-box\n"
    cell = fresh_kernel.run("%%blazen_remote\nimport os\nos.getpid()")
    assert int(cell.text) == pid_of(peer_kernel) != pid_of(fresh_kernel)


def test_it_is_a_peer_before_its_first_cell(spec: str) -> None:
    manager, client = start_new_kernel(kernel_name=spec, extra_arguments=["--log-level=50"])
    try:
        assert manager.provisioner is not None
        (file,) = files_of(manager.provisioner.pid)  # type: ignore[attr-defined]
        with PeerClient.connect(file.address) as peer:
            assert peer.node_id == "gpu-box"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_nothing_of_the_peer_is_among_the_notebooks_variables(
    peer_kernel: Kernel, fresh_kernel: Kernel
) -> None:
    assert peer_kernel.run(NAMES).text == fresh_kernel.run(NAMES).text
    assert peer_kernel.run("%blazen_peers").stdout.startswith("no peers")
    assert len(files_of(pid_of(peer_kernel))) == 1
    shown = peer_kernel.run("%blazen_serve").shown[0]["text/plain"]
    assert shown == f"PeerServer(gpu-box, serving on {files_of(pid_of(peer_kernel))[0].address})"


def test_its_own_cells_run_as_in_any_kernel(peer_kernel: Kernel) -> None:
    cell = peer_kernel.run("print('here')\nimport pandas as pd\npd.DataFrame({'a': [1]})")
    assert cell.stdout == "here\n"
    assert "<table" in cell.result["text/html"]
    assert peer_kernel.run("1 / 0").error == "ZeroDivisionError"


def test_a_file_of_the_notebooks_folder_takes_no_part_in_its_start(
    spec: str, tmp_path: Path
) -> None:
    (tmp_path / "traitlets.py").write_text("raise RuntimeError('not me')")
    (tmp_path / "mine.py").write_text("value = 7")
    with started(spec, tmp_path) as kernel:
        assert kernel.run("import mine\nmine.value").text == "7"


def test_an_interrupt_ends_its_cell_and_it_serves_on(
    peer_kernel: Kernel, fresh_kernel: Kernel
) -> None:
    running = peer_kernel.send("print('loops')\nwhile True:\n    pass")
    peer_kernel.wait_for(running, "loops")
    fresh_kernel.run("%load_ext blazen_nb")
    fresh_kernel.run("%blazen_connect local")
    assert fresh_kernel.run("%%blazen_remote\n6 * 7").text == "42"
    peer_kernel.interrupt()
    assert peer_kernel.wait(running).error == "KeyboardInterrupt"
    assert fresh_kernel.run("%%blazen_remote\n6 * 8").text == "48"


def test_after_a_restart_it_is_found_where_it_is_now(
    peer_kernel: Kernel, fresh_kernel: Kernel
) -> None:
    before = pid_of(peer_kernel)
    fresh_kernel.run("%load_ext blazen_nb")
    fresh_kernel.run("%blazen_connect local")
    peer_kernel.manager.restart_kernel(now=False)
    after = eventually(
        lambda: [f.pid for f in connection_file.live() if f.node_id == "gpu-box"], 10
    )
    assert before not in after
    assert fresh_kernel.run("%blazen_connect local").stdout == "local: connected to peer gpu-box\n"
    assert [int(fresh_kernel.run("%%blazen_remote\nimport os\nos.getpid()").text)] == after


def test_of_two_the_newest_is_local_and_one_that_was_killed_is_none(
    peer_kernel: Kernel, spec: str, fresh_kernel: Kernel
) -> None:
    fresh_kernel.run("%load_ext blazen_nb")
    with started(spec) as newer:
        fresh_kernel.run("%blazen_connect local")
        remote = "%%blazen_remote\nimport os\nos.getpid()"
        assert int(fresh_kernel.run(remote).text) == pid_of(newer)
        killed = pid_of(newer)
        newer.kill()
        eventually(lambda: not newer.manager.is_alive())
        assert files_of(killed) == []
        fresh_kernel.run("%blazen_connect local")
        assert int(fresh_kernel.run(remote).text) == pid_of(peer_kernel)


def test_where_it_cannot_be_a_peer_it_is_a_kernel_and_says_so_once(own_environment: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        name = install(PeerKernel(name="taken", address=address))
        manager, client = start_new_kernel(kernel_name=name, extra_arguments=["--log-level=50"])
        try:
            ticket = client.execute("1 + 1")
            said = ""
            while True:
                message = client.get_iopub_msg(timeout=10)
                if message["parent_header"].get("msg_id") != ticket:
                    continue
                if message["msg_type"] == "stream":
                    said += message["content"]["text"]
                elif message["content"].get("execution_state") == "idle":
                    break
            assert f"this kernel is no peer: cannot listen on {address}" in said
            assert Kernel(manager, client).run("2 + 2").stderr == ""
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def test_with_the_environments_token_another_kernel_of_it_finds_the_peer(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", "a-token-of-more-than-thirty-two-characters")
    with started(spec) as peer, Kernel.started() as notebook:
        notebook.run("%load_ext blazen_nb")
        connected = notebook.run("%blazen_connect local")
        assert connected.stdout == "local: connected to peer gpu-box\n"
        assert os.environ["BLAZEN_PEER_TOKEN"] not in str(peer.run("%blazen_serve").shown)
