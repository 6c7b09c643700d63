"""Session refs and the stream of events as Blazen's own wire has them."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from blazen_nb import Context, Event, InputRequestEvent, PeerServer, StartEvent, StopEvent, step
from blazen_nb.peer.refs import RefTable
from blazen_nb.wire.blazen_messages import (
    DerefRequest,
    DerefResponse,
    ReleaseRequest,
    ReleaseResponse,
    SubWorkflowEvent,
    SubWorkflowRequest,
    SubWorkflowResponse,
)
from blazen_nb.wire.blazen_peer_v1 import peer_pb2
from blazen_nb.wire.limits import Limits
from tests.eventually import eventually
from tests.peer import ref_steps
from tests.peer.conftest import SECONDS
from tests.peer.ref_steps import gone

MARKER = "__blazen_session_ref__"
_SERVICE = "/blazen.peer.v1.BlazenPeer/"


@step(id="blazen_refs::emit")
async def emit(ctx: Context, ev: StartEvent) -> StopEvent:
    for i in range(ev.n):
        ctx.write_event_to_stream(Event("Tick", i=i))
    return StopEvent(result=ev.n)


@step(id="blazen_refs::kinds")
def kinds(ctx: Context, ev: StartEvent) -> Event:
    ctx.write_event_to_stream(Event("Rich", raw=b"\x00\xff", pair=(1, 2)))
    return InputRequestEvent(request_id="q", prompt="go on?")


@step(id="blazen_refs::fails")
def fails(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Trying"))
    raise LookupError("no entry")


@step(id="blazen_refs::waits")
async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Waiting"))
    try:
        await asyncio.sleep(60)
    finally:
        ref_steps.live[ev.name] = "told"
    return StopEvent()


@step(id="blazen_refs::odd")
def odd(ctx: Context, ev: StartEvent) -> StopEvent:
    loop: list[Any] = []
    loop.append(loop)
    values = {"loop": loop, "keys": {(1, 2): 3}, "nan": math.nan, "objects": [object(), object()]}
    return StopEvent(result=values[ev.kind])


class Caller:
    """A client that knows only Blazen's service."""

    def __init__(self, address: str) -> None:
        options = [("grpc.max_receive_message_length", -1)]
        self._channel = grpc.insecure_channel(address, options=options)

    def close(self) -> None:
        self._channel.close()

    def unary(self, method: str, payload: bytes) -> peer_pb2.PostcardResponse:
        request = peer_pb2.PostcardRequest(postcard_payload=payload).SerializeToString()
        answer = self._channel.unary_unary(_SERVICE + method)(request, timeout=SECONDS)
        return peer_pb2.PostcardResponse.FromString(answer)

    def invoke(self, step_id: str, input: Any = None) -> SubWorkflowResponse:
        payload = self.unary("InvokeSubWorkflow", _call(step_id, input)).postcard_payload
        return SubWorkflowResponse.decode(payload)

    def result(self, step_id: str, input: Any = None) -> Any:
        response = self.invoke(step_id, input)
        assert response.error is None
        assert response.result_json is not None
        return json.loads(response.result_json)

    def deref(self, uuid: str | UUID) -> bytes:
        request = DerefRequest(ref_uuid=UUID(str(uuid)))
        payload = self.unary("DerefSessionRef", request.encode()).postcard_payload
        return DerefResponse.decode(payload).payload

    def release(self, uuid: str | UUID) -> bool:
        request = ReleaseRequest(ref_uuid=UUID(str(uuid)))
        payload = self.unary("ReleaseSessionRef", request.encode()).postcard_payload
        return ReleaseResponse.decode(payload).released

    def stream(self, step_id: str, input: Any = None) -> Any:
        request = peer_pb2.PostcardRequest(postcard_payload=_call(step_id, input))
        method = self._channel.unary_stream(_SERVICE + "StreamSubWorkflowEvents")
        return method(request.SerializeToString(), timeout=SECONDS)

    def events(self, step_id: str, input: Any = None) -> list[SubWorkflowEvent]:
        return [_event(answer) for answer in self.stream(step_id, input)]


