"""What ends leaves nothing behind: no thread, no port, no process, no run that nobody will ever read."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading

import grpc
import pytest

from blazen_nb import AsyncPeerClient, PeerClient, PeerServer
from blazen_nb.errors import (
    AuthError,
    TransportError,
    UnknownStepError,
    WorkflowCancelledError,
)
from blazen_nb.testing import LocalPeer
from blazen_nb.wire import connection_file
from tests.eventually import eventually
from tests.peer.conftest import SECONDS
from tests.peer.processes import port_is_free
from tests.peer.test_bad_input import echo, waits

SECRET = "a-token-that-nobody-may-see"


def our_threads() -> set[str]:
    """Names of threads that only exist while a client or a server does, or that work for one."""
    gc.collect()
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith("blazen") or "_poll_wrapper" in name} - {
        "blazen-timers"  # one for the process, a daemon, as long as it lives
    }


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


def work(client: PeerClient) -> None:
    assert client.run_remote_workflow("w", [echo.step_id], {"x": 1}).result == {"x": 1}
    handle = client.start_remote_workflow("w", [echo.step_id], {"x": 2})
    assert handle.result(SECONDS).result == {"x": 2}


def test_twenty_peers_and_clients_leave_no_thread_no_port_and_no_open_file() -> None:
    with LocalPeer() as peer:
        work(peer.client)
    eventually(lambda: not our_threads())
    before = open_files()
    addresses = []
    for _ in range(20):
        with LocalPeer() as peer:
            addresses.append(peer.address)
            work(peer.client)
    eventually(lambda: not our_threads(), message=f"left: {our_threads()}")
    assert all(port_is_free(address) for address in addresses)
    assert eventually(lambda: open_files() <= before, message="open files are left") is True
    assert connection_file.live() == []


def test_clients_that_come_and_go_leave_nothing_while_the_peer_lives() -> None:
    with LocalPeer() as peer:
        work(peer.client)
        before = threading.active_count()
        for _ in range(30):
            with peer.connect() as client:
                client.ping()
        eventually(lambda: peer.client.describe().sessions == 1)
        eventually(lambda: threading.active_count() <= before)


async def test_async_clients_leave_nothing_either() -> None:
    with LocalPeer() as peer:
        for _ in range(5):
            async with await AsyncPeerClient.connect(peer.address) as client:
                await client.ping()
    eventually(lambda: not our_threads(), message=f"left: {our_threads()}")


def test_closing_twice_and_from_several_threads_is_one_close() -> None:
    server = PeerServer("n")
    address = server.start("127.0.0.1:0")
    client = PeerClient.connect(address)
    threads = [threading.Thread(target=close) for close in (client.close, server.close) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()
    eventually(lambda: not our_threads(), message=f"left: {our_threads()}")
    assert port_is_free(address)


def test_a_server_that_is_dropped_without_close_warns_and_ends() -> None:
    def start_and_drop() -> str:
        address = PeerServer("forgotten").start("127.0.0.1:0")
        gc.collect()
        return address

    with pytest.warns(ResourceWarning, match="forgotten was not closed"):
        address = start_and_drop()
    eventually(lambda: port_is_free(address))
    eventually(lambda: not our_threads(), message=f"left: {our_threads()}")


def test_closing_the_peer_ends_its_runs_and_tells_their_clients() -> None:
    with LocalPeer() as peer:
        handle = peer.client.start_remote_workflow("w", [waits.step_id])
        peer.server.close()
        with pytest.raises(WorkflowCancelledError, match="the peer is shutting down"):
            handle.result(SECONDS)
        with pytest.raises(TransportError):
            peer.client.ping()


FORGETS = """
import sys
from blazen_nb import PeerClient, PeerServer, StopEvent, step
@step(id="forgets::step")
def forgetful(ev):
    return StopEvent(result=1)
server = PeerServer("n")
client = PeerClient.connect(server.start())
assert client.run_remote_workflow("w", ["forgets::step"]).result == 1
handle = client.start_remote_workflow("w", ["forgets::step"])
"""


def test_a_process_that_closes_nothing_ends_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORGETS], capture_output=True, text=True, timeout=8, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert connection_file.live() == []


FORKS = """
import os, sys, time
from blazen_nb import PeerClient, PeerServer
with PeerServer("n") as server:
    address = server.start()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        sys.exit(7)
    status = os.waitpid(child, 0)[1] >> 8
    with PeerClient.connect(address) as client:  # its connection file is still there
        client.ping()
    print(status, time.monotonic() - began < 1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_a_forked_child_that_ends_leaves_its_parents_peer_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS],
        capture_output=True,
        text=True,
        timeout=8,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "7 True\n", "")


def test_a_wrong_token_is_refused_before_the_payload_is_read() -> None:
    with PeerServer("n", token=SECRET) as server:
        address = server.start("127.0.0.1:0")
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary("/blazen.peer.v1.BlazenPeer/InvokeSubWorkflow")
            for metadata in ([], [("authorization", "Bearer wrong")]):
                # Not a message at all: who reads it would say so.
                with pytest.raises(grpc.RpcError) as caught:
                    call(b"\xff" * (8 << 20), metadata=metadata, timeout=SECONDS)
                assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            with pytest.raises(grpc.RpcError) as caught:
                call(b"\xff", metadata=[("authorization", f"Bearer {SECRET}")], timeout=SECONDS)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_no_token_is_in_a_log_a_repr_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG), LocalPeer(token=SECRET) as peer:
        work(peer.client)
        for wrong in ("wrong-token-of-somebody", None):
            with pytest.raises(AuthError) as refused:
                PeerClient.connect(peer.address, token=wrong)
            shown += [str(refused.value), repr(refused.value), repr(vars(refused.value))]
        with pytest.raises(UnknownStepError) as unknown:
            peer.client.run_remote_workflow("w", ["nobody::knows"])
        shown += [str(unknown.value), repr(peer.client), repr(peer.server)]
        shown += [
            str(peer.client._repr_html_()),
            str(peer.server._repr_html_()),
            repr(peer.client.describe()),
        ]
    shown += [record.getMessage() for record in caplog.records]
    shown.append(caplog.text)
    everything = "\n".join(shown)
    assert SECRET not in everything
    assert "wrong-token-of-somebody" not in everything
