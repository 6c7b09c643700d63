"""What a run has told, over a peer that has forgotten the request and is asked for the rest."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from blazen_nb.client.feed import RunFeed
from blazen_nb.errors import RunLostError
from blazen_nb.updates import EventPublished, Update
from blazen_nb.wire.v1 import kernel_pb2 as pb

RUN_ID = bytes(16)


def feed() -> RunFeed:
    link: Any = SimpleNamespace(refs=SimpleNamespace(open_leaf=None), node_id="gpu0")
    return RunFeed(link, RUN_ID, "w", trusted=True)


def events(first: int, count: int) -> pb.PeerFrame:
    items = [[0, {"n": first + each}] for each in range(count)]
    told = pb.EventsUpdate(types=["Told"], json=json.dumps(items).encode())
    return pb.PeerFrame(update=pb.RunUpdate(run_id=RUN_ID, seq=first, events=told))


def taken(feed: RunFeed) -> list[Update]:
    got = []
    while (update := feed.take()) is not None:
        got.append(update)
    return got


def test_of_a_message_that_comes_again_with_more_in_it_only_that_is_told() -> None:
    run = feed()
    run.receive(events(1, 2))
    run.receive(events(3, 4))  # 3 to 6, and not taken yet
    request = run.attach_again("peer gpu0 was restarted")
    assert request is not None
    assert request.after_seq == 6
    run.receive(events(3, 8))  # 3 to 10
    updates = taken(run)
    assert [update.seq for update in updates] == list(range(1, 11))
    numbers = [each.event.n for each in updates if isinstance(each, EventPublished)]
    assert numbers == list(range(1, 11))


def test_its_events_alone_are_not_told_twice_either() -> None:
    run = feed()
    run.receive(events(1, 3))
    run.attach_again("peer gpu0 was restarted")
    run.receive(events(1, 5))
    assert [event.n for event in run.take_events()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("had_started", [True, False])
def test_a_run_that_the_new_session_does_not_know_is_lost_with_the_reason(
    had_started: bool,
) -> None:
    run = feed()
    if had_started:
        run.receive(pb.PeerFrame(run_started=pb.RunStarted(run_id=RUN_ID)))
    run.attach_again("peer gpu0 was restarted")
    run.receive(pb.PeerFrame(refusal=pb.Refusal(kind="ValidationError", message="unknown")))
    with pytest.raises(RunLostError, match="peer gpu0 was restarted; unknown"):
        run.outcome_or_raise()
