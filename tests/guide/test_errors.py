"""Error handling and cancellation: each error of the guide's table by the case that it names."""

from __future__ import annotations

import _thread
import asyncio
import socket
import threading
from collections.abc import Callable

import pytest

from blazen_nb import (
    AsyncPeerClient,
    BlazenError,
    PeerClient,
    PeerError,
    PeerServer,
    ValidationError,
    WorkflowCancelledError,
    WorkflowError,
    WorkflowTimeoutError,
    load_client_tls,
)
from blazen_nb.errors import PeerErrorKind
from blazen_nb.testing import LocalPeer
from tests.guide.conftest import SECONDS, Waiting


def nobody_listens(peer: LocalPeer) -> object:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return PeerClient.connect(f"127.0.0.1:{unused.getsockname()[1]}")


KINDS: list[tuple[PeerErrorKind, Callable[[LocalPeer], object]]] = [
    ("Transport", nobody_listens),
    ("Encode", lambda p: p.client.run_remote_workflow("w", ["my_app::analyze"], threading.Lock())),
    ("Tls", lambda _: load_client_tls(ca_pem_path="no such file")),
    ("UnknownStep", lambda p: p.client.run_remote_workflow("w", ["my_app::nobody"])),
    ("Workflow", lambda p: p.client.run_remote_workflow("w", ["my_app::later"])),
]


@pytest.mark.parametrize(("kind", "case"), KINDS, ids=[kind for kind, _ in KINDS])
def test_a_peer_error_is_of_the_kind_of_its_case(
    peer: LocalPeer, kind: PeerErrorKind, case: Callable[[LocalPeer], object]
) -> None:
    with pytest.raises(PeerError) as caught:
        case(peer)
    assert caught.value.kind == kind
    assert isinstance(caught.value, BlazenError)


def test_an_envelope_version_that_the_peer_cannot_read_is_a_peer_error_of_its_kind(
    peer: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazen_nb.client.dialing.ENVELOPE_VERSION", 2)
    with pytest.raises(PeerError, match="version 2 is newer than supported 1") as caught:
        peer.connect()
    assert caught.value.kind == "EnvelopeVersion"


def test_a_step_that_fails_is_a_workflow_error_with_its_reason(client: PeerClient) -> None:
    with pytest.raises(WorkflowError, match="no documents") as caught:
        client.run_remote_workflow("w", ["my_app::fail"])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert (caught.value.step_id, caught.value.peer) == ("my_app::fail", "node-b")


def test_misuse_on_this_side_is_a_validation_error(peer: LocalPeer) -> None:
    with PeerServer("n") as server, pytest.raises(ValidationError):
        server.start("nonsense")
    with pytest.raises(ValidationError):
        peer.server.start("127.0.0.1:0")
    client = peer.connect()
    client.close()
    with pytest.raises(ValidationError):
        client.run_remote_workflow("w", ["my_app::analyze"])


async def test_the_callers_cancellation_passes_through_and_ends_the_run(peer: LocalPeer) -> None:
    async with await AsyncPeerClient.connect(peer.address) as client:
        call = asyncio.create_task(client.run_remote_workflow("w", ["my_app::wait"]))
        assert await asyncio.to_thread(Waiting.begun.wait, SECONDS)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(Waiting.cancelled.wait, SECONDS)


async def test_the_callers_deadline_passes_through_and_ends_the_run(peer: LocalPeer) -> None:
    async with await AsyncPeerClient.connect(peer.address) as client:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.5):
                await client.run_remote_workflow("w", ["my_app::wait"])
        assert not isinstance(caught.value, BlazenError)
        assert await asyncio.to_thread(Waiting.cancelled.wait, SECONDS)


def test_an_interrupt_of_a_blocking_call_passes_through_and_ends_the_run(
    client: PeerClient,
) -> None:
    def interrupt() -> None:
        if Waiting.begun.wait(SECONDS):
            _thread.interrupt_main()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        client.run_remote_workflow("w", ["my_app::wait"])
    thread.join()
    assert Waiting.cancelled.wait(SECONDS)


def test_a_run_that_was_cancelled_or_timed_out_is_a_workflow_error(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["my_app::wait"])
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(SECONDS)
    with pytest.raises(WorkflowTimeoutError) as caught:
        client.run_remote_workflow("w", ["my_app::wait"], timeout=1)
    assert isinstance(caught.value, WorkflowError)