def _call(step_id: str, input: Any) -> bytes:
    return SubWorkflowRequest(
        workflow_name="from Blazen", step_ids=(step_id,), input_json=json.dumps(input).encode()
    ).encode()


def _event(answer: bytes) -> SubWorkflowEvent:
    payload = peer_pb2.PostcardResponse.FromString(answer).postcard_payload
    return SubWorkflowEvent.decode(payload)


@pytest.fixture
def server() -> Iterator[PeerServer]:
    with PeerServer("gpu-box", insecure=True, limits=Limits(message_bytes=1 << 20)) as server:
        server.start("127.0.0.1:0")
        yield server


@pytest.fixture
def caller(server: PeerServer) -> Iterator[Caller]:
    assert server.address is not None
    caller = Caller(server.address)
    yield caller
    caller.close()


@pytest.fixture
def refs(server: PeerServer) -> RefTable:
    return server._parts.refs


# --- refs ----------------------------------------------------------------------------------------------------


def test_a_value_that_is_not_json_comes_as_a_ref_with_its_descriptor(caller: Caller) -> None:
    response = caller.invoke("refs::thing", {"name": "blazen"})
    assert response.result_json is not None
    one, marked = json.loads(response.result_json)
    assert one == 1
    (uuid,) = response.remote_refs
    assert marked == {MARKER: str(uuid)}
    descriptor = response.remote_refs[uuid]
    assert (descriptor.origin_node_id, descriptor.type_tag) == ("gpu-box", "pickle")
    assert descriptor.created_at_epoch_ms > 1_700_000_000_000
    assert caller.release(uuid)
    gone("blazen")
    assert not caller.release(uuid)


@pytest.mark.parametrize("leaves", ["result", "state"])
def test_a_value_that_a_step_puts_away_comes_as_a_ref(caller: Caller, leaves: str) -> None:
    response = caller.invoke("refs::put", {"name": "put", "leaves": leaves})
    (uuid,) = response.remote_refs
    text = response.result_json if leaves == "result" else response.state_json["thing"]
    assert text is not None
    found = json.loads(text)
    assert (found["thing"] if leaves == "result" else found) == {MARKER: str(uuid)}


def test_the_bytes_behind_a_ref_are_its_codecs(caller: Caller) -> None:
    pytest.importorskip("numpy")
    response = caller.invoke("refs::zeros", {"shape": [2, 3]})
    ((uuid, descriptor),) = response.remote_refs.items()
    assert descriptor.type_tag == "ndarray"
    assert caller.deref(uuid) == b'["|u1",[2,3],"C"]\n' + bytes(6)


def test_a_ref_in_an_input_is_the_live_object(caller: Caller) -> None:
    marked = caller.result("refs::put", {"name": "back"})["thing"]
    assert caller.result("refs::is_watched", {"name": "back", "thing": marked}) is True


def test_a_ref_that_is_not_here_is_not_found_whatever_is_asked_of_it(caller: Caller) -> None:
    missing = uuid4()
    asked: list[Callable[[], Any]] = [
        lambda: caller.deref(missing),
        lambda: caller.invoke("refs::same", {"things": [{MARKER: str(missing)}]}),
    ]
    for ask in asked:
        with pytest.raises(grpc.RpcError) as caught:
            ask()
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert str(missing) in caught.value.details()
    assert not caller.release(missing)


def test_a_value_that_cannot_be_sent_is_refused_and_stays(caller: Caller) -> None:
    (_, marked) = caller.result("refs::thing", {"name": "stays"})
    with pytest.raises(grpc.RpcError) as caught:
        caller.deref(marked[MARKER])
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    large = caller.result("refs::zeros", {"shape": [2 << 20]})
    with pytest.raises(grpc.RpcError, match="GetValue") as caught:
        caller.deref(large[MARKER])
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caller.release(large[MARKER])


def test_a_result_that_json_has_no_form_for_is_a_ref_as_a_whole_but_nan_is_an_error(
    caller: Caller,
) -> None:
    for kind in ("loop", "keys"):
        assert set(caller.result("blazen_refs::odd", {"kind": kind})) == {MARKER}
    response = caller.invoke("blazen_refs::odd", {"kind": "nan"})
    assert response.error is not None
    assert "not JSON" in response.error
    assert response.remote_refs == {}


