"""Blazen's own peer service: its clients run the steps that are registered here. A thin translation."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import DecodeError

from blazen_nb.engine.run import Run
from blazen_nb.errors import AssemblyError, EncodeError, LimitError
from blazen_nb.peer.blazen_answers import run_response
from blazen_nb.peer.blazen_events import EventStory
from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.peer_run import PeerRun
from blazen_nb.peer.ref_scopes import RefScope
from blazen_nb.peer.start_input import start_event
from blazen_nb.shipping.bulk import encode_raw
from blazen_nb.wire.blazen_messages import (
    DerefRequest,
    DerefResponse,
    ReleaseRequest,
    ReleaseResponse,
    SubWorkflowRequest,
)
from blazen_nb.wire.blazen_peer_v1 import peer_pb2


class BlazenService:
    """The methods of blazen.peer.v1.BlazenPeer; each takes an identity and a request's bytes."""

    def __init__(self, parts: PeerParts) -> None:
        self._parts = parts

    async def invoke(self, identity: str, request: bytes) -> bytes:
        """Run registered steps and answer with their result; a failed run is an answer, too.

        A caller that goes away takes the run with it.

        Raises:
            UnknownStepError: A step is not registered here.
            EncodeError: The request cannot be read.
            ValidationError: A field of its input would hide the StartEvent's type.
            SessionRefError: Its input names a ref that is not here.
            LimitError: It is larger than a message may be.
        """
        return await _end_of(self._start(identity, self._read(request), None))

    async def stream(
        self, identity: str, request: bytes, write: Callable[[bytes], Awaitable[Any]]
    ) -> None:
        """Run registered steps and write the events of their stream as they come, and then how the run ended.

        Errors as for ``invoke``; what the answers are is said in the proto file.
        """
        story = EventStory(self._scope(identity))
        call = self._start(identity, self._read(request), story)
        end = asyncio.ensure_future(_end_of(call))
        end.add_done_callback(lambda _: story.end())
        try:
            async for event in story.read():
                await write(_wrapped(event.encode()))
        except BaseException:
            end.cancel()
            raise
        answer = peer_pb2.PostcardResponse.FromString(await end)
        answer.postcard_payload = story.last(answer.postcard_payload).encode()
        await write(answer.SerializeToString())

    async def deref(self, identity: str, request: bytes) -> bytes:
        """The value of a session ref, as the codec of its type tag writes it.

        Raises:
            SessionRefError: This peer holds no such ref.
            EncodeError: The value cannot travel.
            LimitError: It is larger than a message may be.
        """
        asked = DerefRequest.decode(_payload(request))
        kept = self._parts.refs.find(str(asked.ref_uuid), identity)
        bulk = await asyncio.to_thread(
            encode_raw, kept.ref.value, same_minor=False, home=kept.scope.home
        )
        (part,) = bulk.pieces
        limit = self._parts.limits.message_bytes
        if part.nbytes > limit:
            raise LimitError(
                f"the value of session ref {asked.ref_uuid} has {part.nbytes:,} bytes, and a message at most "
                f"{limit:,}; GetValue of blazen_nb.wire.v1.PeerKernel sends it in parts"
            )
        return _wrapped(DerefResponse(payload=bytes(part)).encode())

    async def release(self, identity: str, request: bytes) -> bytes:
        """Whether there was such a ref to let go."""
        asked = ReleaseRequest.decode(_payload(request))
        released = self._parts.refs.release(str(asked.ref_uuid), identity)
        return _wrapped(ReleaseResponse(released=released).encode())

    def _read(self, request: bytes) -> SubWorkflowRequest:
        limit = self._parts.limits.message_bytes
        if len(request) > limit:
            raise LimitError(
                f"a request larger than {limit / (1 << 20):g} MiB, the limit; send less at once"
            )
        call = SubWorkflowRequest.decode(_payload(request))
        if not call.step_ids:
            raise AssemblyError("no step IDs: a workflow needs at least one step")
        return call

    def _scope(self, identity: str) -> RefScope:
        namespace = self._parts.shared_namespace(identity)
        return self._parts.refs.scope(identity, "", namespace.id)

    def _start(self, identity: str, call: SubWorkflowRequest, story: EventStory | None) -> _Call:
        """The run of a request, on its way."""
        namespace, scope = self._parts.shared_namespace(identity), self._scope(identity)
        graph = namespace.graph_of(tuple(call.step_ids))
        event = start_event(scope.resolved(_json(call.input_json)))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()

        def report(peer_run: PeerRun, run: Run) -> None:
            try:
                response = run_response(peer_run, run, call)
            except BaseException as error:  # values run code of their own while they are encoded
                failed = EncodeError(f"how the run ended cannot be told ({type(error).__name__})")
                loop.call_soon_threadsafe(_fail, answer, failed)
                raise
            loop.call_soon_threadsafe(_settle, answer, response)

        run = PeerRun(
            os.urandom(16), namespace, call.workflow_name, scope=scope, report=report, log=story
        )
        timeout = float(call.timeout_secs or 0) or None
        self._parts.runs.start(run, graph, event, timeout=timeout, caller="a Blazen client")
        return run, answer


_Call = tuple[PeerRun, asyncio.Future[bytes]]


async def _end_of(call: _Call) -> bytes:
    run, answer = call
    try:
        return await answer
    except asyncio.CancelledError:
        run.cancel("the client is gone")
        raise


def _payload(request: bytes) -> bytes:
    try:
        return peer_pb2.PostcardRequest.FromString(request).postcard_payload
    except DecodeError:
        raise EncodeError("the request is not a PostcardRequest") from None


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EncodeError(f"the input is not JSON: {error}") from None


def _wrapped(payload: bytes) -> bytes:
    return peer_pb2.PostcardResponse(postcard_payload=payload).SerializeToString()


def _settle(answer: asyncio.Future[bytes], response: bytes) -> None:
    if not answer.done():
        answer.set_result(response)


def _fail(answer: asyncio.Future[bytes], error: EncodeError) -> None:
    if not answer.done():
        answer.set_exception(error)
