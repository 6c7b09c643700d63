"""A caller that is refused costs the peer nothing and learns nothing, on both services, encrypted or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from blazen_nb import AsyncPeerClient, Context, PeerServer, StartEvent, StopEvent, step
from blazen_nb.errors import AuthError
from blazen_nb.wire.blazen_messages import ENVELOPE_VERSION, SubWorkflowRequest, SubWorkflowResponse
from blazen_nb.wire.blazen_peer_v1 import peer_pb2
from blazen_nb.wire.tls import ClientTls
from blazen_nb.wire.v1 import kernel_pb2 as pb
from tests.forwarder import forwarded
from tests.peer.certificates import Authority, client_tls, server_tls

TOKEN = "the-token-of-this-peer"
SERVICES = {
    "session": "/blazen_nb.wire.v1.PeerKernel/Session",
    "invoke": "/blazen.peer.v1.BlazenPeer/InvokeSubWorkflow",
    "stream": "/blazen.peer.v1.BlazenPeer/StreamSubWorkflowEvents",
    "deref": "/blazen.peer.v1.BlazenPeer/DerefSessionRef",
    "release": "/blazen.peer.v1.BlazenPeer/ReleaseSessionRef",
    "no such method": "/blazen.peer.v1.BlazenPeer/Nothing",
}
BAD_TOKENS = [
    None,
    "",
    "x",
    TOKEN[:-1],
    TOKEN[:-1] + "x",
    "x" * len(TOKEN),
    TOKEN + "x",
    TOKEN.upper(),
    "x" * 3_000,
]
LARGE = 24 << 20


@step(id="refusals::size")
def size(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=len(ev.text))


@dataclass(frozen=True)
class Place:
    """A peer, and how to reach it."""

    port: int
    tls: ClientTls | None

    def channel(self, port: int | None = None) -> grpc.Channel:
        target, options = f"127.0.0.1:{port or self.port}", [("grpc.enable_http_proxy", 0)]
        if self.tls is None:
            return grpc.insecure_channel(target, options=options)
        return grpc.secure_channel(target, self.tls.credentials(), options=options)


@pytest.fixture(params=["plain", "tls"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    ca = Authority(tmp_path, "ca") if request.param == "tls" else None
    tls = server_tls(ca.pair("peer")) if ca else None
    with PeerServer("gpu-box", token=TOKEN, tls=tls) as server:
        port = int(server.start("127.0.0.1:0").rpartition(":")[2])
        yield Place(port, client_tls(ca) if ca else None)


def metadata(token: str | None) -> list[tuple[str, str]]:
    return [] if token is None else [("authorization", f"Bearer {token}")]


def call(channel: grpc.Channel, method: str, payload: bytes, token: str | None) -> bytes:
    """The answer to one message, whatever kind the method is."""
    if method == SERVICES["session"]:
        answers = channel.stream_stream(method)(
            iter([payload]), metadata=metadata(token), timeout=8
        )
        return bytes(next(answers))
    if method == SERVICES["stream"]:
        return bytes(
            next(channel.unary_stream(method)(payload, metadata=metadata(token), timeout=8))
        )
    return bytes(channel.unary_unary(method)(payload, metadata=metadata(token), timeout=8))


Refusal = tuple[grpc.StatusCode, str, tuple[object, ...]]


def refusal(channel: grpc.Channel, method: str, payload: bytes, token: str | None) -> Refusal:
    """All that the refused caller gets to see."""
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, method, payload, token)
    error = caught.value
    return error.code(), error.details(), tuple(error.trailing_metadata() or ())


def invocation(text: str) -> bytes:
    request = SubWorkflowRequest(
        workflow_name="w",
        step_ids=("refusals::size",),
        input_json=b'{"text":"%s"}' % text.encode(),
    )
    return peer_pb2.PostcardRequest(postcard_payload=request.encode()).SerializeToString()


def hello(text: str) -> bytes:
    message = pb.Hello(
        session_id="s", namespace=text, envelope_version=ENVELOPE_VERSION, node_id="n"
    )
    return pb.ClientBatch(frames=[pb.ClientFrame(hello=message)]).SerializeToString()


@pytest.mark.parametrize("method", SERVICES.values(), ids=SERVICES)
def test_every_wrong_token_gets_one_and_the_same_refusal(place: Place, method: str) -> None:
    with place.channel() as channel:
        refusals = {refusal(channel, method, b"", token) for token in BAD_TOKENS}
    (only,) = refusals
    code, details, trailers = only
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert "BLAZEN_PEER_TOKEN" in details
    assert not any(
        TOKEN in str(part) or str(len(TOKEN)) in str(part) for part in (details, *trailers)
    )


@pytest.mark.parametrize("method", SERVICES.values(), ids=SERVICES)
def test_a_refused_caller_does_not_learn_what_its_payload_is_worth(
    place: Place, method: str
) -> None:
    payloads = [b"", b"\xff" * 50, invocation("x"), hello("n")]
    with place.channel() as channel:
        assert len({refusal(channel, method, payload, "wrong") for payload in payloads}) == 1


async def test_a_refused_client_always_learns_that_it_was_refused(place: Place) -> None:
    # gRPC forgets a call's status when a write to it fails, so this depended on who was faster.
    address = f"{'https' if place.tls else 'http'}://127.0.0.1:{place.port}"
    connecting = (
        AsyncPeerClient.connect(address, token="wrong", tls=place.tls) for _ in range(500)
    )
    ends = await asyncio.gather(*connecting, return_exceptions=True)
    assert {type(end) for end in ends} == {AuthError}


@pytest.mark.parametrize(
    ("method", "make"), [(SERVICES["invoke"], invocation), (SERVICES["session"], hello)],
    ids=["invoke", "session"],
)  # fmt: skip
async def test_the_payload_of_a_refused_caller_is_not_read(
    place: Place, method: str, make: Callable[[str], bytes]
) -> None:
    payload = make("x" * LARGE)
    async with forwarded(place.port) as way:
        with place.channel(way.port) as channel:
            await asyncio.to_thread(refusal, channel, method, payload, "wrong")
        # What fits into the windows of HTTP/2 and the sockets is on its way before the answer is.
        assert len(way.sent) < LARGE / 4
        way.sent.clear()
        with place.channel(way.port) as channel:
            answer = await asyncio.to_thread(call, channel, method, payload, TOKEN)
        assert len(way.sent) > LARGE
    if method == SERVICES["invoke"]:
        reply = SubWorkflowResponse.decode(
            peer_pb2.PostcardResponse.FromString(answer).postcard_payload
        )
        assert reply.result_json == str(LARGE).encode()
