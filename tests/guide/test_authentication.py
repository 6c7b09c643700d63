"""Authentication: one variable on both sides, and every request carries its token."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from blazen_nb import PeerClient, PeerError, PeerServer
from blazen_nb.wire.blazen_messages import SubWorkflowRequest, SubWorkflowResponse
from blazen_nb.wire.blazen_peer_v1 import peer_pb2, peer_pb2_grpc

TOKEN = "the-token-of-the-environment"


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A peer that has its token from the environment; the client's environment is the test's."""
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", TOKEN)
    with PeerServer("node-b") as server:
        yield server.start("127.0.0.1:0")


def invoke(address: str, metadata: list[tuple[str, str]]) -> SubWorkflowResponse:
    """A call as Blazen's own clients make it."""
    request = SubWorkflowRequest(
        workflow_name="w", step_ids=("my_app::analyze",), input_json=b'{"a":1}'
    )
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = peer_pb2_grpc.BlazenPeerStub(channel)  # type: ignore[no-untyped-call]
        answer = stub.InvokeSubWorkflow(
            peer_pb2.PostcardRequest(postcard_payload=request.encode()),
            metadata=metadata,
            timeout=5,
        )
    return SubWorkflowResponse.decode(answer.postcard_payload)


def test_the_same_variable_on_both_sides_is_all_that_is_needed(address: str) -> None:
    with PeerClient.connect(address) as client:
        assert client.run_remote_workflow("w", ["my_app::analyze"], {"a": 1}).result == {"a": 1}


@pytest.mark.parametrize("other", [None, "", "another-token"])
def test_a_client_whose_variable_differs_is_refused(
    address: str, other: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if other is None:
        monkeypatch.delenv("BLAZEN_PEER_TOKEN")
    else:
        monkeypatch.setenv("BLAZEN_PEER_TOKEN", other)
    with pytest.raises(PeerError) as caught:
        PeerClient.connect(address)
    assert caught.value.kind == "Auth"


def test_the_token_travels_as_a_bearer_in_the_metadata(address: str) -> None:
    answer = invoke(address, [("authorization", f"Bearer {TOKEN}")])
    assert answer.result_json == b'{"a":1}'
    for metadata in ([], [("authorization", TOKEN)], [("x-token", TOKEN)]):
        with pytest.raises(grpc.RpcError) as caught:
            invoke(address, metadata)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_an_empty_variable_counts_as_unset_on_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", "")
    with PeerServer("node-b") as server:
        address = server.start("127.0.0.1:0")
        # Then it made one of its own, which a client on this machine finds and a stranger does not.
        with PeerClient.connect(address) as client:
            client.ping()
        with pytest.raises(grpc.RpcError):
            invoke(address, [])
