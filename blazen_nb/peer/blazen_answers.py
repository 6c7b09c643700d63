"""A run's end, and its values, as Blazen's wire has them: plain JSON, in which a ref stands for whatever is not JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from blazen_nb.engine.refs import SessionRef
from blazen_nb.engine.result import bad_end
from blazen_nb.engine.run import Run
from blazen_nb.errors import BlazenError, unicode_of
from blazen_nb.peer.peer_run import PeerRun
from blazen_nb.peer.ref_scopes import Kept, KeptRefs, RefScope
from blazen_nb.shipping.described import marker
from blazen_nb.shipping.failure import describe_exception
from blazen_nb.wire.blazen_messages import (
    RemoteRefDescriptor,
    SubWorkflowRequest,
    SubWorkflowResponse,
)
from blazen_nb.wire.blazen_peer_v1 import peer_pb2
from blazen_nb.wire.messages import usage_message


class PlainJson:
    """Writes values as JSON and notes the refs in it.

    Args:
        keep: Has the run keep a value that is not JSON.
    """

    def __init__(self, scope: RefScope, keep: Callable[[Any], Kept]) -> None:
        self._scope = scope
        self._keep = keep
        self.refs: dict[UUID, RemoteRefDescriptor] = {}

    def dumps(self, value: Any) -> bytes:
        """The value; one that is too large, or nested in itself, is a ref as a whole.

        Raises:
            ValueError: A number in it is none of JSON's.
            SessionRefError: A ref in it was released.
        """
        try:
            text = _encoder(self._marker).encode(value)
            if len(text) <= self._scope.table.limits.message_bytes:
                return text.encode()
        except (TypeError, RecursionError):
            pass  # keys that are no text, or too deep
        except ValueError as error:
            if "Circular" not in str(error):
                raise
        return json.dumps(self._marker(value)).encode()

    def _marker(self, value: Any) -> dict[str, str]:
        table = self._scope.table
        if isinstance(value, SessionRef):
            kept = table.find(value.uuid, self._scope.identity)
        else:
            kept = self._keep(value)
        self.refs[UUID(kept.ref.uuid)] = RemoteRefDescriptor(
            origin_node_id=table.node_id,
            type_tag=kept.about.type_tag,
            created_at_epoch_ms=round(kept.created_at * 1000),
        )
        return marker(kept.ref.uuid)


def run_response(peer_run: PeerRun, run: Run, call: SubWorkflowRequest) -> bytes:
    """The answer about a run that has ended."""
    finish = run.finish
    assert finish is not None
    response = peer_pb2.PostcardResponse(run_id=peer_run.raw_id)
    response.usage.MergeFromString(usage_message(run.usage.total).SerializeToString())
    state: dict[str, bytes] = {}
    result: bytes | None = None
    error: str | None = None
    plain = PlainJson(peer_run.scope, lambda value: _keep(run, value))
    if finish.outcome == "succeeded":
        try:
            result = plain.dumps(getattr(finish.event, "result", None))
            state = {key: plain.dumps(value) for key, value in run.store.exported().items()}
        except ValueError as reason:
            error = f"workflow error: the result is not JSON, and Blazen's wire carries nothing else: {reason}"
        except BlazenError as reason:  # a ref in it was released, or there are too many
            error = f"workflow error: the result stays: {reason}"
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
        state_json=state if error is None else {},
        result_json=result if error is None else None,
        remote_refs=plain.refs if error is None else {},
        error=unicode_of(error) if error is not None else None,
    )
    response.postcard_payload = answer.encode()
    return response.SerializeToString()


def _keep(run: Run, value: Any) -> Kept:
    refs = run.refs  # made with the first value that stays: most runs have none
    assert isinstance(refs, KeptRefs)
    return refs.keep(value)


def _encoder(default: Callable[[Any], Any]) -> json.JSONEncoder:
    return json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=default
    )
