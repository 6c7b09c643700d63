"""What a client sends and what the answers mean; pure, the same for the sync and the async client."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from blazen_nb.client.connecting import has_sessions
from blazen_nb.client.link import PeerLink, new_run_id
from blazen_nb.errors import (
    BlazenError,
    EncodeError,
    TransportError,
    ValidationError,
    refused_with,
    unicode_of,
)
from blazen_nb.events import EVENT_TYPE_TAKEN
from blazen_nb.render.static import is_static
from blazen_nb.render.words import shown_address
from blazen_nb.shipping.cell import CellSource
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.diversion import Diversion
from blazen_nb.shipping.values import EncodedValue, encode
from blazen_nb.wire.messages import bundle_message, value_message
from blazen_nb.wire.v1 import kernel_pb2 as pb

ANSWER_SECONDS = 30.0
"""How long a client waits for the answer to a request that is not a run."""

LATER_SECONDS = 5.0
"""The peer enforces a run's timeout; this much later the client stops waiting for it to say so."""


LONGEST_TIMEOUT = 2**31
"""Seconds, 68 years; the wire has room for more, the peer's clocks do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerInfo:
    """What a peer says of itself."""

    node_id: str
    version: str
    """Of blazen_nb there."""
    python: str
    uptime: float
    """Seconds."""
    steps: tuple[str, ...]
    """IDs of the steps that this session can run."""
    sessions: int
    runs: tuple[dict[str, Any], ...]
    """Runs in flight: run_id, workflow_name, duration."""
    abandoned: tuple[str, ...]
    """Steps that were told to stop and still have not."""
    blocked: tuple[str, ...]
    """Async steps that block their loop right now."""
    host: dict[str, str] = field(default_factory=dict)
    accepts_code: bool = True

    def _repr_html_(self) -> str | None:
        return None if is_static() else self._shown()[0]

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        p.text(self._shown()[1])

    def _shown(self) -> tuple[str, str]:
        from blazen_nb.render.reprs import PeerInfoView, peer_info_repr

        view = PeerInfoView(
            node_id=self.node_id,
            versions=f"blazen_nb {self.version}",
            python=self.python,
            host=" ".join(self.host.values()),
            steps=self.steps,
            sessions=self.sessions,
            runs=len(self.runs),
            abandoned=len(self.abandoned),
        )
        return peer_info_repr(view)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNames:
    """What a session's namespace has of what a cell needs."""

    missing: frozenset[str]
    """Names that the cell must bring along."""
    arrived: dict[str, str]
    """Digests of those of the names that stand there as they arrived."""
    modules: dict[str, str]
    """Digests of all modules of the notebook's own that are there."""


def found_names(answer: pb.MissingNames) -> FoundNames:
    """The answer to the question for names."""
    return FoundNames(
        missing=frozenset(answer.names),
        arrived=dict(answer.arrived),
        modules=dict(answer.modules),
    )


def client_repr(link: PeerLink) -> tuple[str, str]:
    """A client's card and its stable text, from what it knows without asking."""
    from blazen_nb.render.reprs import PeerClientView, peer_client_repr

    view = PeerClientView(
        node_id=link.node_id,
        address=shown_address(str(link.address)),
        state="connected" if link.is_open else "closed",
        trust=_trust(link),
        versions=_versions(link),
        session=f"namespace {link.welcome.namespace_state}" if has_sessions(link) else "no session",
    )
    return peer_client_repr(view)


def _versions(link: PeerLink) -> str:
    if not has_sessions(link):
        return "Blazen's own wire"
    return f"blazen_nb {link.welcome.version}, Python {link.welcome.python}"


def _trust(link: PeerLink) -> str:
    if link.address.secure:
        return "TLS"
    return "this machine only" if link.address.is_loopback else "not encrypted"


