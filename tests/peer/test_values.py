"""Inputs and results: what goes in comes out, byte for byte where it is JSON, and large ones hold up nobody."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import pytest

from blazen_nb import PeerClient, RemoteRef, StopEvent, step
from blazen_nb.engine.context import Context
from blazen_nb.errors import EncodeError, LimitError, ValidationError
from blazen_nb.events import StartEvent
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.limits import Limits

MIB = 1 << 20


@step(id="values::fields")
def fields(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ev.to_dict())


@step(id="values::describe")
def describe(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result={name: repr(value) for name, value in ev.to_dict().items()})


@step(id="values::lock")
def lock(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result={"deep": [threading.Lock()]})


@step(id="values::zeros")
def zeros(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=bytes(ev.size))


@step(id="values::text")
def text(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result="x" * ev.size)


@step(id="values::size")
def size(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=len(ev.data))


def echoed(client: PeerClient, value: Any) -> Any:
    return client.run_remote_workflow("echo", ["values::fields"], value).result


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1}',
        '{ "b" : [1.0, 1e3, -0.0] , "a" : "zürich \\u00fc 🦉" }',
        '{"big": 123456789012345678901234567890, "exact": 0.1000}',
        "{}",
    ],
)
def test_json_text_in_is_read_as_json(client: PeerClient, text: str) -> None:
    import json

    result = client.run_remote_workflow_json("echo", ["values::fields"], text)
    assert result.result == json.loads(text)


def test_json_text_comes_out_as_the_peer_wrote_it(client: PeerClient) -> None:
    text = '{"b":[1.0,2],"a":"zürich 🦉"}'
    result = client.run_remote_workflow_json("echo", ["values::fields"], text)
    assert getattr(result.event, "data_json", None) == text


@pytest.mark.parametrize("value", [5, "text", [1, 2], True, 1.5, {1: 2}])
def test_an_input_that_is_no_object_is_the_field_input(client: PeerClient, value: Any) -> None:
    assert echoed(client, value) == {"input": value}


def test_no_input_is_no_fields(client: PeerClient) -> None:
    assert echoed(client, None) == {}
    result = client.run_remote_workflow_json("echo", ["values::fields"], "null")
    assert result.result == {}


def test_a_field_may_have_any_name_that_text_can_be(client: PeerClient) -> None:
    value = {"": 1, "self": 2, "$leaf": 3, "result": 4, "input": 5}
    assert echoed(client, value) == value


def test_a_field_that_would_hide_the_events_type_is_refused(client: PeerClient) -> None:
    with pytest.raises(ValidationError, match="event_type"):
        client.run_remote_workflow("w", ["values::fields"], {"event_type": "mine"})
    assert client.describe().runs == ()


def test_nan_and_infinities_cross(client: PeerClient) -> None:
    result = echoed(client, {"nan": math.nan, "up": math.inf, "down": -math.inf})
    assert math.isnan(result["nan"])
    assert (result["up"], result["down"]) == (math.inf, -math.inf)


def test_tuples_sets_bytes_and_other_keys_keep_their_type(client: PeerClient) -> None:
    value = {"pair": (1, (2, 3)), "raw": b"\x00\xff", "set": {1, 2}, "by_number": {1: "one"}}
    assert echoed(client, value) == value
    seen = client.run_remote_workflow("w", ["values::describe"], value).result
    assert seen["pair"] == "(1, (2, 3))"


def test_numpy_arrays_cross_in_both_directions(client: PeerClient) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(12, dtype="int16").reshape(3, 4)
    result = echoed(client, {"array": array, "scalar": numpy.float32(0.5)})
    assert result["array"].dtype == array.dtype
    assert (result["array"] == array).all()
    assert result["scalar"] == numpy.float32(0.5)


def test_a_part_of_a_result_that_cannot_travel_stays_and_its_ref_comes(client: PeerClient) -> None:
    (ref,) = client.run_remote_workflow("w", ["values::lock"]).result["deep"]
    assert isinstance(ref, RemoteRef)
    assert (ref.type_name, ref.owner) == ("_thread.lock", "gpu-box")
    with pytest.raises(EncodeError, match="lock"):
        ref.fetch()


def test_an_input_that_cannot_travel_is_refused_before_it_is_sent(client: PeerClient) -> None:
    with pytest.raises(EncodeError, match="lock"):
        client.run_remote_workflow("w", ["values::fields"], {"a": threading.Lock()})
    assert client.describe().runs == ()


def test_thirty_mebibytes_go_in_and_come_out(client: PeerClient) -> None:
    data = bytes(range(256)) * (30 * MIB // 256)
    ref = echoed(client, {"data": data})["data"]
    assert isinstance(ref, RemoteRef)
    assert ref.fetch() == data
    text = "zü" * (10 * MIB)
    assert echoed(client, {"text": text}) == {"text": text}


def test_describe_is_answered_while_thirty_mebibytes_are_on_their_way(
    client: PeerClient, other: PeerClient
) -> None:
    text = "zü" * (10 * MIB)
    done = threading.Event()
    results: list[Any] = []

    def transfer() -> None:
        for _ in range(3):
            results.append(echoed(client, {"text": text}))
        done.set()

    thread = threading.Thread(target=transfer)
    thread.start()
    longest = 0.0
    while not done.is_set():
        began = time.perf_counter()
        other.describe()
        longest = max(longest, time.perf_counter() - began)
    thread.join()
    assert results == [{"text": text}] * 3
    assert longest < 0.5


def test_an_input_above_the_limit_is_refused_and_the_session_goes_on() -> None:
    with LocalPeer(limits=Limits(message_bytes=MIB)) as peer:
        with pytest.raises(LimitError, match="1 MiB"):
            peer.client.run_remote_workflow("w", ["values::size"], {"data": bytes(3 * MIB)})
        data = bytes(MIB - 1000)
        assert peer.client.run_remote_workflow("w", ["values::size"], {"data": data}).result == (
            MIB - 1000
        )


def test_a_result_above_the_limit_stays_and_the_session_goes_on() -> None:
    with LocalPeer(limits=Limits(message_bytes=MIB)) as peer:
        ref = peer.client.run_remote_workflow("w", ["values::zeros"], {"size": 2 * MIB}).result
        assert ref.fetch() == bytes(2 * MIB)
        text = peer.client.run_remote_workflow("w", ["values::text"], {"size": 2 * MIB}).result
        assert text.fetch() == "x" * (2 * MIB)
        result = peer.client.run_remote_workflow("w", ["values::zeros"], {"size": MIB // 2})
        assert result.result == bytes(MIB // 2)
