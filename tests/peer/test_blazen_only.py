"""Our clients and a peer that answers nothing but Blazen's own wire: this package's peer with its sessions hidden."""

from __future__ import annotations

import asyncio
import functools
import html
import math
from collections.abc import Iterator
from typing import Any

import pytest

from blazen_nb import (
    AsyncPeerClient,
    Context,
    PeerClient,
    PeerServer,
    RemoteRef,
    StartEvent,
    StopEvent,
    WorkflowError,
    WorkflowTimeoutError,
    step,
)
from blazen_nb.client.transports import blazen_calls
from blazen_nb.errors import (
    EncodeError,
    EnvelopeVersionError,
    LimitError,
    SessionRefError,
    TransportError,
    UnknownStepError,
    UnsupportedError,
)
from blazen_nb.peer import blazen_answers
from blazen_nb.peer.service import PeerRpcs
from blazen_nb.wire.blazen_messages import SubWorkflowResponse
from blazen_nb.wire.parts import Parts
from tests.eventually import eventually
from tests.peer.conftest import SECONDS

_told: list[str] = []


@step(id="blazen_only::echo")
def echo(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.state["seen"] = sorted(ev.to_dict())
    return StopEvent(result=ev.to_dict())


@step(id="blazen_only::fails")
def fails(ctx: Context, ev: StartEvent) -> StopEvent:
    raise LookupError("no entry")


@step(id="blazen_only::waits")
async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
    _told.append("waits")
    try:
        await asyncio.Event().wait()
    finally:
        _told.append("ends")
    return StopEvent()


@step(id="blazen_only::large")
def large(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result="x" * ev.size)


@step(id="blazen_only::model")
def model(ctx: Context, ev: StartEvent) -> StopEvent:
    weights = bytes([1, 2, 250])
    ctx.state["kept"] = ctx.put(weights)
    return StopEvent(result={"$tuple": {"model": weights}, "classes": [3, {"$leaf": 0}]})


@step(id="blazen_only::total")
def total(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=sum(ev.models[0]))


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The beginnings of the methods that peers do not have."""
    names = ["/blazen_nb."]
    answered = PeerRpcs.service

    def service(self: PeerRpcs, details: Any) -> Any:
        known = not details.method.startswith(tuple(names))
        return answered(self, details) if known else None

    monkeypatch.setattr(PeerRpcs, "service", service)
    return names


@pytest.fixture
def server(hidden: list[str]) -> Iterator[PeerServer]:
    _told.clear()
    with PeerServer("their-peer") as server:
        server.start()
        yield server


@pytest.fixture
def client(server: PeerServer) -> Iterator[PeerClient]:
    assert server.address is not None
    with PeerClient.connect(server.address) as client:
        yield client


def test_steps_that_the_peer_knows_run(client: PeerClient) -> None:
    result = client.run_remote_workflow("echo", ["blazen_only::echo"], {"x": [1, None, "zü🦉"]})
    assert result.result == {"x": [1, None, "zü🦉"]}
    assert result.state == {"seen": ["x"]}
    assert (result.workflow_name, result.event_type) == ("echo", "blazen::StopEvent")


def test_json_text_travels_as_it_is(client: PeerClient) -> None:
    result = client.run_remote_workflow_json("echo", ["blazen_only::echo"], '{ "x" :1.50}')
    assert result.event.data_json == '{"x":1.5}'


def test_tuples_are_lists_and_no_input_is_no_fields(client: PeerClient) -> None:
    assert client.run_remote_workflow("e", ["blazen_only::echo"], {"t": (1, 2)}).result == {
        "t": [1, 2]
    }
    assert client.run_remote_workflow("e", ["blazen_only::echo"]).result == {}


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, b"bytes", {1, 2}, object(), "\ud800", lambda: 1]
)
def test_what_is_not_json_is_refused_here(client: PeerClient, value: Any) -> None:
    with pytest.raises(EncodeError):
        client.run_remote_workflow("echo", ["blazen_only::echo"], {"x": [value]})


def test_a_failing_step_is_a_workflow_error(client: PeerClient) -> None:
    with pytest.raises(WorkflowError, match=r"workflow error: .*no entry") as caught:
        client.run_remote_workflow("fails", ["blazen_only::fails"])
    assert caught.value.peer == client.node_id


def test_too_little_time_is_a_timeout_error(client: PeerClient) -> None:
    with pytest.raises(WorkflowTimeoutError, match="timed out after 1s"):
        client.run_remote_workflow("waits", ["blazen_only::waits"], timeout=1)


def test_an_unknown_step_is_named(client: PeerClient) -> None:
    with pytest.raises(UnknownStepError, match="nobody::knows"):
        client.run_remote_workflow("none", ["nobody::knows"])


@pytest.mark.parametrize("size", [100, 5 << 20, 40 << 20])
def test_results_of_any_size_arrive(client: PeerClient, size: int) -> None:
    assert (
        len(client.run_remote_workflow("large", ["blazen_only::large"], {"size": size}).result)
        == size
    )


def test_an_input_of_40_mebibytes_arrives(client: PeerClient) -> None:
    text = f'{{"x": "{"x" * (40 << 20)}"}}'
    result = client.run_remote_workflow_json("echo", ["blazen_only::echo"], text)
    assert result.state == {"seen": ["x"]}


def test_an_input_above_the_limit_is_refused_and_the_next_call_goes_through(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blazen_calls, "Parts", lambda _: Parts(1 << 20))
    with PeerClient.connect(str(server.address)) as client:
        with pytest.raises(LimitError, match="1 MiB"):
            client.run_remote_workflow("echo", ["blazen_only::echo"], {"x": "x" * (3 << 20)})
        result = client.run_remote_workflow("echo", ["blazen_only::echo"], {"x": "x" * 1000})
    assert len(result.result["x"]) == 1000


def test_a_newer_envelope_is_refused(client: PeerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = functools.partial(SubWorkflowResponse, envelope_version=2)
    monkeypatch.setattr(blazen_answers, "SubWorkflowResponse", newer)
    with pytest.raises(EnvelopeVersionError, match="envelope version 2"):
        client.run_remote_workflow("echo", ["blazen_only::echo"])


def test_values_that_stay_are_refs_read_used_and_released(client: PeerClient) -> None:
    result = client.run_remote_workflow("model", ["blazen_only::model"])
    ref = result.result["$tuple"]["model"]
    assert isinstance(ref, RemoteRef)
    assert result.result["classes"] == [3, {"$leaf": 0}]
    assert result.state["kept"].uuid in result.session_refs
    assert (ref.owner, ref.type_tag) == ("their-peer", "bytes")
    assert "their-peer" in repr(ref)
    assert "No preview: their-peer is older than previews" in str(ref._repr_html_())
    assert ref.fetch_bytes() == client.deref_session_ref(ref.uuid) == bytes([1, 2, 250])
    used = client.run_remote_workflow("total", ["blazen_only::total"], {"models": [ref]})
    assert used.result == 253
    with pytest.raises(UnsupportedError, match=r"fetch\(\)"):
        ref.fetch()
    assert [client.release_session_ref(ref.uuid) for _ in range(2)] == [True, False]
    with pytest.raises(SessionRefError):
        client.deref_session_ref(ref.uuid)


def test_devices_are_not_told_there(client: PeerClient) -> None:
    with pytest.raises(UnsupportedError, match=r"devices\(\)"):
        client.devices()


def test_a_released_ref_is_dropped_by_the_peer(client: PeerClient, server: PeerServer) -> None:
    result = client.run_remote_workflow("model", ["blazen_only::model"])
    for ref in (result.result["$tuple"]["model"], result.state["kept"]):
        ref.release()
    eventually(lambda: len(server._parts.refs) == 0)


async def test_many_calls_at_once_each_get_their_own_result(server: PeerServer) -> None:
    async with await AsyncPeerClient.connect(str(server.address)) as client:
        results = await asyncio.gather(
            *(client.run_remote_workflow("e", ["blazen_only::echo"], {"n": n}) for n in range(50))
        )
    assert [result.result for result in results] == [{"n": n} for n in range(50)]


async def test_a_cancelled_caller_cancels_the_run(server: PeerServer) -> None:
    async with await AsyncPeerClient.connect(str(server.address)) as client:
        call = asyncio.ensure_future(client.run_remote_workflow("waits", ["blazen_only::waits"]))
        await asyncio.to_thread(eventually, lambda: _told == ["waits"])
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.to_thread(eventually, lambda: _told == ["waits", "ends"])
        await asyncio.to_thread(eventually, lambda: not client._link._receivers)


async def test_closing_ends_what_waits(server: PeerServer) -> None:
    client = await AsyncPeerClient.connect(str(server.address))
    call = asyncio.ensure_future(client.run_remote_workflow("waits", ["blazen_only::waits"]))
    await asyncio.to_thread(eventually, lambda: _told == ["waits"])
    await client.close()
    with pytest.raises(TransportError, match="was closed"):
        await asyncio.wait_for(call, SECONDS)
    await asyncio.to_thread(eventually, lambda: _told == ["waits", "ends"])


def test_a_server_that_knows_neither_wire_is_no_peer(server: PeerServer, hidden: list[str]) -> None:
    hidden.append("/blazen.")
    with pytest.raises(TransportError, match="is no peer"):
        PeerClient.connect(str(server.address))


def test_the_client_says_what_it_is_connected_to(client: PeerClient, server: PeerServer) -> None:
    assert repr(client) == f"PeerClient({server.address}, connected)"
    assert client.node_id == client.address == server.address
    assert client.peer_python == ""
    assert "Blazen's own wire" in html.unescape(str(client._repr_html_()))
