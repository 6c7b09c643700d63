from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazen_nb.errors import EncodeError, EnvelopeVersionError
from blazen_nb.wire.blazen_messages import (
    ENVELOPE_VERSION,
    DerefRequest,
    DerefResponse,
    ReleaseRequest,
    ReleaseResponse,
    RemoteRefDescriptor,
    SubWorkflowRequest,
    SubWorkflowResponse,
)

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "blazen_peer_0_6_74.json").read_text("utf-8")
)
REQUESTS = {vector["name"]: vector for vector in VECTORS["requests"]}
RESPONSES = {vector["name"]: vector for vector in VECTORS["responses"]}
REF = UUID("6f1c2c52-8f7e-4a0b-9d6d-0123456789ab")

Message = (
    SubWorkflowRequest
    | SubWorkflowResponse
    | DerefRequest
    | DerefResponse
    | ReleaseRequest
    | ReleaseResponse
)
BY_CALL: dict[str, tuple[type[Message], type[Message]]] = {
    "InvokeSubWorkflow": (SubWorkflowRequest, SubWorkflowResponse),
    "DerefSessionRef": (DerefRequest, DerefResponse),
    "ReleaseSessionRef": (ReleaseRequest, ReleaseResponse),
}


def types_of(vector: dict[str, Any]) -> tuple[type[Message], type[Message]]:
    return BY_CALL[vector["rpc"].rpartition("/")[2]]


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def request_of(vector: dict[str, Any]) -> Message:
    fields = vector["fields"]
    if "ref_uuid" in fields:
        cls = types_of(vector)[0]
        assert issubclass(cls, DerefRequest | ReleaseRequest)
        return cls(ref_uuid=UUID(fields["ref_uuid"]))
    return SubWorkflowRequest(
        workflow_name=fields["workflow_name"],
        step_ids=tuple(fields.get("step_ids", ())),
        input_json=compact(fields.get("input", {})),
        timeout_secs=fields.get("timeout_secs"),
    )


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_has_the_bytes_that_blazen_sends(name: str) -> None:
    vector = REQUESTS[name]
    assert request_of(vector).encode().hex() == vector["postcard_hex"]


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_of_blazen_is_read(name: str) -> None:
    vector = REQUESTS[name]
    assert types_of(vector)[0].decode(bytes.fromhex(vector["postcard_hex"])) == request_of(vector)


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_that_blazen_accepted_is_read(name: str) -> None:
    vector = RESPONSES[name]
    expected = vector["decoded"]
    message = types_of(vector)[1].decode(bytes.fromhex(vector["postcard_hex"]))
    match message:
        case DerefResponse():
            assert message.payload.hex() == expected["payload_hex"]
        case ReleaseResponse():
            assert message.released is expected["released"]
        case SubWorkflowResponse():
            assert message.envelope_version == expected["envelope_version"]
            assert message.error == expected["error"]
            assert json.loads(message.result_json or b"null") == expected["result"]
            assert {key: json.loads(raw) for key, raw in message.state_json.items()} == expected[
                "state"
            ]
            assert {
                str(uuid): [ref.origin_node_id, ref.type_tag, ref.created_at_epoch_ms]
                for uuid, ref in message.remote_refs.items()
            } == expected["remote_refs"]
        case _:
            pytest.fail(f"{type(message).__name__} is no response")


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_is_written_with_the_bytes_that_blazen_accepted(name: str) -> None:
    vector = RESPONSES[name]
    payload = bytes.fromhex(vector["postcard_hex"])
    if name == "trailing_bytes_ignored":
        payload = payload.removesuffix(b"\x01\x02\x03")
    assert types_of(vector)[1].decode(payload).encode() == payload


def test_a_null_result_and_no_result_differ() -> None:
    null = SubWorkflowResponse.decode(bytes.fromhex(RESPONSES["result_null_json"]["postcard_hex"]))
    none = SubWorkflowResponse.decode(bytes.fromhex(RESPONSES["empty"]["postcard_hex"]))
    assert (null.result_json, none.result_json) == (b"null", None)


