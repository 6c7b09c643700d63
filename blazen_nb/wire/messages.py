"""Our dataclasses to protobuf messages of the session stream and back; both sides use it, nothing else does."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from blazen_nb import updates as up
from blazen_nb.errors import EncodeError, Failure, FailureFrame, PeerError, text_of, unicode_of
from blazen_nb.events import Event, InputRequestEvent, event_from_wire
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.diversion import OpenLeaf
from blazen_nb.shipping.modules import SourceModule
from blazen_nb.shipping.sources import SourceUnit
from blazen_nb.shipping.values import EncodedValue, decode
from blazen_nb.wire.v1 import kernel_pb2 as pb

_USAGE_FIELDS = [field.name for field in fields(up.Usage)]


def value_message(value: EncodedValue) -> pb.Value:
    """A value for the wire."""
    return pb.Value(
        json=value.json, leaves=[pb.Leaf(type_tag=tag, data=data) for tag, data in value.leaves]
    )


def value_of(message: pb.Value) -> EncodedValue:
    """A value from the wire, still encoded."""
    return EncodedValue(message.json, tuple((leaf.type_tag, leaf.data) for leaf in message.leaves))


def bundle_message(bundle: CodeBundle) -> pb.CodeBundle:
    """Code for the wire."""
    return pb.CodeBundle(
        units=[
            pb.SourceUnit(name=u.name, text=u.text, label=u.label, futures=u.futures)
            for u in bundle.units
        ],
        imports=[
            pb.Import(name=name, module=module, attribute=attribute or "")
            for name, module, attribute in bundle.imports
        ],
        values=[
            pb.NamedValue(name=name, value=value_message(value)) for name, value in bundle.values
        ],
        order=bundle.order,
        python=bundle.python,
        modules=[
            pb.SourceModule(name=m.name, text=m.text, label=m.label, is_package=m.is_package)
            for m in bundle.modules
        ],
        pushed=bundle.pushed,
        packages=bundle.packages,
        digests=bundle.value_digests,
    )


def bundle_of(message: pb.CodeBundle) -> CodeBundle:
    """Code from the wire."""
    return CodeBundle(
        units=tuple(
            SourceUnit(name=u.name, text=u.text, label=u.label, futures=tuple(u.futures))
            for u in message.units
        ),
        imports=tuple((i.name, i.module, i.attribute or None) for i in message.imports),
        values=tuple((named.name, value_of(named.value)) for named in message.values),
        order=tuple(message.order),
        python=message.python,
        modules=tuple(
            SourceModule(name=m.name, text=m.text, label=m.label, is_package=m.is_package)
            for m in message.modules
        ),
        pushed=frozenset(message.pushed),
        packages=dict(message.packages),
        value_digests=dict(message.digests),
    )


def refusal_of(error: BaseException) -> pb.Refusal:
    """What a caller is told of an error that is no run's."""
    kind = error.kind if isinstance(error, PeerError) else type(error).__name__
    return pb.Refusal(kind=kind, message=unicode_of(text_of(error)))


def failure_message(failure: Failure) -> pb.Failure:
    """A failure for the wire."""
    made = pb.Failure(
        type_name=failure.type_name,
        message=failure.message,
        notes=failure.notes,
        step_id=failure.step_id or "",
        attempt=failure.attempt,
        frames=[
            pb.FailureFrame(
                label=f.label, line=f.line, function=f.function, source=f.source, in_cell=f.in_cell
            )
            for f in failure.frames
        ],
        traceback=failure.traceback,
    )
    if failure.exception is not None:
        made.exception.type_tag, made.exception.data = failure.exception
    return made


def failure_of(message: pb.Failure) -> Failure:
    """A failure from the wire."""
    return Failure(
        type_name=message.type_name,
        message=message.message,
        notes=tuple(message.notes),
        step_id=message.step_id or None,
        attempt=message.attempt,
        frames=tuple(
            FailureFrame(
                label=f.label, line=f.line, function=f.function, source=f.source, in_cell=f.in_cell
            )
            for f in message.frames
        ),
        traceback=message.traceback,
        exception=(message.exception.type_tag, message.exception.data)
        if message.HasField("exception")
        else None,
    )


def usage_message(usage: up.Usage) -> pb.Usage:
    """Usage for the wire."""
    return pb.Usage(**{name: getattr(usage, name) for name in _USAGE_FIELDS})


def usage_of(message: pb.Usage) -> up.Usage:
    """Usage from the wire."""
    return up.Usage(**{name: getattr(message, name) for name in _USAGE_FIELDS})


def updates_of(
    message: pb.RunUpdate, run_id: str, *, trusted: bool, open_leaf: OpenLeaf | None = None
) -> list[up.Update]:
    """The updates in a message: one, or one an event.

    Raises:
        EncodeError: The message cannot be read.
    """
    kind = message.WhichOneof("kind")
    if kind == "events":
        first = message.seq
        events = events_of(message.events, trusted=trusted, open_leaf=open_leaf)
        return [
            up.EventPublished(run_id=run_id, seq=first + i, event=event)
            for i, event in enumerate(events)
        ]
    reader = _READERS.get(kind or "")
    # A kind that this version does not know still has its number, so that nothing seems lost.
    return [reader(getattr(message, kind), run_id, message.seq)] if reader and kind else []


def events_of(
    message: pb.EventsUpdate, *, trusted: bool, open_leaf: OpenLeaf | None = None
) -> list[Event]:
    """The events of a batch, in order.

    Raises:
        EncodeError: The batch cannot be read.
    """
    leaves = tuple((leaf.type_tag, leaf.data) for leaf in message.leaves)
    items = decode(EncodedValue(message.json, leaves), trusted=trusted, open_leaf=open_leaf)
    types = list(message.types)
    try:
        return [event_from_wire(types[position], event_fields) for position, event_fields in items]
    except (IndexError, TypeError, ValueError) as error:
        raise EncodeError(f"a batch of events cannot be read: {error}") from None


