"""A cancel reaches the run, and its outcome comes, whatever the step is doing."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from blazen_nb import (
    AsyncPeerClient,
    Context,
    Event,
    PeerClient,
    StartEvent,
    StopEvent,
    WorkflowCancelledError,
    step,
)
from blazen_nb.client.sync_handle import RunHandle
from blazen_nb.testing import LocalPeer
from blazen_nb.updates import Ended, Output, StepEnded
from tests.eventually import eventually
from tests.peer.conftest import SECONDS, RunCell, StartCell

CANCEL = 1.0
"""A run that does not stop by itself has its outcome this long after a cancel."""
SLACK = 0.3
LOOP = 0.5
"""A plain step that loops in Python has ended this long after a cancel."""
POLL = 0.1
"""The outcome is there this long after a step saw its cancel, where it then returns."""

_gates: dict[str, threading.Event] = {}
_seen: list[float] = []


@step(id="cancels::looks")
def looks(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Begun"))
    while not ctx.cancelled:
        time.sleep(0.002)
    print("cleaned up")
    return StopEvent()


@step(id="cancels::polls")
def polls(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Begun"))
    while not ctx.cancelled:
        time.sleep(0.02)
    _seen.append(time.monotonic())
    return StopEvent()


@step(id="cancels::loops")
def loops(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Begun"))
    while True:
        pass


@step(id="cancels::awaits")
async def awaits(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Begun"))
    try:
        await asyncio.Event().wait()
    finally:
        print("cleaned up")
    return StopEvent()


@step(id="cancels::stuck")
def stuck(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Begun"))
    _gates[ev.gate].wait(SECONDS * 2)  # in C: no exception gets in
    print("too late")
    return StopEvent(result="too late")


@step(id="cancels::quick")
def quick(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result="done")


def begun(client: PeerClient, step_id: str, **fields: object) -> RunHandle:
    handle = client.start_remote_workflow("w", [step_id], fields)
    assert next(handle.events()).event_type == "Begun"
    return handle


def seconds_until_cancelled(handle: RunHandle) -> float:
    began = time.monotonic()
    handle.cancel()
    with pytest.raises(WorkflowCancelledError, match="cancelled by the client"):
        handle.result(SECONDS)
    assert handle.outcome == "cancelled"
    return time.monotonic() - began


@pytest.mark.parametrize("step_id", ["cancels::looks", "cancels::awaits"])
def test_a_step_that_cooperates_ends_at_once_with_its_last_words(
    client: PeerClient, step_id: str
) -> None:
    handle = begun(client, step_id)
    assert seconds_until_cancelled(handle) < SLACK
    updates = list(handle.updates())
    assert isinstance(updates[-1], Ended)
    assert updates[-1].outcome == "cancelled"
    assert any(isinstance(update, Output) and "cleaned up" in update.text for update in updates)


def test_a_step_that_never_looks_is_interrupted(client: PeerClient) -> None:
    assert seconds_until_cancelled(begun(client, "cancels::loops")) < CANCEL + SLACK
    assert client.describe().abandoned == ()


def assert_cancelled_everywhere(client: PeerClient, handle: RunHandle, step_id: str) -> None:
    """For the caller, in the story that the peer kept, and in what it says of itself."""
    assert handle.outcome == "cancelled"
    updates = list(handle.updates())
    ends = [update for update in updates if isinstance(update, StepEnded)]
    assert [(end.step_id, end.outcome) for end in ends] == [(step_id, "cancelled")]
    assert isinstance(updates[-1], Ended)
    assert updates[-1].outcome == "cancelled"
    peer = client.describe()
    assert (peer.runs, peer.abandoned) == ((), ())


def test_a_step_that_loops_in_python_has_ended_within_half_a_second(client: PeerClient) -> None:
    handle = begun(client, "cancels::loops")
    assert seconds_until_cancelled(handle) < LOOP
    assert_cancelled_everywhere(client, handle, "cancels::loops")


def test_a_step_that_polls_has_ended_a_tenth_of_a_second_after_its_poll(client: PeerClient) -> None:
    def seconds_after_its_poll() -> float:
        _seen.clear()
        handle = begun(client, "cancels::polls")
        seconds_until_cancelled(handle)
        told = time.monotonic()
        assert_cancelled_everywhere(client, handle, "cancels::polls")
        (seen,) = _seen
        return told - seen

    # Of three: what else runs on the machine may hold up one of them, a peer that is slow holds up all.
    assert min(seconds_after_its_poll() for _ in range(3)) < POLL


def test_a_step_that_is_stuck_is_left_behind_and_shown_until_it_ends(
    client: PeerClient, released: threading.Event
) -> None:
    _gates["stuck"] = released
    handle = begun(client, "cancels::stuck", gate="stuck")
    assert CANCEL - 0.1 < seconds_until_cancelled(handle) < CANCEL + SLACK
    assert client.describe().abandoned == ("cancels::stuck",)
    assert client.run_remote_workflow("w", ["cancels::quick"]).result == "done"
    released.set()
    eventually(lambda: client.describe().abandoned == ())
    texts = [update.text for update in handle.updates() if isinstance(update, Output)]
    assert texts == []


def test_a_cell_that_loops_is_cancelled_and_its_namespace_keeps_its_variables(
    start_cell: StartCell, run_cell: RunCell
) -> None:
    run_cell("weights = [1, 2]", 1)
    handle = start_cell("print('on')\nwhile True:\n    pass", 2)
    while not isinstance(handle.next_update(SECONDS), Output):
        pass
    assert seconds_until_cancelled(handle) < CANCEL + SLACK
    assert run_cell("weights", 3).result == [1, 2]


def test_a_run_that_has_ended_stays_as_it_ended(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["cancels::quick"])
    assert handle.result(SECONDS).result == "done"
    handle.cancel()
    client.ping()
    assert handle.outcome == "succeeded"


def test_one_run_of_many_is_cancelled_and_the_others_go_on(client: PeerClient) -> None:
    handles = [begun(client, "cancels::awaits") for _ in range(5)]
    seconds_until_cancelled(handles[2])
    assert len(client.describe().runs) == 4
    assert [handle.outcome for handle in handles].count(None) == 4
    for handle in handles:
        handle.cancel()


def test_a_session_cannot_cancel_a_run_by_an_unknown_id(
    client: PeerClient, other: PeerClient
) -> None:
    handle = begun(client, "cancels::awaits")
    other._link.cancel(bytes(16), "nobody's")
    other.ping()
    assert handle.outcome is None
    seconds_until_cancelled(handle)


async def test_a_cancelled_caller_takes_its_blocking_call_along(
    peer: LocalPeer, client: PeerClient
) -> None:
    async with await AsyncPeerClient.connect(peer.address) as awaiting:
        call = asyncio.create_task(awaiting.run_remote_workflow("w", ["cancels::awaits"]))
        await asyncio.to_thread(eventually, lambda: client.describe().runs)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    await asyncio.to_thread(eventually, lambda: not client.describe().runs)


async def test_a_callers_own_timeout_passes_through_and_takes_its_call_along(
    peer: LocalPeer, client: PeerClient
) -> None:
    async with await AsyncPeerClient.connect(peer.address) as awaiting:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await awaiting.run_remote_workflow("w", ["cancels::awaits"])
    await asyncio.to_thread(eventually, lambda: not client.describe().runs)


async def test_waiting_on_an_async_handle_ends_in_time_and_the_run_goes_on(
    peer: LocalPeer,
) -> None:
    async with await AsyncPeerClient.connect(peer.address) as awaiting:
        handle = await awaiting.start_remote_workflow("w", ["cancels::awaits"])
        with pytest.raises(TimeoutError, match="it goes on"):
            await handle.result(0.05)
        kinds = []
        while (update := await handle.next_update(0.1)) is not None:
            kinds.append(type(update).__name__)
        assert kinds == ["Accepted", "GraphKnown", "StepStarted", "EventPublished"]
        assert handle.outcome is None
        handle.cancel()
        with pytest.raises(WorkflowCancelledError):
            await handle
        told = [update async for update in handle.updates()]
        assert isinstance(told[-1], Ended)
