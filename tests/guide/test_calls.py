"""Connect a client and run a remote workflow: what each argument means and what comes back."""

from __future__ import annotations

import asyncio
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psutil
import pytest

from blazen_nb import (
    AsyncPeerClient,
    Context,
    PeerClient,
    PeerError,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowResult,
    WorkflowTimeoutError,
    step,
)
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.limits import Limits
from tests.forwarder import forwarded
from tests.guide.conftest import Frames, analyze


async def test_connecting_blocks_until_the_handshake_is_done(peer: LocalPeer) -> None:
    async with forwarded(int(peer.address.rpartition(":")[2]), held=True) as way:
        connecting = asyncio.create_task(AsyncPeerClient.connect(f"127.0.0.1:{way.port}"))
        await way.reached.wait()
        assert not connecting.done()
        way.open.set()
        # The connection file's token is for the peer's own port, so the peer's answer to this one is a refusal.
        with pytest.raises(PeerError) as caught:
            await connecting
        assert caught.value.kind == "Auth"


def test_connecting_to_nobody_fails_with_transport() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(PeerError) as caught:
            PeerClient.connect(f"127.0.0.1:{unused.getsockname()[1]}", timeout=5)
    assert caught.value.kind == "Transport"


def test_concurrent_calls_share_one_connection(peer: LocalPeer) -> None:
    port = int(peer.address.rpartition(":")[2])

    def sockets() -> int:
        connections = psutil.Process().net_connections(kind="tcp")
        return sum(1 for each in connections if each.raddr and each.raddr.port == port)

    def call(n: int) -> int:
        result = peer.client.run_remote_workflow("w", ["my_app::analyze"], {"n": n}).result
        return int(result["n"])

    counts = [sockets()]
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(call, range(200))
        for n, answer in enumerate(answers):
            assert answer == n
            if n % 20 == 0:
                counts.append(sockets())
    assert set(counts) == {1}


def test_step_ids_are_resolved_against_the_process_wide_registry(client: PeerClient) -> None:
    step_id = f"my_app::{uuid.uuid4().hex}"
    with pytest.raises(PeerError, match=step_id) as caught:
        client.run_remote_workflow("w", [step_id])
    assert caught.value.kind == "UnknownStep"

    @step(id=step_id)
    def made_later(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result="registered later")

    Workflow("built on the peer", [made_later])
    assert client.run_remote_workflow("w", [step_id]).result == "registered later"


def test_every_entry_of_the_step_ids_must_be_registered(client: PeerClient) -> None:
    with pytest.raises(PeerError, match="my_app::nobody") as caught:
        client.run_remote_workflow("w", ["my_app::analyze", "my_app::nobody"])
    assert caught.value.kind == "UnknownStep"


def test_the_workflow_name_is_a_label(client: PeerClient) -> None:
    result = client.run_remote_workflow("no such workflow", ["my_app::analyze"], {"a": 1})
    assert (result.result, result.workflow_name) == ({"a": 1}, "no such workflow")


def test_an_input_of_none_sends_the_json_literal_null(frames: Frames, peer: LocalPeer) -> None:
    assert peer.client.run_remote_workflow("w", ["my_app::analyze"], None).result == {}
    assert frames.last_start().input.json == b"null"
    assert peer.client.run_remote_workflow_json("w", ["my_app::analyze"], "null").result == {}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, 0), (0, 0), (0.0, 0), (timedelta(0), 0), (0.001, 1), (1, 1), (1.0001, 2), (60, 60),
        (timedelta(milliseconds=1), 1), (timedelta(minutes=1), 60),
    ],
)  # fmt: skip
def test_a_timeout_goes_in_whole_seconds_rounded_up_and_none_leaves_it_to_the_peer(
    frames: Frames, peer: LocalPeer, given: float | timedelta | None, sent: int
) -> None:
    peer.client.run_remote_workflow("w", ["my_app::analyze"], {}, given)
    assert frames.last_start().timeout_secs == sent


@pytest.mark.parametrize("timeout", [None, 0])
def test_a_call_without_a_timeout_gets_the_peers_default(timeout: float | None) -> None:
    with (
        LocalPeer("node-b", limits=Limits(run_seconds=0.2)) as peer,
        pytest.raises(WorkflowTimeoutError, match=r"timed out after 0\.2"),
    ):
        peer.client.run_remote_workflow("w", ["my_app::wait"], None, timeout)


def test_a_timeout_of_the_call_takes_the_place_of_the_default() -> None:
    with (
        LocalPeer("node-b", limits=Limits(run_seconds=60)) as peer,
        pytest.raises(WorkflowTimeoutError, match="timed out after 1 s"),
    ):
        peer.client.run_remote_workflow("w", ["my_app::wait"], None, 0.5)


async def test_the_result_is_of_the_class_of_a_run_in_this_process(client: PeerClient) -> None:
    remote = client.run_remote_workflow("w", ["my_app::analyze"], {"a": [1, 2.5, None, "é"]})
    here = await Workflow("w", [analyze]).run(a=[1, 2.5, None, "é"])
    assert type(remote) is type(here) is WorkflowResult
    assert remote.result == here.result
    assert remote.event == here.event
    assert remote.event_type == here.event_type
    assert remote.event.data_json == here.event.data_json


JSON = '{ "b":1,\t"a" : 1.50, "u":"\\u00e9 é 😀", "z":[ ],"big":123456789012345678901234567890,"e":1E3 }'


def test_json_goes_in_and_comes_out_without_being_encoded_again(
    frames: Frames, peer: LocalPeer
) -> None:
    result = peer.client.run_remote_workflow_json("w", ["my_app::analyze"], JSON)
    assert frames.last_start().input.json == JSON.encode()
    assert isinstance(result.event, StopEvent)
    assert result.event.data_json.encode() == frames.last_result().value.json
    assert result.result["u"] == "é é 😀"
    assert result.result["big"] == 123456789012345678901234567890


def test_a_client_of_another_thread_is_the_same_client(client: PeerClient) -> None:
    results: list[object] = []
    thread = threading.Thread(
        target=lambda: results.append(client.run_remote_workflow("w", ["my_app::analyze"]).result)
    )
    thread.start()
    thread.join()
    assert results == [{}]
