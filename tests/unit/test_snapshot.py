"""Snapshots as text: what is in them under which policy, what resuming needs, and what is refused."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blazen_nb import (
    BlazenError,
    Context,
    Event,
    InputRequestEvent,
    InputResponseEvent,
    RetryConfig,
    SessionPausePolicy,
    StartEvent,
    Step,
    StopEvent,
    ValidationError,
    Workflow,
    WorkflowHandler,
    WorkflowTimeoutError,
    step,
)
from blazen_nb.engine import pause_policy
from blazen_nb.engine.snapshot import MAGIC
from blazen_nb.errors import SnapshotError

SECONDS = 5.0
Policy = SessionPausePolicy
KEYS = (
    "version workflow_name run_id timestamp context_state collected_events pending_events metadata"
)
REFS = "__blazen_serialized_session_refs"


class Blob:
    """Says itself what is stored of it, and cannot be pickled."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lock = threading.Lock()

    def __blazen_serialize__(self) -> bytes:
        if self.number < 0:
            raise ValueError("negative blobs stay")
        return bytes([self.number])

    @classmethod
    def __blazen_deserialize__(cls, data: bytes) -> Blob:
        return cls(data[0])

    class Inner:
        def __blazen_serialize__(self) -> bytes:
            return b"inner"

        @classmethod
        def __blazen_deserialize__(cls, data: bytes) -> Blob.Inner:
            assert data == b"inner"
            return cls()


class Plain:
    """Can be pickled by its name."""

    def __init__(self, number: int) -> None:
        self.number = number


class Carrier(Event):
    value: Any = None
    note: str = "default"

    def shout(self) -> str:
        return self.note.upper()


make: Callable[[], Any] = lambda: None  # noqa: E731 - what the first step puts into its event
prepare: Callable[[Context], None] = lambda ctx: None  # noqa: E731
hold = True


@step(id="stored::first")
async def first(ctx: Context, ev: StartEvent) -> Carrier:
    prepare(ctx)
    return Carrier(value=make(), note=ev.note)


@step(id="stored::second")
async def second(ctx: Context, ev: Carrier) -> StopEvent:
    if hold:
        ctx.write_event_to_stream(Event("AtWork"))
        await asyncio.Event().wait()
    return StopEvent(result=(ev.value, ev.shout(), ctx.attempt, dict(ctx.state.captured())))


STEPS: list[Step] = [first, second]


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[__name__]
    for name in ("make", "prepare", "hold"):
        monkeypatch.setattr(module, name, getattr(module, name))


def put(value: Callable[[], Any], into: Callable[[Context], None] = lambda ctx: None) -> None:
    """What the next run has in its event, and its state."""
    global make, prepare
    make, prepare = value, into


async def stored(policy: Policy | None = None, steps: list[Step] = STEPS, **settings: Any) -> str:
    """A snapshot of a run whose second step is at work; the run itself is ended."""
    workflow = Workflow("stored", steps, session_pause_policy=policy, **settings)
    async with asyncio.timeout(SECONDS):
        handler = await workflow.run_with_handler(note="hi")
        async for _ in handler.stream_events():
            break
        try:
            return await handler.snapshot()
        finally:
            await handler.abort()


async def result_of(snapshot: str, *, refs: bool = False, **options: Any) -> Any:
    global hold
    hold = False
    resume = Workflow.resume_with_session_refs if refs else Workflow.resume
    async with asyncio.timeout(SECONDS):
        return (await (await resume(snapshot, STEPS, **options)).result()).result


def as_if_foreign(snapshot: str) -> str:
    """The snapshot as another process would have written it: not signed by this one."""
    body = json.loads(snapshot)
    body.pop("signature", None)
    return json.dumps(body)


# --- what is in it -------------------------------------------------------------------------------


async def test_it_is_json_with_a_magic_a_version_and_blazens_keys() -> None:
    put(lambda: [1, {"two": None}], lambda ctx: ctx.set("key", {"a": 1}))
    snapshot = await stored()
    body = json.loads(snapshot)
    assert snapshot.isascii()
    assert body["magic"] == MAGIC
    assert body["version"] == 1
    assert set(KEYS.split()) <= set(body)
    assert body["workflow_name"] == "stored"
    assert body["context_state"] == {"key": {"Json": {"a": 1}}}
    (pending,) = body["pending_events"]
    assert pending["event_type"] == "Carrier"
    assert pending["data"] == {"value": [1, {"two": None}], "note": "hi"}
    assert "signature" not in body


VALUES: list[Any] = [
    {"a": [1, None, True, 0.5, "ü\ud800"]},
    (1, "two", (3,)),
    b"\x00bytes",
    {1, 2},
    {1: "int key"},
    float("inf"),
    {"$leaf": 0},
    {"__blazen_session_ref__": "text that only looks like a ref"},
    10**5000,
]