def last_seq(message: pb.RunUpdate) -> int:
    """The number of the last update in a message.

    Raises:
        EncodeError: The message cannot be read.
    """
    count = len(_json(message.events.json)) if message.HasField("events") else 1
    return message.seq + count - 1


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise EncodeError(f"not JSON: {error}") from None


def _accepted(m: pb.AcceptedUpdate, run_id: str, seq: int) -> up.Update:
    return up.Accepted(
        run_id=run_id,
        seq=seq,
        workflow_name=m.workflow_name,
        node_id=m.node_id,
        started_at=m.started_at,
    )


def _graph(m: pb.GraphUpdate, run_id: str, seq: int) -> up.Update:
    steps = tuple(
        up.StepShape(step_id=s.step_id, accepts=tuple(s.accepts), emits=tuple(s.emits))
        for s in m.steps
    )
    return up.GraphKnown(run_id=run_id, seq=seq, workflow_name=m.workflow_name, steps=steps)


def _step_started(m: pb.StepStartedUpdate, run_id: str, seq: int) -> up.Update:
    return up.StepStarted(
        run_id=run_id,
        seq=seq,
        step_id=m.step_id,
        call=m.call,
        attempt=m.attempt,
        event_type=m.event_type,
        at=m.at,
    )


def _step_ended(m: pb.StepEndedUpdate, run_id: str, seq: int) -> up.Update:
    return up.StepEnded(
        run_id=run_id,
        seq=seq,
        step_id=m.step_id,
        call=m.call,
        attempt=m.attempt,
        outcome=m.outcome,  # type: ignore[arg-type]  # the peer sends the names of StepOutcome
        duration=m.duration,
        error=m.error,
        emitted=tuple(m.emitted),
        at=m.at,
    )


def _output(m: pb.OutputUpdate, run_id: str, seq: int) -> up.Update:
    return up.Output(
        run_id=run_id,
        seq=seq,
        step_id=m.step_id,
        call=m.call,
        stream=m.stream,  # type: ignore[arg-type]  # the peer sends the names of StreamName
        text=m.text,
    )


def _display(m: pb.DisplayUpdate, run_id: str, seq: int) -> up.Update:
    data, metadata = _json(m.json) if m.json else ({}, {})
    return up.Displayed(
        run_id=run_id,
        seq=seq,
        step_id=m.step_id,
        call=m.call,
        action=m.action,  # type: ignore[arg-type]  # the peer sends the names of DisplayAction
        data=data,
        metadata=metadata,
        display_id=m.display_id or None,
        wait=m.wait,
    )


def _progress(m: pb.ProgressUpdate, run_id: str, seq: int) -> up.Update:
    return up.Progressed(
        run_id=run_id,
        seq=seq,
        step_id=m.step_id,
        call=m.call,
        label=m.label,
        done=m.done,
        total=None if m.total < 0 else m.total,
        at=m.at,
    )


def _output_cut(m: pb.OutputCutUpdate, run_id: str, seq: int) -> up.Update:
    return up.OutputCut(
        run_id=run_id, seq=seq, step_id=m.step_id, characters=m.characters, lines=m.lines
    )


def _input_request(m: pb.InputRequestUpdate, run_id: str, seq: int) -> up.InputRequested:
    metadata = _json(m.metadata_json) if m.metadata_json else None
    return up.InputRequested(
        run_id=run_id, seq=seq, request_id=m.request_id, prompt=m.prompt, metadata=metadata
    )


def question_update(message: pb.RunUpdate, run_id: str) -> up.InputRequested:
    """The question in an update that asks one."""
    return _input_request(message.input_request, run_id, message.seq)


def _input_closed(m: pb.InputClosedUpdate, run_id: str, seq: int) -> up.Update:
    return up.InputClosed(
        run_id=run_id,
        seq=seq,
        request_id=m.request_id,
        how=m.how,  # type: ignore[arg-type]  # the peer sends the names of InputEnd
    )


def question_of(m: pb.InputRequestUpdate) -> InputRequestEvent:
    """The question as the event that asked it."""
    metadata = _json(m.metadata_json) if m.metadata_json else None
    return InputRequestEvent(request_id=m.request_id, prompt=m.prompt, metadata=metadata)


def _paused(m: pb.PausedUpdate, run_id: str, seq: int) -> up.Update:
    return up.Paused(run_id=run_id, seq=seq, paused=m.paused)


def _resumed(m: pb.ResumedUpdate, run_id: str, seq: int) -> up.Update:
    changed = tuple(m.changed_steps)
    return up.Resumed(run_id=run_id, seq=seq, node_id=m.node_id, at=m.at, changed_steps=changed)


def _ended(m: pb.EndedUpdate, run_id: str, seq: int) -> up.Update:
    return up.Ended(
        run_id=run_id,
        seq=seq,
        outcome=m.outcome,  # type: ignore[arg-type]  # the peer sends the names of Outcome
        duration=m.duration,
        failure=failure_of(m.failure) if m.HasField("failure") else None,
        message=m.message,
        usage=usage_of(m.usage),
        result_text=m.result_text,
    )


_READERS: dict[str, Any] = {
    "accepted": _accepted,
    "graph": _graph,
    "step_started": _step_started,
    "step_ended": _step_ended,
    "output": _output,
    "display": _display,
    "progress": _progress,
    "output_cut": _output_cut,
    "input_request": _input_request,
    "input_closed": _input_closed,
    "ended": _ended,
    "paused": _paused,
    "resumed": _resumed,
}
