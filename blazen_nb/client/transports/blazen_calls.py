"""A session with a peer that speaks only Blazen's own wire: each request is a call, or is refused here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID, uuid4

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from blazen_nb.client.blazen_frames import (
    invocation_of,
    require_supported,
    result_of_invocation,
    unsupported,
    welcome_of,
)
from blazen_nb.client.transports.channels import caller_metadata, open_channel
from blazen_nb.errors import BlazenError, EncodeError, LimitError, TransportError, UnsupportedError
from blazen_nb.wire.address import Address
from blazen_nb.wire.blazen_messages import (
    DerefRequest,
    DerefResponse,
    ReleaseRequest,
    ReleaseResponse,
    SubWorkflowResponse,
)
from blazen_nb.wire.blazen_peer_v1 import peer_pb2
from blazen_nb.wire.bulk_messages import CHUNK_BYTES, data_message
from blazen_nb.wire.limits import DEFAULT_LIMITS
from blazen_nb.wire.messages import refusal_of
from blazen_nb.wire.parts import Parts
from blazen_nb.wire.status import Call, from_rpc_error
from blazen_nb.wire.tls import ClientTls
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.client")

_SERVICE = "/blazen.peer.v1.BlazenPeer/"
_REF_SECONDS = 30.0
"""How long a call about a ref may take; a run has a time of its own."""


class BlazenCalls:
    """A Transport over the unary calls of Blazen's peer service; made on the I/O loop."""

    def __init__(
        self, address: Address, token: str | None, node_id: str, tls: ClientTls | None
    ) -> None:
        self._peer = str(address)
        size = ("grpc.max_receive_message_length", DEFAULT_LIMITS.message_bytes)
        self._channel = open_channel(address, tls, size)
        self._metadata = caller_metadata(node_id, token)
        self._parts = Parts(2 * DEFAULT_LIMITS.message_bytes)
        self._answers: asyncio.Queue[pb.PeerFrame] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runs: dict[bytes, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """See Transport."""
        try:
            await self._ping()
        except UnsupportedError:
            raise TransportError(f"what listens on {self._peer} is no peer") from None

    async def read(self) -> bytes | None:
        """See Transport; the stream of answers has no end of its own."""
        frames = [await self._answers.get()]
        return pb.PeerBatch(frames=frames).SerializeToString()

    async def write(self, batch: bytes) -> None:
        """See Transport."""
        for frame in pb.ClientBatch.FromString(batch).frames:
            self._take(frame)

    def _take(self, frame: pb.ClientFrame) -> None:
        kind = frame.WhichOneof("kind")
        if kind == "part":
            self._take_part(frame)
        elif kind == "hello":
            self._answers.put_nowait(pb.PeerFrame(welcome=welcome_of(self._peer)))
        elif kind == "cancel_run":
            run = self._runs.get(frame.cancel_run.run_id)
            if run is not None:
                run.cancel()
        else:
            task = asyncio.ensure_future(self._answer(frame))
            self._tasks.add(task)
            if kind == "start_run":
                self._runs[frame.start_run.run_id] = task
            task.add_done_callback(partial(self._ended, frame))

    def _ended(self, frame: pb.ClientFrame, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        run_id = frame.start_run.run_id
        self._runs.pop(run_id, None)
        if task.cancelled():
            cancelled = pb.RunResult(run_id=run_id, outcome="cancelled")
            self._tell(frame, pb.PeerFrame(result=cancelled))

    def _take_part(self, frame: pb.ClientFrame) -> None:
        try:
            whole = self._parts.add(frame.part)
        except LimitError as error:
            self._tell(frame, pb.PeerFrame(refusal=refusal_of(error)))
            return
        if whole is not None:
            self._take(pb.ClientFrame.FromString(whole))

    async def _answer(self, frame: pb.ClientFrame) -> None:
        try:
            require_supported(frame, self._peer)
            answer = await self._made(frame)
        except BlazenError as error:
            answer = pb.PeerFrame(refusal=refusal_of(error))
        except Exception as error:  # whoever asked would wait for ever
            _log.exception("a call to %s failed", self._peer)
            failed = TransportError(f"the call to {self._peer} failed ({type(error).__name__})")
            answer = pb.PeerFrame(refusal=refusal_of(failed))
        self._tell(frame, answer)

    def _tell(self, request: pb.ClientFrame, answer: pb.PeerFrame) -> None:
        answer.request_id = request.request_id
        self._answers.put_nowait(answer)

    async def _made(self, frame: pb.ClientFrame) -> pb.PeerFrame:
        match frame.WhichOneof("kind"):
            case "start_run":
                return pb.PeerFrame(result=await self._run(frame.start_run))
            case "release_refs":
                released = [await self._release(UUID(bytes=u)) for u in frame.release_refs.uuids]
                return pb.PeerFrame(done=pb.Done(changed=any(released)))
        await self._ping()
        return pb.PeerFrame(pong=pb.Pong())

    async def _run(self, run: pb.StartRun) -> pb.RunResult:
        request = invocation_of(run)
        answer = await self._call("InvokeSubWorkflow", request.encode(), "run", None)
        return result_of_invocation(SubWorkflowResponse.decode(answer), run.run_id, self._peer)

    async def _release(self, uuid: UUID, what: Call = "ref") -> bool:
        request = ReleaseRequest(ref_uuid=uuid)
        answer = await self._call("ReleaseSessionRef", request.encode(), what, _REF_SECONDS)
        return ReleaseResponse.decode(answer).released

    async def _ping(self) -> None:
        # The wire has no call for it; letting go of what never was changes nothing.
        await self._release(uuid4(), "peer")

    async def fetch(self, request: bytes) -> AsyncIterator[bytes]:
        """See Transport; the bytes of a value only."""
        asked = pb.GetRequest.FromString(request)
        if not asked.raw:
            raise unsupported("fetch()", self._peer)
        message = DerefRequest(ref_uuid=UUID(bytes=asked.uuid)).encode()
        answer = await self._call("DerefSessionRef", message, "ref", _REF_SECONDS)
        value = DerefResponse.decode(answer).payload
        yield pb.ValueChunk(header=pb.ValueHeader(sizes=[len(value)])).SerializeToString()
        for at in range(0, len(value), CHUNK_BYTES):
            piece = memoryview(value)[at : at + CHUNK_BYTES]
            yield data_message(at, [piece])

    async def send(self, chunks: AsyncIterator[bytes]) -> bytes:
        """See Transport."""
        raise unsupported("put()", self._peer)

    async def _call(self, method: str, payload: bytes, what: Call, timeout: float | None) -> bytes:
        message = peer_pb2.PostcardRequest(postcard_payload=payload).SerializeToString()
        call = self._channel.unary_unary(_SERVICE + method)
        try:
            answer = await call(message, metadata=self._metadata, timeout=timeout)
            return peer_pb2.PostcardResponse.FromString(answer).postcard_payload
        except grpc.RpcError as error:
            raise from_rpc_error(error, what=what, peer=f"the peer at {self._peer}") from None
        except DecodeError:
            raise EncodeError("the answer is not a PostcardResponse") from None

    async def close(self) -> None:
        """See Transport."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._channel.close()
        # grpc's own polling thread ends when the last of these objects is gone, not when they are closed.
        del self._channel