@pytest.mark.parametrize("value", VALUES, ids=[type(value).__name__ for value in VALUES])
async def test_plain_data_keeps_its_type_in_events_and_state(value: Any) -> None:
    put(lambda: value, lambda ctx: ctx.state.set("key", value))
    found = await result_of(await stored())
    assert found == (value, "HI", 2, {"key": value})
    assert type(found[0]) is type(value)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(json_values)
def test_any_json_value_comes_back_equal(value: Any) -> None:
    async def round_trip() -> Any:
        put(lambda: value, lambda ctx: ctx.state.set("key", value))
        global hold
        hold = True
        return await result_of(as_if_foreign(await stored()))

    assert asyncio.run(round_trip()) == (value, "HI", 2, {"key": value})


async def test_an_event_comes_back_as_the_class_that_a_step_names() -> None:
    assert (await result_of(await stored()))[1] == "HI"


async def test_values_of_ctx_session_are_not_in_it() -> None:
    put(lambda: 1, lambda ctx: ctx.session.set("secret", "live"))
    assert "secret" not in await stored()


async def test_bytes_of_a_snapshot_will_do() -> None:
    snapshot = await stored()
    assert (await result_of(snapshot.encode()))[2] == 2  # type: ignore[arg-type]


# --- live objects --------------------------------------------------------------------------------


async def test_by_default_live_objects_are_pickled_and_this_process_opens_its_own() -> None:
    put(lambda: [Plain(7)], lambda ctx: ctx.state.set("call", lambda: "called"))
    value, _, _, state = await result_of(await stored())
    assert (value[0].number, state["call"]()) == (7, "called")


async def test_pickled_values_of_another_process_are_opened_only_when_told() -> None:
    put(lambda: Plain(7))
    snapshot = as_if_foreign(await stored())
    with pytest.raises(SnapshotError, match="trusted=True"):
        await Workflow.resume(snapshot, STEPS)
    assert (await result_of(snapshot, trusted=True))[0].number == 7


async def test_a_signed_snapshot_that_was_changed_is_not_trusted() -> None:
    put(lambda: Plain(7))
    body = json.loads(await stored())
    body["run"]["calls"] = {}
    with pytest.raises(SnapshotError, match="trusted=True"):
        await Workflow.resume(json.dumps(body), STEPS)


async def test_what_cannot_be_pickled_in_an_event_fails_the_snapshot_and_says_where() -> None:
    put(lambda: {"deep": threading.Lock()})
    with pytest.raises(SnapshotError, match=r"event Carrier .*\['deep'\].*lock.*WarnDrop"):
        await stored()


async def test_what_cannot_be_pickled_in_state_stays_behind_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with sqlite3.connect(":memory:") as connection:
        put(lambda: 1, lambda ctx: ctx.state.set("db", connection))
        with caplog.at_level(logging.WARNING, "blazen_nb.engine"):
            snapshot = await stored()
        with pytest.raises(SnapshotError, match=r"ctx.state\['db'\]"):
            await stored(Policy.HardError)
    connection.close()
    assert "leaves out a Connection" in caplog.text
    assert (await result_of(snapshot))[3] == {}


async def test_warn_drop_leaves_live_objects_out_and_says_which(
    caplog: pytest.LogCaptureFixture,
) -> None:
    put(lambda: Plain(7))
    with caplog.at_level(logging.WARNING, "blazen_nb.engine"):
        snapshot = await stored(Policy.WarnDrop)
    assert "leaves out a Plain" in caplog.text
    (dropped,) = json.loads(snapshot)["metadata"]["__blazen_dropped_session_refs"]
    assert (await result_of(snapshot))[0] == {"__blazen_session_ref__": dropped}


@pytest.mark.parametrize("where", ["emitted", "never emitted", "session"])
async def test_hard_error_stores_no_run_with_a_live_object(where: str) -> None:
    def prepare(ctx: Context) -> None:
        if where == "session":
            ctx.session["live"] = 1
        elif where == "never emitted":
            Event("Unseen", value=Plain(1))

    put(lambda: Plain(7) if where == "emitted" else (b"data", 1), prepare)
    with pytest.raises(SnapshotError, match="HardError"):
        await stored(Policy.HardError)


async def test_hard_error_stores_plain_data() -> None:
    put(lambda: (b"data", {1: 2}), lambda ctx: ctx.set("key", Plain(1)))
    assert (await result_of(await stored(Policy.HardError)))[0] == (b"data", {1: 2})


# --- objects that serialize themselves -----------------------------------------------------------


