"""A peer's life: where it listens, who may reach it, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import logging
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from blazen_nb import PeerClient, PeerServer, StopEvent, ValidationError, step
from blazen_nb.errors import PeerError, TransportError
from blazen_nb.wire import connection_file
from tests.eventually import eventually

SECONDS = 5.0


@step(id="life::hello")
def hello(ctx, ev):  # type: ignore[no-untyped-def]
    return StopEvent(result=f"hello {ev.name}")


@pytest.fixture
def server() -> Iterator[PeerServer]:
    """A server that has not been started."""
    server = PeerServer("life")
    yield server
    server.close()


def greets(address: str, token: str | None = None) -> bool:
    with PeerClient.connect(address, token=token) as client:
        found = client.run_remote_workflow("w", ["life::hello"], {"name": "you"}, timeout=5)
        return bool(found.result == "hello you")


def can_be_bound(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
        except OSError:
            return False
        return True


def peer_threads() -> set[str]:
    """Names of our threads; those of the timers and of plain steps end by themselves when idle."""
    names = {thread.name for thread in threading.enumerate()}
    return {
        name
        for name in names
        if name.startswith("blazen") and name not in ("blazen-timers", "blazen-steps")
    }


# --- starting ------------------------------------------------------------------------------------


def test_making_one_binds_nothing(server: PeerServer) -> None:
    assert server.address is None
    assert repr(server) == "PeerServer(life, new)"


@pytest.mark.parametrize("given", ["127.0.0.1:0", ":0", "localhost:0"])
def test_it_says_where_it_listens_and_serves_there(server: PeerServer, given: str) -> None:
    address = server.start(given)
    host, _, port = address.rpartition(":")
    assert host in ("127.0.0.1", "localhost")
    assert int(port) > 0
    assert server.address == address
    assert repr(server) == f"PeerServer(life, serving on {address})"
    assert greets(address)


def test_a_second_start_is_refused_and_the_first_goes_on(server: PeerServer) -> None:
    address = server.start()
    with pytest.raises(ValidationError, match="serves once"):
        server.start()
    assert greets(address)


def test_a_closed_server_does_not_start_again(server: PeerServer) -> None:
    server.close()
    with pytest.raises(ValidationError, match="make a new PeerServer"):
        server.start()


def test_an_address_in_use_is_a_transport_error_and_another_can_be_tried(
    server: PeerServer,
) -> None:
    with PeerServer("first") as first:
        taken = first.start()
        with pytest.raises(PeerError, match="in use") as caught:
            server.start(taken)
        assert isinstance(caught.value, TransportError)
        assert caught.value.kind == "Transport"
        assert greets(server.start())
        assert greets(taken)


def test_what_is_no_address_is_refused(server: PeerServer) -> None:
    with pytest.raises(ValidationError):
        server.start("127.0.0.1:notaport")
    assert greets(server.start())


def test_a_unix_socket_in_a_private_folder(server: PeerServer, tmp_path: Path) -> None:
    path = tmp_path / "private" / "peer.sock"
    address = server.start(f"unix:{path}")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert greets(address)
    server.close()
    assert not path.exists()


def test_a_unix_socket_where_others_can_look_is_refused(server: PeerServer, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(ValidationError, match="chmod 700"):
        server.start(f"unix:{folder}/peer.sock")


# --- who may reach it ----------------------------------------------------------------------------


def test_off_loopback_it_wants_a_token_and_says_how(server: PeerServer) -> None:
    with pytest.raises(ValidationError, match="BLAZEN_PEER_TOKEN"):
        server.start("0.0.0.0:0")


def test_off_loopback_a_token_without_encryption_is_a_warning_that_does_not_show_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = "a-token-of-more-than-thirty-two-characters"
    with caplog.at_level(logging.WARNING, "blazen_nb"), PeerServer("open", token=secret) as server:
        server.start("0.0.0.0:0")
    assert "unencrypted" in caplog.text
    assert secret not in caplog.text + repr(server)


def test_wrong_combinations_are_refused() -> None:
    with pytest.raises(ValidationError, match="node ID"):
        PeerServer("")
    with pytest.raises(ValidationError, match="insecure=True means no token"):
        PeerServer("life", insecure=True, token="x" * 32)
    with pytest.raises(ValidationError, match="accept_code"):
        PeerServer("life", accept_code="always")  # type: ignore[arg-type]


def test_on_loopback_the_token_is_in_a_private_file_while_it_serves(server: PeerServer) -> None:
    address = server.start()
    (file,) = [one for one in connection_file.live() if one.address == address]
    assert file.token
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    server.close()
    assert not file.path.exists()


def test_a_token_of_its_own_is_in_no_file(server: PeerServer) -> None:
    token = "a-token-of-more-than-thirty-two-characters"
    with PeerServer("own", token=token) as own:
        address = own.start()
        assert [one for one in connection_file.live() if one.address == address] == []
        assert greets(address, token)


def test_where_the_file_cannot_be_written_it_does_not_serve(
    server: PeerServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = peer_threads()
    (tmp_path / "file").write_text("")
    with monkeypatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file" / "runtime"))
        with pytest.raises(ValidationError, match="connection file cannot be written"):
            server.start()
    assert peer_threads() <= before
    assert greets(server.start())


# --- ending --------------------------------------------------------------------------------------


def test_leaving_the_block_closes_it() -> None:
    with PeerServer("block") as server:
        address = server.start()
    assert can_be_bound(address)


ENDS = """
import sys
from blazen_nb import PeerServer
server = PeerServer("short-lived")
sys.stdout.write(server.start())
"""


def test_a_process_that_closes_nothing_ends_at_once_and_takes_its_file_along() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ENDS],
        capture_output=True,
        text=True,
        timeout=9,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [one for one in connection_file.live() if one.address == done.stdout] == []


# --- serve and aserve ----------------------------------------------------------------------------


def test_serve_blocks_until_it_is_told_to_stop(server: PeerServer) -> None:
    thread = threading.Thread(target=server.serve, args=("127.0.0.1:0",))
    thread.start()
    address = eventually(lambda: server.address or "")
    assert greets(address)
    assert thread.is_alive()
    server.stop()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert can_be_bound(address)


async def test_aserve_serves_until_it_is_told_to_stop(server: PeerServer) -> None:
    serving = asyncio.create_task(server.aserve("127.0.0.1:0"))
    address = await asyncio.to_thread(eventually, lambda: server.address or "")
    assert await asyncio.to_thread(greets, address)
    await asyncio.to_thread(server.stop)
    await asyncio.wait_for(serving, SECONDS)
    assert can_be_bound(address)


async def test_aserve_ends_with_its_caller(server: PeerServer) -> None:
    serving = asyncio.create_task(server.aserve("127.0.0.1:0"))
    address = await asyncio.to_thread(eventually, lambda: server.address or "")
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(serving, SECONDS)
    assert can_be_bound(address)


def test_a_server_whose_aserve_failed_can_be_closed_later(server: PeerServer) -> None:
    with pytest.raises(ValidationError):
        asyncio.run(server.aserve("127.0.0.1:notaport"))
    server.close()
