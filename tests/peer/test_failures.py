"""A run that fails: what its caller is told, and that the caller is told at all."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from blazen_nb import (
    AsyncPeerClient,
    Context,
    Event,
    PeerClient,
    RemoteRef,
    StartEvent,
    StopEvent,
    step,
)
from blazen_nb.errors import EncodeError, LimitError, WorkflowError
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.testing import LocalPeer
from blazen_nb.updates import Ended, StepEnded
from blazen_nb.wire.limits import Limits
from tests.peer.conftest import SECONDS, RunCell, StartCell

FAILING = """
from blazen_nb import Event, step, StartEvent, StopEvent
class Loaded(Event):
    rows: list

def mean(rows):
    return sum(rows) / len(rows)

@step(id="sums::load")
def load(ev: StartEvent) -> Loaded:
    return Loaded(rows=[])

@step(id="sums::mean")
def average(ev: Loaded) -> StopEvent:
    return StopEvent(result=mean(ev.rows))
"""


class Fussy:
    """Takes the encoder down with it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        raise self.error


@step(id="failures::fussy")
def fussy(ctx: Context, ev: StartEvent) -> StopEvent:
    kinds: dict[str, type[BaseException]] = {"ValueError": ValueError, "SystemExit": SystemExit}
    return StopEvent(result=[1, Fussy(kinds[ev.kind]("no"))])


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise SystemError

    __repr__ = __str__


@step(id="failures::unspeakable")
def unspeakable(ctx: Context, ev: StartEvent) -> StopEvent:
    error = Unspeakable(threading.Lock())
    error.__notes__ = ["a note \ud800"]
    raise error


@step(id="failures::odd_text")
def odd_text(ctx: Context, ev: StartEvent) -> StopEvent:
    raise ValueError("half a character: \ud83e")


@step(id="failures::odd_event")
def odd_event(ctx: Context, ev: StartEvent) -> Event:
    event = Event("Fine")
    event.event_type = ["not", "text"]  # type: ignore[assignment]
    return event