async def test_an_object_says_itself_what_is_stored_of_it() -> None:
    put(lambda: [Blob(7)])
    snapshot = await stored(Policy.PickleOrSerialize)
    body = json.loads(snapshot)
    ((key, entry),) = body["metadata"][REFS].items()
    tag = f"{__name__}.Blob"
    assert entry == {"type_tag": tag, "data": [0, 0, 0, len(tag), *tag.encode(), 7]}
    assert body["pending_events"][0]["data"]["value"] == [{"__blazen_session_ref__": key}]
    (found,) = (await result_of(as_if_foreign(snapshot), refs=True))[0]
    assert (type(found), found.number) == (Blob, 7)


async def test_one_object_in_two_places_is_one_object_again() -> None:
    blob = Blob(3)
    put(lambda: [blob, {"again": blob}], lambda ctx: ctx.state.set("blob", blob))
    value, _, _, state = await result_of(await stored(Policy.PickleOrSerialize), refs=True)
    assert value[0] is value[1]["again"] is state["blob"]


async def test_an_object_of_an_event_that_nobody_emitted_is_stored_too() -> None:
    def unseen(ctx: Context) -> None:
        Event("Unseen", value=[Blob(9)])

    put(lambda: 1, unseen)
    snapshot = await stored(Policy.PickleOrSerialize)
    (entry,) = json.loads(snapshot)["metadata"][REFS].values()
    assert entry["data"][-1] == 9
    # Nothing waits for it, so resuming needs no class of it.
    assert (await result_of(snapshot))[0] == 1


async def test_a_nested_class_is_found_by_its_qualified_name() -> None:
    put(Blob.Inner)
    snapshot = await stored(Policy.PickleOrSerialize)
    assert isinstance((await result_of(snapshot, refs=True))[0], Blob.Inner)


async def test_one_whose_serialize_raises_stays_live(caplog: pytest.LogCaptureFixture) -> None:
    put(lambda: Blob(-1))
    with caplog.at_level(logging.WARNING, "blazen_nb.engine"):
        snapshot = await stored(Policy.PickleOrSerialize)
    assert "negative blobs stay" in caplog.text
    (dropped,) = json.loads(snapshot)["metadata"]["__blazen_dropped_session_refs"]
    assert (await result_of(snapshot, refs=True))[0] == {"__blazen_session_ref__": dropped}


async def test_plain_resume_says_how_such_a_snapshot_is_resumed() -> None:
    put(lambda: Blob(7))
    snapshot = await stored(Policy.PickleOrSerialize)
    with pytest.raises(SnapshotError, match="resume_with_session_refs"):
        await Workflow.resume(snapshot, STEPS)


@pytest.mark.parametrize(
    "tag", ["no_such_module.Blob", f"{__name__}.NoBlob", f"{__name__}.Plain", "x"]
)
async def test_an_unknown_tag_is_a_runtime_error(tag: str) -> None:
    put(lambda: Blob(7))
    body = json.loads(await stored(Policy.PickleOrSerialize))
    (entry,) = body["metadata"][REFS].values()
    entry["data"] = [0, 0, 0, len(tag), *tag.encode(), 7]
    with pytest.raises(RuntimeError, match="unknown type tag") as caught:
        await Workflow.resume_with_session_refs(json.dumps(body), STEPS)
    assert isinstance(caught.value, BlazenError)


async def test_more_live_objects_than_a_run_keeps_fail_the_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pause_policy, "MOST_OBJECTS", 10)
    put(lambda: [Plain(n) for n in range(11)])
    workflow = Workflow("w", STEPS, session_pause_policy=Policy.HardError)
    with pytest.raises(BlazenError, match="the most that a run"):
        await workflow.run(note="")


# --- resuming ------------------------------------------------------------------------------------


async def test_the_resumed_run_keeps_its_id_name_and_settings() -> None:
    snapshot = await stored(auto_publish_events=True, retry_config=RetryConfig(max_retries=7))
    global hold
    hold = False
    handler = await Workflow.resume(snapshot, STEPS)
    async with asyncio.timeout(SECONDS):
        result = await handler
        seen = [event.event_type async for event in handler.stream_events()]
    assert result.run_id == json.loads(snapshot)["run_id"]
    assert result.workflow_name == "stored"
    assert seen == ["blazen::StopEvent"]
    assert json.loads(snapshot)["run"]["retry"]["max_retries"] == 7


