"""Lifecycle: closing is idempotent and thread-safe, what is forgotten is closed with a warning."""

from __future__ import annotations

import gc
import socket
import threading
import warnings

import pytest

from blazen_nb import AsyncPeerClient, PeerClient, PeerServer, ValidationError
from blazen_nb.testing import LocalPeer
from blazen_nb.wire import io_loop
from tests.eventually import eventually
from tests.guide.conftest import SECONDS


def io_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("blazen-io")]


async def test_closing_again_does_nothing(peer: LocalPeer) -> None:
    client, awaited = peer.connect(), await AsyncPeerClient.connect(peer.address)
    for _ in range(3):
        client.close()
        await awaited.close()
        peer.server.close()


def test_closing_from_many_threads_at_once_closes_once(peer: LocalPeer) -> None:
    for _ in range(10):
        client = peer.connect()
        barrier = threading.Barrier(8)

        def close(client: PeerClient = client, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(SECONDS)
            client.close()

        threads = [threading.Thread(target=close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
            assert not thread.is_alive()
    # Nobody gave back more of the I/O loop than it had: the others still work.
    peer.client.ping()
    assert io_threads() == ["blazen-io"]


def test_a_closed_server_and_a_closed_client_refuse_further_calls(peer: LocalPeer) -> None:
    client = peer.connect()
    client.close()
    with pytest.raises(ValidationError, match="closed"):
        client.run_remote_workflow_json("w", ["my_app::analyze"], "{}")
    peer.server.close()
    with pytest.raises(ValidationError, match="closed"):
        peer.server.start("127.0.0.1:0")


def test_a_client_that_is_forgotten_warns_and_ends_its_session(peer: LocalPeer) -> None:
    def forget() -> None:
        peer.connect().ping()
        gc.collect()

    with pytest.warns(ResourceWarning, match="PeerClient was not closed"):
        forget()
    eventually(lambda: peer.client.describe().sessions == 1)


async def test_an_async_client_that_is_forgotten_warns_and_ends_its_session(
    peer: LocalPeer,
) -> None:
    async def forget() -> None:
        await (await AsyncPeerClient.connect(peer.address)).ping()
        gc.collect()

    with pytest.warns(ResourceWarning, match="AsyncPeerClient was not closed"):
        await forget()
    eventually(lambda: peer.client.describe().sessions == 1)


def test_a_client_that_was_closed_does_not_warn(peer: LocalPeer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = peer.connect()
        client.close()
        del client
        gc.collect()


def test_a_run_keeps_its_client(peer: LocalPeer) -> None:
    handle = peer.connect().start_remote_workflow("w", ["my_app::analyze"], {"a": 1})
    gc.collect()
    assert handle.result(SECONDS).result == {"a": 1}
    handle._client.close()


@pytest.mark.parametrize("here", [True, False], ids=["any thread", "the I/O loop's thread"])
def test_a_server_that_is_forgotten_warns_and_ends_wherever_it_is_collected(here: bool) -> None:
    held: list[PeerServer] = [PeerServer("forgotten")]
    address = held[0].start("127.0.0.1:0")
    io = io_loop.acquire()

    def forget() -> None:
        held.clear()
        gc.collect()

    def forget_and_wait() -> None:
        if here:
            forget()
        else:
            io.loop.call_soon_threadsafe(forget)
        eventually(lambda: is_free(address))

    with pytest.warns(ResourceWarning, match="forgotten was not closed"):
        forget_and_wait()
    io_loop.release(io)
    eventually(lambda: not io_threads())


def is_free(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0