@step(id="failures::large_event")
def large_event(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Large", text="x" * (3 << 20)))
    return StopEvent()


@step(id="failures::many_large_events")
def many_large_events(ctx: Context, ev: StartEvent) -> StopEvent:
    for _ in range(300):
        ctx.write_event_to_stream(Event("Large", text="x" * 100_000))
    return StopEvent(result="all")


@step(id="failures::large_state")
def large_state(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.state["text"] = "x" * (3 << 20)
    return StopEvent(result="small")


def test_the_error_of_a_cells_step_knows_its_step_its_peer_its_cause_and_its_line(
    start_cell: StartCell,
) -> None:
    handle = start_cell(FAILING, 7)
    with pytest.raises(WorkflowError, match="division by zero") as caught:
        handle.result(SECONDS)
    error = caught.value
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert str(error.__cause__) == "division by zero"
    assert (error.step_id, error.peer, error.run_id) == ("sums::mean", "gpu-box", handle.run_id)
    assert error.failure is not None
    own = [(f.label, f.function, f.source) for f in error.failure.frames if f.in_cell]
    assert own == [
        ("cell [7]", "average", "return StopEvent(result=mean(ev.rows))"),
        ("cell [7]", "mean", "return sum(rows) / len(rows)"),
    ]
    assert "cell [7]" in error.remote_traceback
    assert "return sum(rows) / len(rows)" in error.remote_traceback


def test_the_line_of_a_plain_cell_is_its_own_counted_with_the_magic(run_cell: RunCell) -> None:
    with pytest.raises(WorkflowError) as caught:
        run_cell("a = 1\nb = 0\na / b", 3)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.failure is not None
    (frame,) = [frame for frame in caught.value.failure.frames if frame.in_cell]
    assert (frame.label, frame.line, frame.source) == ("cell [3]", 4, "a / b")


def test_the_story_of_a_failed_run_says_which_step_failed_and_why(start_cell: StartCell) -> None:
    updates = list(start_cell(FAILING, 7).updates())
    ended = [update for update in updates if isinstance(update, StepEnded)]
    assert [(u.step_id, u.outcome) for u in ended][-1] == ("sums::mean", "failed")
    assert ended[-1].error == "ZeroDivisionError: division by zero"
    last = updates[-1]
    assert isinstance(last, Ended)
    assert last.outcome == "failed"
    assert last.failure is not None
    assert last.failure.type_name == "ZeroDivisionError"


async def test_awaiting_a_handle_raises_as_the_sync_one_does(peer: LocalPeer) -> None:
    async with await AsyncPeerClient.connect(peer.address) as client:
        handle = await client.start_remote_workflow("w", ["failures::odd_text"])
        with pytest.raises(WorkflowError, match=r"half a character: \?") as caught:
            await handle
    assert isinstance(caught.value.__cause__, ValueError)


def test_each_time_a_result_is_asked_for_it_raises_the_same(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["failures::odd_text"])
    for _ in range(2):
        with pytest.raises(WorkflowError, match="half a character"):
            handle.result(SECONDS)


@pytest.mark.parametrize("step_id", ["failures::unspeakable", "failures::odd_text"])
def test_an_exception_that_cannot_be_written_ends_the_run_for_every_kind_of_caller(
    client: PeerClient, step_id: str
) -> None:
    with pytest.raises(WorkflowError) as blocking:
        client.run_remote_workflow("w", [step_id])
    handle = client.start_remote_workflow("w", [step_id])
    assert isinstance(list(handle.updates())[-1], Ended)
    with pytest.raises(WorkflowError) as started:
        handle.result(SECONDS)
    assert str(blocking.value) == str(started.value)


def test_a_result_that_takes_the_encoder_down_ends_the_run_for_every_kind_of_caller(
    client: PeerClient,
) -> None:
    with pytest.raises(EncodeError, match="SystemExit"):
        client.run_remote_workflow("w", ["failures::fussy"], {"kind": "SystemExit"})
    handle = client.start_remote_workflow("w", ["failures::fussy"], {"kind": "SystemExit"})
    ended = list(handle.updates())[-1]
    assert isinstance(ended, Ended)
    assert ended.outcome == "succeeded"
    with pytest.raises(EncodeError, match="SystemExit"):
        handle.result(SECONDS)
    assert client.describe().runs == ()


def test_a_part_of_a_result_that_refuses_to_be_written_stays_as_a_ref(client: PeerClient) -> None:
    result = client.run_remote_workflow("w", ["failures::fussy"], {"kind": "ValueError"}).result
    assert result[0] == 1
    assert isinstance(result[1], RemoteRef)
    with pytest.raises(EncodeError, match="Fussy cannot be pickled"):
        result[1].fetch()


def test_an_event_that_cannot_be_routed_fails_its_run(client: PeerClient) -> None:
    with pytest.raises(WorkflowError, match="list"):
        client.run_remote_workflow("w", ["failures::odd_event"])
    assert client.describe().runs == ()


def test_an_event_above_the_limit_fails_its_step_and_not_the_session() -> None:
    with LocalPeer(limits=Limits(message_bytes=1 << 20)) as peer:
        handle = peer.client.start_remote_workflow("w", ["failures::large_event"])
        with pytest.raises(WorkflowError, match="larger than") as caught:
            handle.result(SECONDS)
        assert isinstance(caught.value.__cause__, LimitError)
        peer.client.ping()


def test_state_above_the_limit_stays_and_says_so() -> None:
    with LocalPeer(limits=Limits(message_bytes=1 << 20)) as peer:
        with pytest.raises(EncodeError, match="the state has"):
            peer.client.run_remote_workflow("w", ["failures::large_state"])
        peer.client.ping()


def test_what_comes_back_of_a_cell_is_one_message_and_the_rest_stays() -> None:
    cell = parse_cell("a = bytes(700_000)\nb = bytes(700_000)", label="cell [1]", first_line=2)
    with LocalPeer(limits=Limits(message_bytes=1 << 20)) as peer:
        handle = peer.client.start_cell(cell, outputs=["a", "b"])
        with pytest.raises(EncodeError, match="'b' stays on the peer"):
            handle.result(SECONDS)
        outputs = peer.client.start_cell(cell, outputs=["b"]).result(SECONDS).outputs
        assert outputs == {"b": bytes(700_000)}


def test_a_display_above_the_limit_fails_its_step_and_not_the_session() -> None:
    text = "display({'text/html': 'x' * 2_000_000}, raw=True)"
    with LocalPeer(limits=Limits(message_bytes=1 << 20)) as peer:
        handle = peer.client.start_cell(parse_cell(text, label="cell [1]", first_line=2))
        with pytest.raises(WorkflowError, match="a display of"):
            handle.result(SECONDS)
        peer.client.ping()


def test_large_events_that_come_faster_than_they_are_written_all_arrive(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["failures::many_large_events"])
    sizes = [len(event.text) for event in handle.events()]
    assert sizes == [100_000] * 300
    assert handle.result(SECONDS).result == "all"
