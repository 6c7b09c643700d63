"""Envelope versioning: a newer one is refused with its own kind, an older one is served."""

from __future__ import annotations

import uuid

import grpc
import pytest

from blazen_nb import PeerError, PeerServer
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.blazen_messages import (
    ENVELOPE_VERSION,
    DerefRequest,
    ReleaseRequest,
    SubWorkflowRequest,
    SubWorkflowResponse,
)
from blazen_nb.wire.blazen_peer_v1 import peer_pb2, peer_pb2_grpc

NEWER, OLDER = ENVELOPE_VERSION + 1, ENVELOPE_VERSION - 1
TOKEN = "a-token"


def ask(method: str, payload: bytes) -> bytes:
    """The answer of a peer to a request as Blazen's own clients make it."""
    with PeerServer("node-b", token=TOKEN) as server:
        address = server.start("127.0.0.1:0")
        with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
            stub = peer_pb2_grpc.BlazenPeerStub(channel)  # type: ignore[no-untyped-call]
            call = getattr(stub, method)
            answer = call(
                peer_pb2.PostcardRequest(postcard_payload=payload),
                metadata=[("authorization", f"Bearer {TOKEN}")],
                timeout=5,
            )
            return bytes(answer.postcard_payload)


def invocation(version: int) -> bytes:
    return SubWorkflowRequest(
        envelope_version=version,
        workflow_name="w",
        step_ids=("my_app::analyze",),
        input_json=b'{"a":1}',
    ).encode()


REF = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("method", ["InvokeSubWorkflow", "DerefSessionRef", "ReleaseSessionRef"])
def test_a_newer_envelope_is_refused_on_blazens_service(method: str) -> None:
    payloads = {
        "InvokeSubWorkflow": invocation(NEWER),
        "DerefSessionRef": DerefRequest(envelope_version=NEWER, ref_uuid=uuid.UUID(REF)).encode(),
        "ReleaseSessionRef": ReleaseRequest(
            envelope_version=NEWER, ref_uuid=uuid.UUID(REF)
        ).encode(),
    }
    with pytest.raises(grpc.RpcError) as caught:
        ask(method, payloads[method])
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == f"envelope version {NEWER} is newer than supported 1"


def test_an_older_envelope_is_served_on_blazens_service() -> None:
    answer = SubWorkflowResponse.decode(ask("InvokeSubWorkflow", invocation(OLDER)))
    assert answer.result_json == b'{"a":1}'


def test_a_newer_envelope_of_a_session_is_refused_with_its_kind(
    peer: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazen_nb.client.dialing.ENVELOPE_VERSION", NEWER)
    with pytest.raises(PeerError, match=f"version {NEWER} is newer") as caught:
        peer.connect()
    assert caught.value.kind == "EnvelopeVersion"


def test_an_older_envelope_of_a_session_is_served(
    peer: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The peer answers with its own version; an older client reads that as it reads any peer's.
    monkeypatch.setattr("blazen_nb.client.dialing.ENVELOPE_VERSION", OLDER)
    monkeypatch.setattr("blazen_nb.peer.session.ENVELOPE_VERSION", OLDER)
    with peer.connect() as client:
        assert client.run_remote_workflow("w", ["my_app::analyze"], {"a": 1}).result == {"a": 1}


def test_a_peer_that_speaks_a_newer_envelope_is_an_envelope_version_error(
    peer: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazen_nb.peer.session.ENVELOPE_VERSION", NEWER)
    with pytest.raises(PeerError, match="upgrade") as caught:
        peer.connect()
    assert caught.value.kind == "EnvelopeVersion"
