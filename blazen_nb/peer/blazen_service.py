"""Blazen's own peer service: its clients run the steps that are registered here. A thin translation."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from google.protobuf.message import DecodeError

from blazen_nb.engine.result import bad_end
from blazen_nb.engine.run import Run
from blazen_nb.errors import AssemblyError, EncodeError, LimitError, SessionRefError, unicode_of
from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.runs import PeerRun
from blazen_nb.peer.session import start_event
from blazen_nb.shipping.failure import describe_exception
from blazen_nb.wire.blazen_messages import (
    DerefRequest,
    ReleaseRequest,
    ReleaseResponse,
    SubWorkflowRequest,
    SubWorkflowResponse,
)
from blazen_nb.wire.blazen_peer_v1 import peer_pb2
from blazen_nb.wire.messages import usage_message


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
            LimitError: It is larger than a message may be.
        """
        limit = self._parts.limits.message_bytes
        if len(request) > limit:
            raise LimitError(
                f"a request larger than {limit / (1 << 20):g} MiB, the limit; send less at once"
            )
        call = SubWorkflowRequest.decode(_payload(request))
        if not call.step_ids:
            raise AssemblyError("no step IDs: a workflow needs at least one step")
        namespace = self._parts.shared_namespace(identity)
        graph = namespace.graph_of(tuple(call.step_ids))
        event = start_event(_json(call.input_json))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()

        def report(peer_run: PeerRun, run: Run) -> None:
            try:
                response = _response(peer_run, run, call)
            except BaseException as error:  # values run code of their own while they are encoded
                failed = EncodeError(f"how the run ended cannot be told ({type(error).__name__})")
                loop.call_soon_threadsafe(_fail, answer, failed)
                raise
            loop.call_soon_threadsafe(_settle, answer, response)

        run = PeerRun(os.urandom(16), namespace, call.workflow_name, report=report)
        timeout = float(call.timeout_secs or 0) or None
        self._parts.runs.start(run, graph, event, timeout=timeout, caller="a Blazen client")
        try:
            return await answer
        except asyncio.CancelledError:
            run.cancel("the client is gone")
            raise

    async def deref(self, identity: str, request: bytes) -> bytes:
        """The value of a session ref.

        Raises:
            SessionRefError: This peer holds no such ref.
        """
        asked = DerefRequest.decode(_payload(request))
        raise SessionRefError(f"unknown session ref {asked.ref_uuid}")

    async def release(self, identity: str, request: bytes) -> bytes:
        """Whether there was such a ref to let go."""
        ReleaseRequest.decode(_payload(request))
        return _wrapped(ReleaseResponse(released=False).encode())


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


def _response(peer_run: PeerRun, run: Run, call: SubWorkflowRequest) -> bytes:
    finish = run.finish
    assert finish is not None
    response = peer_pb2.PostcardResponse(run_id=peer_run.raw_id)
    response.usage.MergeFromString(usage_message(run.usage.total).SerializeToString())
    state: dict[str, bytes] = {}
    result: bytes | None = None
    error: str | None = None
    if finish.outcome == "succeeded":
        try:
            result = _dumps(getattr(finish.event, "result", None))
            state = {key: _dumps(value) for key, value in run.store.exported().items()}
        except (TypeError, ValueError, RecursionError) as reason:
            error = f"workflow error: the result is not JSON, and Blazen's wire carries nothing else: {reason}"
    elif finish.outcome == "timed_out" and finish.step_id is None:
        error = f"workflow timed out after {run.state.timeout:g}s"
    else:
        error = f"workflow error: {bad_end(finish, peer_run.run_id)}"
    if finish.error is not None:
        failure = describe_exception(finish.error, step_id=finish.step_id, attempt=finish.attempt)
        response.failure.type_name = failure.type_name
        response.failure.message = failure.message
        response.failure.notes.extend(failure.notes)
        response.failure.step_id = failure.step_id or ""
        response.failure.traceback = failure.traceback
    answer = SubWorkflowResponse(
        state_json=state if result is not None else {},
        result_json=result,
        error=unicode_of(error) if error is not None else None,
    )
    response.postcard_payload = answer.encode()
    return response.SerializeToString()


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
