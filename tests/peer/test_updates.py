"""What a started run tells while it runs: everything, in order, numbered without a gap."""

from __future__ import annotations

import threading
from itertools import groupby

import pytest

from blazen_nb import Event, PeerClient, StopEvent, step
from blazen_nb.engine.context import Context
from blazen_nb.events import StartEvent
from blazen_nb.peer import capture
from blazen_nb.testing import LocalPeer
from blazen_nb.updates import (
    Accepted,
    Displayed,
    Ended,
    EventPublished,
    GraphKnown,
    Output,
    OutputCut,
    Progressed,
    StepEnded,
    StepStarted,
    Update,
)
from blazen_nb.wire.limits import Limits
from tests.peer.conftest import SECONDS

_gates: dict[str, threading.Event] = {}


@step(id="updates::emit")
async def emit(ctx: Context, ev: StartEvent) -> StopEvent:
    for i in range(ev.n):
        ctx.write_event_to_stream(Event("Tick", i=i))
    return StopEvent(result=ev.n)


@step(id="updates::story")
def story(ctx: Context, ev: StartEvent) -> StopEvent:
    print("first")
    ctx.write_event_to_stream(Event("Between", n=1))
    print("second")
    ctx.progress(1, 2, "half")
    capture.display({"text/plain": "shown"}, raw=True)
    print("third")
    return StopEvent(result="end")


@step(id="updates::says_and_waits")
def says_and_waits(ctx: Context, ev: StartEvent) -> StopEvent:
    print("on my way")
    ctx.write_event_to_stream(Event("OnMyWay"))
    _gates[ev.gate].wait(SECONDS)
    return StopEvent()


@step(id="updates::chatty")
def chatty(ctx: Context, ev: StartEvent) -> StopEvent:
    for i in range(ev.lines):
        print(f"line {i}")
        if i % 7 == 0:
            ctx.progress(i, ev.lines)
        if i % 11 == 0:
            ctx.write_event_to_stream(Event("Line", i=i))
    return StopEvent()


@step(id="updates::counts_fast")
def counts_fast(ctx: Context, ev: StartEvent) -> StopEvent:
    for i in range(ev.n):
        ctx.progress(i + 1, ev.n, "fast")
    for _ in range(2):
        ctx.progress(0, ev.n, "fast")
    return StopEvent()


@step(id="updates::odd_text")
def odd_text(ctx: Context, ev: StartEvent) -> StopEvent:
    print("lone \ud800 surrogate, zürich, 🦉")
    ctx.write_event_to_stream(Event("Odd\ud800", text="lone \ud800"))
    return StopEvent(result="\ud800")