def whole_seconds(timeout: float | timedelta | None) -> int:
    """The timeout as the wire has it: whole seconds, rounded up; 0 = the peer's default.

    Raises:
        ValidationError: It is negative, or no number.
    """
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if seconds is None or seconds == 0:
        return 0
    if not isinstance(seconds, int | float) or not 0 < seconds < LONGEST_TIMEOUT:
        raise ValidationError(f"a timeout is a number of seconds or a timedelta, not {timeout!r}")
    return -int(-seconds // 1)


def start_request(
    workflow_name: str,
    step_ids: Sequence[str],
    value: EncodedValue,
    timeout: float | timedelta | None,
    *,
    updates: bool,
    durable: bool | None = None,
) -> pb.StartRun:
    """The request to run registered steps.

    Raises:
        ValidationError: The step IDs are no list of IDs, a name is no Unicode text, or the timeout is no length of time.
    """
    if isinstance(step_ids, str) or not all(isinstance(step_id, str) for step_id in step_ids):
        raise ValidationError("step_ids is a list of step IDs, such as ['__main__::train']")
    for name in (workflow_name, *step_ids):
        if not isinstance(name, str) or unicode_of(name) != name:
            raise ValidationError(f"a workflow's name and its step IDs are text, not {name!r}")
    request = pb.StartRun(
        run_id=new_run_id(),
        workflow_name=workflow_name,
        step_ids=step_ids,
        input=value_message(value),
        timeout_secs=whole_seconds(timeout),
        updates=updates,
        on_disconnect=pb.ON_DISCONNECT_CONTINUE if updates else pb.ON_DISCONNECT_CANCEL,
    )
    if durable is not None:
        request.durable = durable
    return request


def cell_request(
    cell: CellSource,
    bundle: CodeBundle,
    value: EncodedValue,
    timeout: float | timedelta | None,
    outputs: Iterable[str],
    keep_values: bool,
) -> pb.StartRun:
    """The request to run a cell."""
    request = start_request(cell.label, (), value, timeout, updates=True)
    request.cell.text = cell.text
    request.cell.label = cell.label
    request.cell.digest = cell.digest
    request.cell.futures.extend(cell.futures)
    request.cell.outputs.extend(outputs)
    request.cell.keep_values = keep_values
    request.cell.bundle.CopyFrom(bundle_message(bundle))
    return request


def encoded_input(value: Any, link: PeerLink, refs: Diversion | None = None) -> EncodedValue:
    """A run's input for the wire; None is sent as ``null``.

    Args:
        refs: How RemoteRefs in it travel; default those of this peer only.

    Raises:
        ValidationError: A field would hide the StartEvent's type.
        EncodeError: It cannot travel.
        SessionRefError: A RemoteRef in it belongs to another peer, or was released.
    """
    _refuse_event_type(value)
    return encode(value, same_minor=link.same_minor, diversion=refs or link.refs, current=True)


def json_input(text: str) -> EncodedValue:
    """JSON text as a run's input, as it is.

    Raises:
        ValidationError: It is not JSON, or a field would hide the StartEvent's type.
    """
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValidationError(f"the input is not JSON: {error}") from None
    _refuse_event_type(value)
    return EncodedValue(text.encode("utf-8", "surrogatepass"))


def _refuse_event_type(value: Any) -> None:
    if isinstance(value, dict) and "event_type" in value:
        raise ValidationError(EVENT_TYPE_TAKEN)


def refused(refusal: pb.Refusal) -> BlazenError:
    """The error that a refusal stands for."""
    return refused_with(refusal.kind, refusal.message)


def answer_of(frame: pb.PeerFrame, kind: str) -> Any:
    """The answer of this kind in the frame.

    Raises:
        BlazenError: The request was refused.
    """
    got = frame.WhichOneof("kind")
    if got == "refusal":
        raise refused(frame.refusal)
    if got != kind:
        raise EncodeError(
            f"the peer answered {got}, where {kind} was expected; upgrade the older side"
        )
    return getattr(frame, kind)


def info_of(description: pb.Description) -> PeerInfo:
    """What a peer says of itself, from its description; keys that this version does not know are left out."""
    said: dict[str, Any] = json.loads(description.json)
    known = PeerInfo.__dataclass_fields__
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in said.items()
        if key in known
    }
    return PeerInfo(**values)


def no_answer(link: PeerLink, timeout: float | None) -> TransportError:
    """For a request other than a run that was not answered in time."""
    if link.broken_since is not None:
        away = time.monotonic() - link.broken_since
        return TransportError(
            f"peer {link.node_id} has not been reached for {away:.0f} s; this client goes on trying"
        )
    return TransportError(
        f"peer {link.node_id} did not answer within {timeout:g} s; check that it still runs"
    )