async def test_a_question_is_asked_again_and_answered_in_the_resumed_run() -> None:
    @step(id="stored::asks")
    async def asks(ctx: Context, ev: StartEvent) -> InputRequestEvent:
        return InputRequestEvent(request_id="q", prompt="?", metadata={"n": 1})

    @step(id="stored::hears")
    async def hears(ctx: Context, ev: InputResponseEvent) -> StopEvent:
        return StopEvent(result=ev.response)

    async def asked(handler: WorkflowHandler) -> InputRequestEvent:
        async for event in handler.stream_events():
            assert isinstance(event, InputRequestEvent)
            return event
        raise AssertionError("the run ended")

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [asks, hears]).run_with_handler()
        await asked(handler)
        snapshot = await handler.snapshot()
        await handler.abort()
        resumed = await Workflow.resume(snapshot, [asks, hears])
        question = await asked(resumed)
        assert (question.prompt, question.metadata) == ("?", {"n": 1})
        with pytest.raises(ValidationError, match="'other'"):
            await resumed.respond_to_input("other", 1)
        await resumed.respond_to_input(question, {"yes": True})
        assert (await resumed.result()).result == {"yes": True}


async def test_the_original_goes_on_beside_the_resumed_run() -> None:
    go = asyncio.Event()

    @step(id="stored::waits")
    async def waits(ctx: Context, ev: StartEvent) -> StopEvent:
        if ctx.attempt == 1:
            ctx.write_event_to_stream(Event("AtWork"))
            await go.wait()
        return StopEvent(result=ctx.attempt)

    async with asyncio.timeout(SECONDS):
        handler = await Workflow("w", [waits]).run_with_handler()
        async for _ in handler.stream_events():
            snapshot = await handler.snapshot()
            assert (await (await Workflow.resume(snapshot, [waits])).result()).result == 2
            go.set()
        assert (await handler.result()).result == 1


async def test_a_resumed_run_may_be_given_another_timeout_and_keeps_its_own_else() -> None:
    snapshot = await stored(timeout=3600)
    assert 3500 < json.loads(snapshot)["run"]["seconds_left"] <= 3600
    handler = await Workflow.resume(snapshot, STEPS, timeout=0.01)
    with pytest.raises(WorkflowTimeoutError, match=r"timed out after 0.01 s"):
        await asyncio.wait_for(handler.result(), SECONDS)
    resumed = await Workflow.resume(snapshot, STEPS)
    try:
        left = json.loads(await resumed.snapshot())["run"]["seconds_left"]
        assert 3500 < left <= 3600
    finally:
        await resumed.abort()


async def test_a_step_of_the_same_name_in_another_module_is_found() -> None:
    body = json.loads((await stored()).replace("stored::second", "__main__::second"))
    assert (await result_of(json.dumps(body)))[1] == "HI"


# --- what is refused -----------------------------------------------------------------------------


async def test_a_run_that_has_ended_cannot_be_stored() -> None:
    global hold
    hold = False
    handler = await Workflow("w", STEPS).run_with_handler(note="")
    await handler.result()
    with pytest.raises(SnapshotError, match="has ended: succeeded") as caught:
        await handler.snapshot()
    assert isinstance(caught.value, RuntimeError)


async def test_missing_steps_are_named_before_any_step_runs() -> None:
    snapshot = await stored()
    with pytest.raises(SnapshotError, match="needs the step stored::second, which is not given"):
        await Workflow.resume(snapshot, [first])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nope", "no snapshot"),
        ("{}", MAGIC),
        ("[]", MAGIC),
        ("[" * 100_000, "no snapshot"),
        (f'{{"magic": "{MAGIC}", "version": 2}}', "version 2"),
        (f'{{"magic": "{MAGIC}", "version": "1"}}', "version '1'"),
        (f'{{"magic": "{MAGIC}", "version": 1}}', "damaged"),
        (b"\xff\xfe", "no snapshot"),
    ],
)
async def test_what_is_no_snapshot_is_refused(text: Any, why: str) -> None:
    with pytest.raises(SnapshotError, match=why):
        await Workflow.resume(text, STEPS)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else []
    )
    return [path, *(found for key, item in items for found in _places(item, (*path, key)))]


JUNK: list[Any] = [None, "junk", -1, 1e400, True, [], {}, {"json": 1}]


async def test_a_snapshot_damaged_anywhere_is_refused_or_resumed_never_worse() -> None:
    put(lambda: (b"x", {1}), lambda ctx: ctx.set("key", (1, b"y")))
    original = json.loads(await stored(timeout=100))
    for path in _places(original):
        for junk in JUNK:
            body = json.loads(json.dumps({"": original}))
            *outer, last = ("", *path)
            place = body
            for key in outer:
                place = place[key]
            place[last] = junk
            try:
                handler = await Workflow.resume(json.dumps(body[""]), STEPS)
            except BlazenError:
                continue
            await handler.abort()


def test_a_run_without_snapshots_loads_no_pickling() -> None:
    code = (
        "import asyncio, sys; from blazen_nb import StartEvent, StopEvent, Workflow, step\n"
        "@step\nasync def only(ctx, ev: StartEvent) -> StopEvent:\n    return StopEvent(result=1)\n"
        "asyncio.run(Workflow('w', [only]).run())\n"
        "assert 'blazen_nb.shipping' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