@step(id="updates::live_fields")
def live_fields(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Plain", n=1))
    ctx.write_event_to_stream(Event("Rich", pair=(1, 2), raw=b"\x00\xff"))
    ctx.write_event_to_stream(Event("Plain", n=2))
    return StopEvent()


@step(id="updates::changes_its_event")
def changes_its_event(ctx: Context, ev: StartEvent) -> StopEvent:
    items = [1]
    event = Event("Items", items=items)
    ctx.write_event_to_stream(event)
    items.append(2)
    return StopEvent()


@step(id="updates::floods")
def floods(ctx: Context, ev: StartEvent) -> StopEvent:
    print("x" * 50)
    for _ in range(1000):
        print("y" * 99)
    return StopEvent()


def assert_gapless(updates: list[Update]) -> None:
    assert [update.seq for update in updates] == list(range(1, len(updates) + 1))


def test_ten_thousand_events_arrive_complete_and_in_order(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["updates::emit"], {"n": 10_000})
    assert [event.i for event in handle.events()] == list(range(10_000))
    assert handle.result().result == 10_000


def test_ten_thousand_events_are_numbered_without_a_gap(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["updates::emit"], {"n": 10_000})
    updates = list(handle.updates())
    assert_gapless(updates)
    assert sum(isinstance(update, EventPublished) for update in updates) == 10_000


def test_updates_tell_the_story_in_the_order_of_happening(client: PeerClient) -> None:
    updates = list(client.start_remote_workflow("tale", ["updates::story"]).updates())
    assert_gapless(updates)
    told = [
        type(update)
        for update in updates
        if not (isinstance(update, Output) and update.text == "\n")
    ]
    assert told == [
        Accepted, GraphKnown, StepStarted, Output, EventPublished, Output, Progressed, Displayed,
        Output, StepEnded, Ended,
    ]  # fmt: skip
    accepted, graph, started = updates[:3]
    assert isinstance(accepted, Accepted)
    assert (accepted.workflow_name, accepted.node_id) == ("tale", "gpu-box")
    assert isinstance(graph, GraphKnown)
    assert [shape.step_id for shape in graph.steps] == ["updates::story"]
    assert isinstance(started, StepStarted)
    assert started.event_type == "blazen::StartEvent"
    ended = updates[-1]
    assert isinstance(ended, Ended)
    assert (ended.outcome, ended.result_text) == ("succeeded", '"end"')


def test_output_and_events_arrive_while_the_step_still_runs(
    client: PeerClient, released: threading.Event
) -> None:
    _gates["live"] = released
    handle = client.start_remote_workflow("w", ["updates::says_and_waits"], {"gate": "live"})
    seen: list[type[Update]] = []
    while EventPublished not in seen or Output not in seen:
        update = handle.next_update(SECONDS)
        assert update is not None
        seen.append(type(update))
    assert handle.outcome is None
    released.set()
    assert handle.result(SECONDS).result is None


def test_output_progress_and_events_of_a_chatty_step_are_all_there(client: PeerClient) -> None:
    updates = list(
        client.start_remote_workflow("w", ["updates::chatty"], {"lines": 2000}).updates()
    )
    assert_gapless(updates)
    text = "".join(update.text for update in updates if isinstance(update, Output))
    assert text == "".join(f"line {i}\n" for i in range(2000))
    progress = [update.done for update in updates if isinstance(update, Progressed)]
    assert progress == [float(i) for i in range(0, 2000, 7)]
    kinds = [kind for kind, _ in groupby(updates, type)]
    assert kinds.count(EventPublished) == len(range(0, 2000, 11))


def test_progress_that_waits_for_the_reader_is_told_in_its_latest_form(client: PeerClient) -> None:
    updates = list(
        client.start_remote_workflow("w", ["updates::counts_fast"], {"n": 20_000}).updates()
    )
    assert_gapless(updates)
    told = [update.done for update in updates if isinstance(update, Progressed)]
    assert len(told) < 5_000
    again = told.index(0.0)
    assert told[again - 1] == 20_000  # beginning anew takes nothing back
    assert told[:again] == sorted(told[:again])
    assert set(told[again:]) == {0.0}


def test_text_that_is_not_unicode_spoils_nothing(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["updates::odd_text"])
    updates = list(handle.updates())
    assert_gapless(updates)
    text = "".join(update.text for update in updates if isinstance(update, Output))
    assert text == "lone ? surrogate, zürich, 🦉\n"
    assert [u.event.text for u in updates if isinstance(u, EventPublished)] == ["lone \ud800"]
    assert handle.result().result == "\ud800"


def test_events_carry_tuples_and_bytes_between_plain_ones(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["updates::live_fields"])
    fields = [event.to_dict() for event in handle.events()]
    assert fields == [{"n": 1}, {"pair": (1, 2), "raw": b"\x00\xff"}, {"n": 2}]


def test_an_event_shows_its_fields_as_they_were_when_it_was_written(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["updates::changes_its_event"])
    assert [event.items for event in handle.events()] == [[1]]


def test_output_that_comes_too_fast_is_cut_to_its_last_lines_and_counted() -> None:
    with LocalPeer(limits=Limits(output_burst=200, output_rate=1)) as peer:
        updates = list(peer.client.start_remote_workflow("w", ["updates::floods"]).updates())
    assert_gapless(updates)
    kept = sum(len(update.text) for update in updates if isinstance(update, Output))
    cut = sum(update.characters for update in updates if isinstance(update, OutputCut))
    assert kept >= 200
    assert cut > 0
    assert kept + cut == 51 + 1000 * 100


def test_each_update_is_given_out_once(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["updates::story"])
    assert isinstance(list(handle.updates())[-1], Ended)
    assert list(handle.updates()) == []
    assert handle.next_update(0.01) is None


def test_waiting_for_a_result_lasts_as_long_as_it_was_told_whatever_is_printed(
    client: PeerClient, released: threading.Event
) -> None:
    _gates["chat"] = threading.Event()

    @step(id="updates::prints_often")
    def prints_often(ctx: Context, ev: StartEvent) -> StopEvent:
        for i in range(300):
            ctx.progress(i)
            _gates["chat"].wait(0.003)  # a frame of its own for each
        return StopEvent(result="at last")

    handle = client.start_remote_workflow("w", ["updates::prints_often"])
    assert handle.result(SECONDS).result == "at last"


def test_a_result_that_does_not_come_in_time_is_a_timeout_and_the_run_goes_on(
    client: PeerClient, released: threading.Event
) -> None:
    _gates["late"] = released
    handle = client.start_remote_workflow("w", ["updates::says_and_waits"], {"gate": "late"})
    with pytest.raises(TimeoutError, match="it goes on"):
        handle.result(0.05)
    assert handle.next_update(0.0) is not None
    released.set()
    assert handle.result(SECONDS).result is None
