"""Our clients and the real Blazen's own server, which from Python has no steps and no values: what is left is refusals."""

from __future__ import annotations

import asyncio
import functools
import gc
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from blazen_nb import AsyncPeerClient, PeerClient, PeerServer, ValidationError
from blazen_nb.client import blazen_frames
from blazen_nb.errors import (
    AssemblyError,
    EncodeError,
    EnvelopeVersionError,
    LimitError,
    PeerError,
    SessionRefError,
    TransportError,
    UnknownStepError,
    UnsupportedError,
)
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.wire.blazen_messages import SubWorkflowRequest
from tests.eventually import eventually
from tests.free_port import free_port
from tests.interop.conftest import Blazen

pytestmark = pytest.mark.timeout(10, func_only=True)

NO_REF = "00000000-0000-4000-8000-000000000000"
SERVER = """
import asyncio, sys
import blazen

async def main():
    await blazen.BlazenPeerServer("their-peer").serve(sys.argv[1])

asyncio.run(main())
"""

Served = tuple[str, "subprocess.Popen[str]"]


def free_address() -> str:
    """It binds what it is told and never says which port that was, so port 0 is no use."""
    return f"127.0.0.1:{free_port()}"


def listens(address: str) -> bool:
    host, port = address.split(":")
    with closing(socket.socket()) as probe:
        return probe.connect_ex((host, int(port))) == 0


def started(blazen: Blazen) -> Served:
    address = free_address()
    process = blazen.start("-c", SERVER, address)
    eventually(lambda: listens(address) or process.poll() is not None)
    assert process.poll() is None
    return address, process


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=5)


@pytest.fixture(scope="module")
def address(blazen: Blazen) -> Iterator[str]:
    """Where a real Blazen server listens."""
    address, process = started(blazen)
    yield address
    ended(process)


@pytest.fixture
def client(address: str) -> Iterator[PeerClient]:
    with PeerClient.connect(address, "interop") as client:
        yield client


def plain(ctx: Any, ev: Any) -> None:
    """What one might register."""


UNSUPPORTED: dict[str, Callable[[Any], Any]] = {
    r"describe\(\)": lambda client: client.describe(),
    r"register_steps\(\)": lambda client: client.register_steps([plain]),
    r"start_remote_workflow\(\)": lambda client: client.start_remote_workflow("w", ["a::b"]),
    r"refs\(\)": lambda client: client.refs(),
    r"put\(\)": lambda client: client.put({"unpicklable": threading.Lock()}),
    "running cells": lambda client: client.start_cell(parse_cell("1 + 1", label="cell [1]")),
    "running cells ": lambda client: client.find_names(["np"]),
}


@pytest.mark.parametrize("feature", UNSUPPORTED)
def test_what_blazen_cannot_do_is_refused_by_name(client: PeerClient, feature: str) -> None:
    with pytest.raises(UnsupportedError, match=feature) as caught:
        UNSUPPORTED[feature](client)
    assert caught.value.kind == "Unsupported"
    client.ping()


@pytest.mark.parametrize("feature", UNSUPPORTED)
async def test_the_async_client_refuses_it_too(address: str, feature: str) -> None:
    async with await AsyncPeerClient.connect(address) as client:
        with pytest.raises(UnsupportedError, match=feature):
            await UNSUPPORTED[feature](client)
        await client.ping()


def test_the_client_says_who_it_is_connected_to(client: PeerClient, address: str) -> None:
    assert client.is_open
    assert client.node_id == client.address == address
    assert repr(client) == f"PeerClient({address}, connected)"
    assert address in str(client._repr_html_())


ERRORS: dict[type[PeerError | SessionRefError], tuple[str, Callable[[Any], Any]]] = {
    UnknownStepError: (
        "nobody::knows",
        lambda client: client.run_remote_workflow("w", ["nobody::knows"], {"x": 1}, timeout=5),
    ),
    AssemblyError: ("at least one step", lambda client: client.run_remote_workflow("w", [])),
    SessionRefError: (NO_REF, lambda client: client.deref_session_ref(NO_REF)),
    LimitError: (
        "too large",
        lambda client: client.run_remote_workflow("w", ["a::b"], {"x": "x" * (5 << 20)}),
    ),
    EncodeError: (
        "not JSON",
        lambda client: client.run_remote_workflow("w", ["a::b"], {"x": float("nan")}),
    ),
}


@pytest.mark.parametrize("error", ERRORS)
def test_its_refusals_are_typed(client: PeerClient, error: type[Exception]) -> None:
    words, call = ERRORS[error]  # type: ignore[index]
    with pytest.raises(error, match=words) as caught:
        call(client)
    assert type(caught.value) is error


@pytest.mark.parametrize("error", ERRORS)
async def test_they_are_for_the_async_client_too(address: str, error: type[Exception]) -> None:
    words, call = ERRORS[error]  # type: ignore[index]
    async with await AsyncPeerClient.connect(address) as client:
        with pytest.raises(error, match=words):
            await call(client)


def test_a_json_call_goes_the_same_way(client: PeerClient) -> None:
    with pytest.raises(UnknownStepError, match="nobody::knows"):
        client.run_remote_workflow_json("w", ["nobody::knows"], '{"x": 1}')


def test_an_unknown_ref_is_not_released(client: PeerClient) -> None:
    assert client.release_session_ref(NO_REF) is False


def test_it_refuses_a_newer_envelope(client: PeerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = functools.partial(SubWorkflowRequest, envelope_version=2)
    monkeypatch.setattr(blazen_frames, "SubWorkflowRequest", newer)
    with pytest.raises(EnvelopeVersionError, match="version 2 is newer"):
        client.run_remote_workflow("w", ["a::b"])


def test_a_closed_client_says_so(address: str) -> None:
    client = PeerClient.connect(address)
    client.close()
    client.close()
    assert not client.is_open
    with pytest.raises(ValidationError, match="closed"):
        client.run_remote_workflow("w", ["a::b"])
    with pytest.raises(ValidationError, match="closed"):
        client.deref_session_ref(NO_REF)


async def test_connect_and_close_leave_nothing_behind(address: str) -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        with PeerClient.connect(address) as client:
            client.ping()
        async with await AsyncPeerClient.connect(address) as other:
            await other.ping()
    gc.collect()

    def left() -> set[threading.Thread]:
        workers = {t for t in threading.enumerate() if t.name.startswith("asyncio_")}
        return set(threading.enumerate()) - before - workers  # those are the test's own loop's

    await asyncio.to_thread(eventually, lambda: not left())


def test_a_server_that_went_away_is_a_transport_error(blazen: Blazen) -> None:
    address, process = started(blazen)
    with PeerClient.connect(address) as client:
        ended(process)
        with pytest.raises(TransportError):
            client.run_remote_workflow("w", ["a::b"])
        with pytest.raises(TransportError):
            client.release_session_ref(NO_REF)


def test_where_nobody_listens_is_a_transport_error() -> None:
    with pytest.raises(TransportError):
        PeerClient.connect(free_address(), timeout=5)


def test_a_peer_of_our_own_keeps_its_sessions(server: PeerServer) -> None:
    with PeerClient.connect(str(server.address)) as client:
        assert client.describe().node_id == "our-peer"
