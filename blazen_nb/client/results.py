"""How a run ended, from what the peer says of it: its result, or the error that it stands for."""

from __future__ import annotations

import json
from typing import Any

from blazen_nb.client.link import PeerLink
from blazen_nb.engine.result import WorkflowResult
from blazen_nb.engine.run import dashed
from blazen_nb.errors import (
    EncodeError,
    WorkflowCancelledError,
    WorkflowError,
    WorkflowTimeoutError,
)
from blazen_nb.events import StopEvent
from blazen_nb.shipping.described import REF_MARKER
from blazen_nb.shipping.diversion import OpenLeaf
from blazen_nb.shipping.failure import rebuild_exception
from blazen_nb.shipping.values import decode
from blazen_nb.wire.messages import failure_of, usage_of, value_of
from blazen_nb.wire.ref_messages import ref_of
from blazen_nb.wire.v1 import kernel_pb2 as pb


def result_of(
    message: pb.RunResult,
    workflow_name: str,
    link: PeerLink,
    *,
    trusted: bool,
    open_leaf: OpenLeaf | None = None,
) -> WorkflowResult:
    """The result of a run.

    Args:
        open_leaf: What makes RemoteRefs; default the link's own, of which the peer keeps a value that it held for this
            client for as long as the RemoteRef lives.

    Raises:
        WorkflowError: The run did not succeed; the step's exception is the cause where it can be rebuilt.
        EncodeError: It succeeded, but its result cannot travel.
    """
    run_id = dashed(message.run_id)
    open_leaf = open_leaf or link.refs.open_leaf
    if message.outcome != "succeeded":
        raise _bad_end(message, run_id, link, trusted)
    outputs = {
        named.name: decode(value_of(named.value), trusted=trusted, open_leaf=open_leaf)
        for named in message.outputs
        if named.HasField("value")
    }
    if message.encode_error and (not message.display_json or len(outputs) < len(message.outputs)):
        raise EncodeError(
            f"the run succeeded, but its result stays on {link.node_id}: {message.encode_error}"
        )
    encoded = value_of(message.value)
    event = StopEvent()
    if message.HasField("value"):
        event.__dict__["result"] = decode(encoded, trusted=trusted, open_leaf=open_leaf)
        if not encoded.leaves:
            event.received_json = encoded.json.decode("utf-8", "surrogatepass")
    display = json.loads(message.display_json) if message.display_json else None
    return WorkflowResult(
        event=event,
        run_id=run_id,
        workflow_name=workflow_name,
        state=_state(message, link),
        usage=usage_of(message.usage),
        outputs=outputs,
        display=(display[0], display[1]) if display else None,
    )


def _state(message: pb.RunResult, link: PeerLink) -> dict[str, Any]:
    if not message.state_json:
        return {}
    refs = {ref.uuid: ref for ref in map(link.refs.known, map(ref_of, message.refs))}
    state: dict[str, Any] = json.loads(message.state_json)
    for key, value in state.items() if refs else ():
        if isinstance(value, dict) and value.keys() == {REF_MARKER}:
            state[key] = refs.get(value[REF_MARKER], value)
    return state


def _bad_end(message: pb.RunResult, run_id: str, link: PeerLink, trusted: bool) -> WorkflowError:
    failure = failure_of(message.failure) if message.HasField("failure") else None
    step_id = message.step_id or None
    text = message.message or "the run failed"
    if failure is not None:
        text = (
            f"step {step_id} failed on {link.node_id}: {failure.headline}"
            if step_id
            else failure.headline
        )
    cls: type[WorkflowError] = WorkflowError
    if message.outcome == "cancelled":
        cls, text = WorkflowCancelledError, message.message or "the run was cancelled"
    elif message.outcome == "timed_out":
        cls = WorkflowTimeoutError
    made = cls(text, run_id=run_id, step_id=step_id, peer=link.node_id, failure=failure)
    if failure is not None:
        made.__cause__ = rebuild_exception(failure, trusted=trusted)
    return made
