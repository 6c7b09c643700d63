"""Pause, resume and a person's answer, over the wire."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from blazen_nb import (
    AsyncPeerClient,
    Event,
    InputRequestEvent,
    InputResponseEvent,
    PeerClient,
    StartEvent,
    StopEvent,
    ValidationError,
    step,
)
from blazen_nb.engine.context import Context
from blazen_nb.testing import LocalPeer
from blazen_nb.updates import InputRequested, Paused, StepEnded, StepStarted

SECONDS = 5.0


@step(id="pausing::asks")
async def asks(ctx: Context, ev: StartEvent) -> InputRequestEvent:
    return InputRequestEvent(request_id="q", prompt="Go on?", metadata={"choices": ["yes", "no"]})


@step(id="pausing::hears")
def hears(ctx: Context, ev: InputResponseEvent) -> StopEvent:
    return StopEvent(result=ev.response)


_gates: queue.SimpleQueue[threading.Event] = queue.SimpleQueue()


@step(id="pausing::first")
def first(ctx: Context, ev: StartEvent) -> Event:
    gate = threading.Event()
    _gates.put(gate)
    gate.wait(SECONDS)
    return Event("Mid")


@step(id="pausing::second", accepts=["Mid"])
def second(ctx: Context, ev: Any) -> StopEvent:
    return StopEvent(result="both")


@pytest.fixture
async def asynchronous(peer: LocalPeer) -> Any:
    async with await AsyncPeerClient.connect(peer.address) as client:
        yield client


ASKING = ["pausing::asks", "pausing::hears"]
TWO = ["pausing::first", "pausing::second"]


@pytest.mark.parametrize("by_id", [True, False])
def test_a_remote_run_waits_for_a_persons_answer(client: PeerClient, by_id: bool) -> None:
    handle = client.start_remote_workflow("asks", ASKING)
    question = next(each for each in handle.updates() if isinstance(each, InputRequested))
    assert (question.prompt, question.metadata) == ("Go on?", {"choices": ["yes", "no"]})
    assert handle.outcome is None
    handle.respond_to_input("q" if by_id else question, {"go": [True, None]})
    assert handle.result(SECONDS).result == {"go": [True, None]}


def test_a_question_is_among_the_events_and_can_be_answered_as_one(client: PeerClient) -> None:
    handle = client.start_remote_workflow("asks", ASKING)
    events: Iterator[Event] = handle.events()
    question = next(events)
    assert isinstance(question, InputRequestEvent)
    handle.respond_to_input(question, "yes")
    assert list(events) == []
    assert handle.result(SECONDS).result == "yes"


def test_an_answer_may_be_larger_than_a_batch(client: PeerClient) -> None:
    handle = client.start_remote_workflow("asks", ASKING)
    next(handle.events())
    text = "long " * 200_000
    handle.respond_to_input("q", text)
    assert handle.result(SECONDS).result == text


def test_an_answer_that_nobody_waits_for_is_refused(client: PeerClient) -> None:
    handle = client.start_remote_workflow("asks", ASKING)
    next(handle.events())
    with pytest.raises(ValidationError, match="does not wait for an answer to 'other'"):
        handle.respond_to_input("other", 1)
    handle.respond_to_input("q", 1)
    assert handle.result(SECONDS).result == 1
    with pytest.raises(ValidationError, match="'q'"):
        handle.respond_to_input("q", 2)


def test_an_answer_that_cannot_travel_is_an_error_here_and_the_run_still_waits(
    client: PeerClient,
) -> None:
    handle = client.start_remote_workflow("asks", ASKING)
    next(handle.events())
    with pytest.raises(Exception, match="cannot be pickled"):
        handle.respond_to_input("q", threading.Lock())
    handle.respond_to_input("q", "then this")
    assert handle.result(SECONDS).result == "then this"


def test_a_paused_run_is_cancelled_like_any_and_what_has_ended_is_not_paused(
    client: PeerClient,
) -> None:
    handle = client.start_remote_workflow("two", TWO)
    gate = _gates.get(timeout=SECONDS)
    handle.pause()
    handle.cancel()
    gate.set()
    with pytest.raises(Exception, match="cancelled"):
        handle.result(SECONDS)
    handle.pause()
    handle.resume()
    assert handle.outcome == "cancelled"


def test_a_paused_remote_run_ends_its_step_starts_no_other_and_goes_on_when_told(
    client: PeerClient,
) -> None:
    handle = client.start_remote_workflow("two", TWO)
    gate = _gates.get(timeout=SECONDS)
    handle.pause()
    gate.set()
    updates = handle.updates()
    ended = next(update for update in updates if isinstance(update, StepEnded))
    assert (ended.step_id, ended.outcome) == ("pausing::first", "succeeded")
    # Answered in order with the run's updates: had the second step started, it would have told before this.
    client.ping()
    assert handle.next_update(timeout=0.05) is None
    handle.resume()
    started = next(update for update in updates if isinstance(update, StepStarted))
    assert started.step_id == "pausing::second"
    assert handle.result(SECONDS).result == "both"


async def test_the_async_handle_can_do_the_same(asynchronous: AsyncPeerClient) -> None:
    async with asyncio.timeout(SECONDS):
        handle = await asynchronous.start_remote_workflow("asks", ASKING)
        events = handle.events()
        question = await anext(events)
        assert isinstance(question, InputRequestEvent)
        await handle.pause()
        await handle.respond_to_input(question, "held")
        with pytest.raises(TimeoutError):
            await handle.result(0.05)
        await handle.resume()
        assert (await handle.result()).result == "held"
        with pytest.raises(ValidationError, match="does not wait"):
            await handle.respond_to_input(question, "late")


def test_whoever_reads_the_run_is_told_that_it_was_paused_and_goes_on(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["pausing::first", "pausing::second"])
    gate = _gates.get(timeout=SECONDS)
    handle.pause()
    gate.set()
    handle.resume()
    told = [update.paused for update in handle.updates() if isinstance(update, Paused)]
    assert told == [True, False]
    assert handle.result(SECONDS).result == "both"
