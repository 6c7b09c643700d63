"""Start a peer server: what binds when, and what a second start and a bad address are."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import psutil
import pytest

from blazen_nb import PeerClient, PeerError, PeerServer, ValidationError
from blazen_nb.testing import LocalPeer
from tests.eventually import eventually
from tests.guide.conftest import SECONDS


def listening() -> set[int]:
    """The ports on which this process listens."""
    connections = psutil.Process().net_connections(kind="tcp")
    return {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_the_listener_is_not_bound_until_serve_is_called() -> None:
    before = listening()
    with PeerServer("node-b") as server:
        assert listening() == before
        assert server.address is None
        port = port_of(server.start("127.0.0.1:0"))
        assert listening() - before == {port}
    eventually(lambda: port not in listening())


def test_serve_blocks_until_it_is_told_to_end() -> None:
    server = PeerServer("node-b")
    thread = threading.Thread(target=server.serve, args=("127.0.0.1:0",))
    thread.start()
    address = eventually(lambda: server.address or "")
    with PeerClient.connect(address) as client:
        client.ping()
        assert thread.is_alive()
    server.stop()
    thread.join(SECONDS)
    assert not thread.is_alive()


async def test_serving_ends_with_the_callers_cancellation_which_passes_through() -> None:
    server = PeerServer("node-b")
    task = asyncio.create_task(server.aserve("127.0.0.1:0"))
    port = port_of(await asyncio.to_thread(eventually, lambda: server.address or ""))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert port not in listening()


async def test_serving_a_second_time_is_a_validation_error() -> None:
    with PeerServer("node-b") as server:
        address = server.start("127.0.0.1:0")
        for again in (server.start, server.serve):
            with pytest.raises(ValidationError, match="serves once"):
                again("127.0.0.1:0")
        with pytest.raises(ValidationError, match="serves once"):
            await server.aserve("127.0.0.1:0")
        with PeerClient.connect(address) as client:
            client.ping()


async def test_serving_after_close_is_a_validation_error() -> None:
    server = PeerServer("node-b")
    server.close()
    for again in (server.start, server.serve):
        with pytest.raises(ValidationError, match="closed"):
            again("127.0.0.1:0")
    with pytest.raises(ValidationError, match="closed"):
        await server.aserve("127.0.0.1:0")


@pytest.mark.parametrize("way", ["start", "serve", "aserve"])
async def test_a_bind_failure_is_a_peer_error_of_kind_transport(peer: LocalPeer, way: str) -> None:
    async def bind(server: PeerServer) -> None:
        bound = getattr(server, way)(peer.address)
        await bound

    with PeerServer("second") as server:
        with pytest.raises(PeerError, match="in use") as caught:
            await bind(server)
        assert caught.value.kind == "Transport"


def test_a_bad_listen_address_is_a_validation_error() -> None:
    with PeerServer("node-b") as server:
        for bad in ("", "50051", "0.0.0.0", "host:port", "127.0.0.1:99999", "tcp://127.0.0.1:1"):
            with pytest.raises(ValidationError):
                server.start(bad)
        assert server.start("127.0.0.1:0")


@pytest.mark.parametrize("form", ["127.0.0.1:0", ":0", "localhost:0", "http://127.0.0.1:0"])
def test_an_address_may_be_written_in_several_ways(form: str) -> None:
    with PeerServer("node-b") as server:
        port = port_of(server.start(form))
        for text in (
            f"127.0.0.1:{port}",
            f":{port}",
            f"localhost:{port}",
            f"http://127.0.0.1:{port}",
        ):
            with PeerClient.connect(text) as client:
                assert client.node_id == "node-b"


def test_an_address_may_be_the_path_of_a_socket(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    address = f"unix:{tmp_path}/peer.sock"
    with PeerServer("node-b", token="a-token") as server:
        assert server.start(address) == address
        with PeerClient.connect(address, token="a-token") as client:
            client.ping()


def test_an_address_that_everybody_reaches_is_bound_when_a_token_is_set() -> None:
    with PeerServer("node-b", token="a-token") as server:
        port = port_of(server.start("0.0.0.0:0"))
        with PeerClient.connect(f"127.0.0.1:{port}", token="a-token") as client:
            client.ping()


def test_the_node_ids_are_stamped_and_traced_in_the_logs_of_both_sides(
    peer: LocalPeer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="blazen_nb"):
        with PeerClient.connect(peer.address, "node-a") as client:
            result = client.run_remote_workflow("analyze-pipeline", ["my_app::analyze"])
        eventually(lambda: "ends" in caplog.text)

    def said(logger: str, *parts: str) -> bool:
        lines = [r.getMessage() for r in caplog.records if r.name == logger]
        return any(all(part in line for part in parts) for line in lines)

    assert said("blazen_nb.client", "'node-a'", "node-b")
    assert said("blazen_nb.peer", "session", "'node-a'", "begins")
    assert said("blazen_nb.peer", "run", result.run_id, "node-a", "analyze-pipeline")
    assert said("blazen_nb.peer", "session", "'node-a'", "ends")