def test_more_values_that_stay_than_a_run_may_keep_are_an_error_that_says_so() -> None:
    with PeerServer("small", insecure=True, limits=Limits(refs=1)) as server:
        caller = Caller(server.start("127.0.0.1:0"))
        response = caller.invoke("blazen_refs::odd", {"kind": "objects"})
        caller.close()
    assert response.error is not None
    assert "1 session refs, the limit" in response.error


def test_a_failed_run_leaves_no_ref(caller: Caller, refs: RefTable) -> None:
    response = caller.invoke("refs::put", {"name": "fails", "fails": True})
    assert response.error is not None
    gone("fails")
    assert len(refs) == 0


def test_a_ref_is_kept_for_as_long_as_it_is_used_and_the_lease_after_that(
    caller: Caller, refs: RefTable
) -> None:
    first = caller.result("refs::put", {"name": "lease"})["thing"][MARKER]
    explicit = caller.result("refs::put", {"name": "explicit", "lifetime": "UntilExplicitDrop"})[
        "thing"
    ][MARKER]
    lease = refs.limits.ref_lease_seconds
    now = refs.now()
    refs.now = lambda: now + lease - 60
    refs.expire()
    assert caller.result("refs::is_watched", {"name": "lease", "thing": {MARKER: first}})
    refs.now = lambda: now + 2 * lease - 120
    refs.expire()
    assert len(refs) == 2
    refs.now = lambda: now + 2 * lease
    refs.expire()
    gone("lease")
    assert caller.release(explicit)


# --- events --------------------------------------------------------------------------------------------------


def test_ten_thousand_events_arrive_complete_and_in_order(caller: Caller) -> None:
    *events, last = caller.events("blazen_refs::emit", {"n": 10_000})
    assert [event.seq for event in events] == list(range(1, 10_001))
    assert [json.loads(event.event_json)["i"] for event in events] == list(range(10_000))
    assert {(event.event_type, event.step_id) for event in events} == {
        ("Tick", "blazen_refs::emit")
    }
    assert all(event.response is None for event in events)
    assert (last.seq, last.event_type) == (10_001, "blazen::StopEvent")
    assert last.response is not None
    assert SubWorkflowResponse.decode(last.response).result_json == b"10000"


def test_a_field_that_is_not_json_is_a_ref_and_a_question_is_an_event(caller: Caller) -> None:
    answers = caller.stream("blazen_refs::kinds")
    rich, question = _event(next(answers)), _event(next(answers))
    assert question.event_type == "blazen::InputRequestEvent"
    assert json.loads(question.event_json)["prompt"] == "go on?"
    fields = json.loads(rich.event_json)
    assert fields["pair"] == [1, 2]
    assert caller.deref(fields["raw"][MARKER]) == b"\x00\xff"
    answers.cancel()


def test_a_run_that_fails_ends_its_stream_with_the_error(caller: Caller) -> None:
    (trying, last) = list(caller.stream("blazen_refs::fails"))
    assert _event(trying).event_type == "Trying"
    answer = peer_pb2.PostcardResponse.FromString(last)
    assert answer.failure.type_name == "LookupError"
    assert len(answer.run_id) == 16
    response = _event(last).response
    assert response is not None
    assert "no entry" in (SubWorkflowResponse.decode(response).error or "")


def test_events_come_while_the_run_goes_on_and_who_stops_reading_cancels_it(
    caller: Caller, server: PeerServer
) -> None:
    answers = caller.stream("blazen_refs::waits", {"name": "stream"})
    assert _event(next(answers)).event_type == "Waiting"
    assert len(server._parts.runs.running()) == 1
    answers.cancel()
    eventually(lambda: ref_steps.live.get("stream") == "told")
    eventually(lambda: not server._parts.runs.running())


def test_a_stream_of_steps_that_are_not_there_is_refused_as_a_call_is(caller: Caller) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        caller.events("blazen_refs::nowhere")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
