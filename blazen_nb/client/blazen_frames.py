"""Frames of a session as messages of Blazen's own wire, and its answers as frames; pure."""

from __future__ import annotations

import json
from typing import Any, NoReturn
from uuid import UUID

from blazen_nb.errors import EncodeError, UnsupportedError
from blazen_nb.shipping.described import REF_MARKER, Described, RefInfo, marker
from blazen_nb.shipping.diversion import REF
from blazen_nb.shipping.values import EncodedValue, decode
from blazen_nb.wire.blazen_messages import (
    RemoteRefDescriptor,
    SubWorkflowRequest,
    SubWorkflowResponse,
)
from blazen_nb.wire.messages import value_message, value_of
from blazen_nb.wire.ref_messages import ref_message, ref_of_leaf
from blazen_nb.wire.v1 import kernel_pb2 as pb

_FEATURES = {
    "describe": "describe()",
    "describe_devices": "devices()",
    "find_names": "running cells",
    "register_code": "register_steps()",
    "list_refs": "refs()",
    "preview_ref": "previews of refs",
    "answer_input": "respond_to_input()",
    "attach_run": "attach()",
    "list_runs": "runs()",
    "reset_namespace": "reset_namespace()",
    "pause_run": "pause()",
    "resume_run": "resume()",
}
_TIMED_OUT = "workflow timed out"
"""How the error of a run begins that had too little time."""


def unsupported(feature: str, peer: str) -> UnsupportedError:
    """For what Blazen's wire has no call for."""
    return UnsupportedError(
        f"{feature} needs a blazen_nb peer, and {peer} speaks only Blazen's own wire: "
        "run_remote_workflow() with steps that it knows works there"
    )


def require_supported(frame: pb.ClientFrame, peer: str) -> None:
    """Nothing, where the request can be made on Blazen's wire.

    Raises:
        UnsupportedError: It cannot; the message names the feature.
    """
    kind = frame.WhichOneof("kind")
    if kind == "start_run" and frame.start_run.HasField("cell"):
        raise unsupported("running cells", peer)
    if kind == "start_run" and frame.start_run.updates:
        raise unsupported("start_remote_workflow()", peer)
    if kind not in ("start_run", "release_refs", "ping"):
        raise unsupported(_FEATURES.get(kind, kind), peer)


def welcome_of(peer: str) -> pb.Welcome:
    """What a peer stands for that says nothing of itself; no version of blazen_nb."""
    return pb.Welcome(node_id=peer, incarnation=_incarnation(peer))


def invocation_of(run: pb.StartRun) -> SubWorkflowRequest:
    """The request to run registered steps.

    Raises:
        EncodeError: The input is not JSON.
    """
    return SubWorkflowRequest(
        workflow_name=run.workflow_name,
        step_ids=tuple(run.step_ids),
        input_json=_plain_json(value_of(run.input)),
        timeout_secs=run.timeout_secs or None,
    )


def result_of_invocation(response: SubWorkflowResponse, run_id: bytes, peer: str) -> pb.RunResult:
    """How the run ended.

    Raises:
        EncodeError: The peer's JSON is none.
    """
    if response.error is not None:
        outcome = "timed_out" if response.error.startswith(_TIMED_OUT) else "failed"
        return pb.RunResult(run_id=run_id, outcome=outcome, message=response.error)
    refs = {str(uuid): _ref(uuid, about, peer) for uuid, about in response.remote_refs.items()}
    state = {key: _loads(text) for key, text in response.state_json.items()}
    return pb.RunResult(
        run_id=run_id,
        outcome="succeeded",
        value=value_message(_with_leaves(response.result_json or b"null", refs)),
        state_json=json.dumps(state).encode() if state else b"",
        refs=refs.values(),
    )


def _incarnation(peer: str) -> str:
    # The wire does not tell one process of the peer from the next: a ref that is gone is an unknown ref.
    return f"blazen {peer}"


def _ref(uuid: UUID, about: RemoteRefDescriptor, peer: str) -> pb.Ref:
    return ref_message(
        RefInfo(
            uuid=str(uuid),
            node_id=about.origin_node_id,
            incarnation=_incarnation(peer),
            about=Described(type_tag=about.type_tag, type_name=about.type_tag),
            lifetime="",
            created_at=about.created_at_epoch_ms / 1000,
            held=False,
        )
    )


def _plain_json(value: EncodedValue) -> bytes:
    for tag, _ in value.leaves:
        if tag != REF:
            raise EncodeError(
                f"a value in the input ({tag}) is not JSON, and Blazen's wire carries nothing else"
            )
    try:
        text = value.json.decode()
        if not value.leaves and '"$' not in text:
            json.loads(text, parse_constant=_refuse_constant)
            return value.json  # as it is, to the last blank
        made = decode(value, trusted=False, open_leaf=_marker_of_leaf)
        return json.dumps(made, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise EncodeError(
            f"the input is not JSON, and Blazen's wire carries nothing else: {error}"
        ) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")


def _marker_of_leaf(_: str, payload: bytes) -> dict[str, str]:
    return marker(ref_of_leaf(payload).uuid)


def _with_leaves(text: bytes, refs: dict[str, pb.Ref]) -> EncodedValue:
    """The JSON as a value whose ref markers are leaves."""
    tree = _loads(text)
    if not refs and b'"$' not in text:
        return EncodedValue(text)
    leaves: list[tuple[str, bytes]] = []

    def marked(found: Any) -> Any:
        if isinstance(found, list):
            return [marked(item) for item in found]
        if not isinstance(found, dict):
            return found
        ref = refs.get(str(found[REF_MARKER])) if found.keys() == {REF_MARKER} else None
        if ref is not None:
            leaves.append((REF, ref.SerializeToString()))
            return {"$leaf": len(leaves) - 1}
        # As pairs: a dict of the peer's own may look like one of our markers.
        return {"$dict": [[key, marked(item)] for key, item in found.items()]}

    return EncodedValue(json.dumps(marked(tree)).encode(), tuple(leaves))


def _loads(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EncodeError(f"the peer sent JSON that is damaged: {error}") from None