EXAMPLES: list[Message] = [
    SubWorkflowRequest(
        workflow_name="größe", step_ids=("a::b", "c"), input_json=b'{"n":1}', timeout_secs=300
    ),
    SubWorkflowResponse(
        state_json={"count": b"42"},
        result_json=b"[1]",
        remote_refs={
            REF: RemoteRefDescriptor(origin_node_id="n", type_tag="t", created_at_epoch_ms=2**40)
        },
        error="workflow error: boom",
    ),
    DerefRequest(ref_uuid=REF),
    DerefResponse(payload=b"abc"),
    ReleaseRequest(ref_uuid=REF),
    ReleaseResponse(released=True),
]
each_message = pytest.mark.parametrize(
    "message", EXAMPLES, ids=lambda message: type(message).__name__
)


@each_message
def test_a_message_comes_back_as_it_was_sent(message: Message) -> None:
    assert type(message).decode(message.encode()) == message


@each_message
def test_fields_of_a_newer_writer_after_the_last_one_are_ignored(message: Message) -> None:
    assert type(message).decode(message.encode() + b"\xff\x00junk") == message


@each_message
def test_a_message_cut_at_any_byte_is_refused(message: Message) -> None:
    whole = message.encode()
    for size in range(len(whole)):
        with pytest.raises(EncodeError):
            type(message).decode(whole[:size])


@each_message
def test_a_newer_envelope_is_refused_by_its_version_before_the_rest_is_read(
    message: Message,
) -> None:
    for rest in (message.encode()[1:], b"", b"\xff\xff\xff"):
        with pytest.raises(EnvelopeVersionError) as caught:
            type(message).decode(b"\x02" + rest)
        assert str(caught.value) == "envelope version 2 is newer than supported 1"


@each_message
def test_an_older_envelope_is_read(message: Message) -> None:
    older = type(message).decode(b"\x00" + message.encode()[1:])
    assert older.envelope_version == 0
    assert older.encode()[1:] == message.encode()[1:]


def test_the_envelope_version_is_1() -> None:
    assert ENVELOPE_VERSION == 1
    assert all(message.encode()[0] == 1 for message in EXAMPLES)


def test_a_descriptor_alone_comes_back_as_it_was_sent() -> None:
    descriptor = RemoteRefDescriptor(
        origin_node_id="gpu", type_tag="torch.Tensor", created_at_epoch_ms=17
    )
    assert RemoteRefDescriptor.decode(descriptor.encode()) == descriptor


@pytest.mark.parametrize("seconds", [-1, 2**64])
def test_a_timeout_beyond_64_bits_is_not_written(seconds: int) -> None:
    with pytest.raises(EncodeError, match="64 bits"):
        SubWorkflowRequest(workflow_name="w", timeout_secs=seconds).encode()


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
U64 = st.integers(0, 2**64 - 1)


@given(
    st.builds(
        SubWorkflowRequest,
        workflow_name=TEXT,
        step_ids=st.lists(TEXT).map(tuple),
        input_json=st.binary(),
        timeout_secs=st.none() | U64,
    )
)
def test_any_request_comes_back_as_it_was_sent(request: SubWorkflowRequest) -> None:
    assert SubWorkflowRequest.decode(request.encode()) == request


@given(
    st.builds(
        SubWorkflowResponse,
        state_json=st.dictionaries(TEXT, st.binary(), max_size=4),
        result_json=st.none() | st.binary(),
        remote_refs=st.dictionaries(
            st.uuids(),
            st.builds(
                RemoteRefDescriptor, origin_node_id=TEXT, type_tag=TEXT, created_at_epoch_ms=U64
            ),
            max_size=4,
        ),
        error=st.none() | TEXT,
    )
)
def test_any_response_comes_back_as_it_was_sent(response: SubWorkflowResponse) -> None:
    assert SubWorkflowResponse.decode(response.encode()) == response


@given(st.sampled_from(EXAMPLES), st.binary(max_size=120))
def test_junk_is_refused_with_our_own_errors_only(example: Message, junk: bytes) -> None:
    with contextlib.suppress(EncodeError, EnvelopeVersionError):
        type(example).decode(junk)


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_message_with_one_byte_changed_never_raises_anything_else(
    example: Message, data: st.DataObject
) -> None:
    payload = bytearray(example.encode())
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(EncodeError, EnvelopeVersionError):
        type(example).decode(bytes(payload))
