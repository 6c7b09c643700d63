"""Dataclasses to messages of the session stream and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazen_nb import updates as up
from blazen_nb.errors import EncodeError, Failure, FailureFrame
from blazen_nb.events import Event, InputRequestEvent, StopEvent
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.sources import SourceUnit
from blazen_nb.shipping.values import EncodedValue, decode, encode
from blazen_nb.wire.messages import (
    bundle_message,
    bundle_of,
    events_of,
    failure_message,
    failure_of,
    updates_of,
    usage_message,
    usage_of,
    value_message,
    value_of,
)
from blazen_nb.wire.v1 import kernel_pb2 as pb

RUN = "0f8fad5b-d9cb-469f-a165-70867728950e"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def crossed(message: Any) -> Any:
    """The message as the other side reads it."""
    return type(message).FromString(message.SerializeToString())


# --- values, code, failures, usage ---------------------------------------------------------------


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.binary(),
        lambda inner: (
            st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(TEXT | st.integers(), inner)
        ),
        max_leaves=10,
    )
)
def test_a_value_crosses_as_it_is(value: Any) -> None:
    encoded = encode(value)
    assert value_of(crossed(value_message(encoded))) == encoded
    assert decode(value_of(crossed(value_message(encoded))), trusted=False) == value


def test_code_crosses_as_it_is() -> None:
    bundle = CodeBundle(
        units=(
            SourceUnit(name="f", text="def f():\n    return 'ä'\n", label="cell [2]"),
            SourceUnit(name="g", text="def g(): ...\n", label="x", futures=("annotations",)),
        ),
        imports=(("np", "numpy", None), ("sqrt", "math", "sqrt")),
        values=(("k", encode({"a": (1, b"x")})),),
        order=("k", "f", "g"),
        python="3.11",
    )
    came = bundle_of(crossed(bundle_message(bundle)))
    assert came == bundle
    assert came.digest == bundle.digest


def test_no_code_crosses_as_no_code() -> None:
    assert bundle_of(crossed(bundle_message(CodeBundle(python="3.12")))) == CodeBundle(
        python="3.12"
    )


@pytest.mark.parametrize(
    "failure",
    [
        Failure(type_name="ValueError", message=""),
        Failure(
            type_name="m.Odd",
            message="ä\nb",
            notes=("look", "there"),
            step_id="m::f",
            attempt=3,
            frames=(
                FailureFrame(label="cell [3]", line=7, function="f", source="g()", in_cell=True),
                FailureFrame(label="os.py", line=1, function="h", source="", in_cell=False),
            ),
            traceback="Traceback ...",
            exception=("pickle", b"\x80\x05."),
        ),
        Failure(type_name="E", message="m", exception=("exception", b"")),
    ],
)
def test_a_failure_crosses_as_it_is(failure: Failure) -> None:
    assert failure_of(crossed(failure_message(failure))) == failure


@given(st.builds(up.Usage, **{f.name: st.integers(0, 2**63) for f in fields(up.Usage)[:-1]}))
def test_usage_crosses_as_it_is(usage: up.Usage) -> None:
    assert usage_of(crossed(usage_message(usage))) == usage


def test_every_field_of_usage_has_its_place_in_the_message() -> None:
    names = {field.name for field in fields(up.Usage)}
    assert {field.name for field in pb.Usage.DESCRIPTOR.fields} == names
    usage = up.Usage(cost_usd=0.125, audio_output_tokens=3)
    assert usage_of(crossed(usage_message(usage))) == usage


# --- updates -------------------------------------------------------------------------------------


def read(**kind: Any) -> list[up.Update]:
    message = pb.RunUpdate(seq=4, **kind)
    return updates_of(crossed(message), RUN, trusted=False)


NUMBERED: dict[str, Any] = {"run_id": RUN, "seq": 4}
STEP: dict[str, Any] = {"step_id": "m::f", "call": 2}
KINDS: list[tuple[dict[str, Any], up.Update]] = [
    (
        {"accepted": {"workflow_name": "w", "node_id": "gpu", "started_at": 1.5}},
        up.Accepted(workflow_name="w", node_id="gpu", started_at=1.5, **NUMBERED),
    ),
    (
        {
            "graph": {
                "workflow_name": "w",
                "steps": [{"step_id": "m::f", "accepts": ["A", "B"], "emits": []}],
            }
        },
        up.GraphKnown(
            workflow_name="w",
            steps=(up.StepShape(step_id="m::f", accepts=("A", "B"), emits=()),),
            **NUMBERED,
        ),
    ),
    (
        {"step_started": {**STEP, "attempt": 1, "event_type": "A", "at": 0.5}},
        up.StepStarted(attempt=1, event_type="A", at=0.5, **STEP, **NUMBERED),
    ),
    (
        {
            "step_ended": {
                **STEP,
                "attempt": 3,
                "outcome": "failed",
                "duration": 2.0,
                "error": "E: x",
                "emitted": ["A", "A"],
                "at": 2.5,
            }
        },
        up.StepEnded(
            attempt=3,
            outcome="failed",
            duration=2.0,
            error="E: x",
            emitted=("A", "A"),
            at=2.5,
            **STEP,
            **NUMBERED,
        ),
    ),
    (
        {"output": {**STEP, "stream": "stderr", "text": "ä\n"}},
        up.Output(stream="stderr", text="ä\n", **STEP, **NUMBERED),
    ),
    (
        {
            "display": {
                **STEP,
                "action": "update",
                "json": b'[{"text/plain": "x"}, {"m": 1}]',
                "display_id": "d",
            }
        },
        up.Displayed(
            action="update",
            data={"text/plain": "x"},
            metadata={"m": 1},
            display_id="d",
            **STEP,
            **NUMBERED,
        ),
    ),
    (
        {"display": {**STEP, "action": "clear", "wait": True}},
        up.Displayed(action="clear", wait=True, **STEP, **NUMBERED),
    ),
    (
        {"progress": {**STEP, "label": "epoch", "done": 1.0, "total": 4.0, "at": 0.5}},
        up.Progressed(label="epoch", done=1.0, total=4.0, at=0.5, **STEP, **NUMBERED),
    ),
    (
        {"progress": {**STEP, "done": 1.0, "total": -1.0, "at": 0.5}},
        up.Progressed(label="", done=1.0, total=None, at=0.5, **STEP, **NUMBERED),
    ),
    (
        {"output_cut": {"step_id": "m::f", "characters": 10, "lines": 2}},
        up.OutputCut(step_id="m::f", characters=10, lines=2, **NUMBERED),
    ),
    (
        {"input_request": {"request_id": "q", "prompt": "?", "metadata_json": b'{"a": [1]}'}},
        up.InputRequested(request_id="q", prompt="?", metadata={"a": [1]}, **NUMBERED),
    ),
    (
        {"input_request": {"request_id": "q"}},
        up.InputRequested(request_id="q", prompt="", metadata=None, **NUMBERED),
    ),
    (
        {"input_closed": {"request_id": "q", "how": "answered"}},
        up.InputClosed(request_id="q", how="answered", **NUMBERED),
    ),
    (
        {
            "ended": {
                "outcome": "failed",
                "duration": 1.0,
                "failure": {"type_name": "E", "attempt": 1},
                "message": "m",
                "usage": {"total_tokens": 3, "cost_usd": 0.5},
                "result_text": "r",
            }
        },
        up.Ended(
            outcome="failed",
            duration=1.0,
            failure=Failure(type_name="E", message=""),
            message="m",
            usage=up.Usage(total_tokens=3, cost_usd=0.5),
            result_text="r",
            **NUMBERED,
        ),
    ),
    (
        {"ended": {"outcome": "succeeded", "duration": 1.0}},
        up.Ended(outcome="succeeded", duration=1.0, **NUMBERED),
    ),
    ({"paused": {"paused": True}}, up.Paused(paused=True, **NUMBERED)),
    (
        {"resumed": {"node_id": "gpu", "at": 5.0, "changed_steps": ["a", "b"]}},
        up.Resumed(node_id="gpu", at=5.0, changed_steps=("a", "b"), **NUMBERED),
    ),
]


@pytest.mark.parametrize(("kind", "update"), KINDS)
def test_an_update_is_read_with_everything_in_it(kind: dict[str, Any], update: up.Update) -> None:
    assert read(**kind) == [update]


def test_every_kind_of_update_is_read() -> None:
    known = {name for kind, _ in KINDS for name in kind} | {"events"}
    assert {field.name for field in pb.RunUpdate.DESCRIPTOR.oneofs[0].fields} == known


def test_a_kind_that_this_version_does_not_know_is_passed_over() -> None:
    unknown = pb.RunUpdate(seq=4).SerializeToString() + b"\xfa\x01\x02\x08\x01"
    assert updates_of(pb.RunUpdate.FromString(unknown), RUN, trusted=False) == []


def test_a_display_that_is_not_json_is_refused() -> None:
    with pytest.raises(EncodeError, match="not JSON"):
        read(display={"action": "display", "json": b"[{"})


# --- batches of events ---------------------------------------------------------------------------


def batch(types: list[str], items: Any) -> dict[str, Any]:
    encoded = encode(items)
    leaves = [{"type_tag": tag, "data": data} for tag, data in encoded.leaves]
    return {"events": {"types": types, "json": encoded.json, "leaves": leaves}}


def test_events_of_a_batch_are_numbered_one_by_one_from_the_first() -> None:
    found = read(
        **batch(["A", "blazen::StopEvent"], [[0, {"x": 1}], [1, {"result": b"r"}], [0, {}]])
    )
    assert found == [
        up.EventPublished(run_id=RUN, seq=4, event=Event("A", x=1)),
        up.EventPublished(run_id=RUN, seq=5, event=StopEvent._from_fields("", {"result": b"r"})),
        up.EventPublished(run_id=RUN, seq=6, event=Event("A")),
    ]


def test_the_built_in_events_come_as_their_classes() -> None:
    (found,) = read(**batch(["blazen::InputRequestEvent"], [[0, {"request_id": "q"}]]))
    assert isinstance(found, up.EventPublished)
    assert isinstance(found.event, InputRequestEvent)


@pytest.mark.parametrize("items", [[[1, {}]], [[0]], [0], 3, [["x", {}]]])
def test_a_batch_that_makes_no_sense_is_refused(items: Any) -> None:
    encoded: EncodedValue = encode(items)
    message = pb.EventsUpdate(types=["A"], json=encoded.json)
    with pytest.raises(EncodeError):
        list(events_of(message, trusted=False))
