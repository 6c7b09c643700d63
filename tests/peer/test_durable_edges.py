"""Durable runs whose contents are odd, or whose peer ends at an odd moment: none hangs, and none keeps a peer down."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from blazen_nb import Context, Event, StartEvent, StopEvent, step
from blazen_nb.engine.graph import Graph
from blazen_nb.engine.step import Step
from blazen_nb.engine.ticks import AttemptFinished
from blazen_nb.errors import JournalError, TransportError, WorkflowError
from blazen_nb.journal import JournaledRun
from blazen_nb.journal.sqlite import SqliteJournal
from blazen_nb.peer.durable.replay import Replay, Replayed
from blazen_nb.peer.durable.writing import TickWriter
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.testing import LocalPeer
from blazen_nb.updates import StepStarted
from blazen_nb.wire.v1 import kept_pb2 as kept

SECONDS = 10.0

ran = threading.Event()


@step(id="edges::runs")
def runs(ctx: Context, event: StartEvent) -> StopEvent:
    ran.set()
    return StopEvent()


@step(id="edges::odd_type")
def odd_type(ctx: Context, event: StartEvent) -> Event:
    return Event("no \ud800 Unicode")


@step(id="edges::odd_key")
def odd_key(ctx: Context, event: StartEvent) -> StopEvent:
    ctx.state.set("no \ud800 Unicode", 1)
    return StopEvent()


def not_run(event: object) -> None:
    raise AssertionError("a replay runs nothing")


def no_workflow(_: object) -> kept.KeptWorkflow:
    raise AssertionError("no cell is in this")


def no_graph(_: kept.KeptWorkflow) -> Graph:
    raise AssertionError("no cell is in this")


def event_of(event_type: str, **fields: object) -> Event:
    """As a running step may make it."""
    return Event._from_fields(event_type, fields)


def replayed(*returned: Event) -> Replayed:
    """A run in which the first attempt returned the first of these, and so on."""
    graph = Graph(
        [
            Step(not_run, step_id="edges::first", accepts=("blazen::StartEvent",), emits=()),
            Step(not_run, step_id="edges::next", accepts=("Next",), emits=()),
        ]
    )
    writer = TickWriter("__main__", no_workflow)
    ticks = [
        (number, kept.KeptTick(at=1.0, **writer.kind(AttemptFinished(number, event))))
        for number, event in enumerate(returned, start=1)
    ]
    replay = Replay(graph, "__main__", timeout=None, workflow_of=no_graph)
    return replay.run(StartEvent(), ticks)


def test_a_live_object_that_an_earlier_step_has_used_up_is_not_missed() -> None:
    for later in range(1, 60):  # memory of the used event is given out again at one of these
        run = replayed(
            event_of("Next", lock=threading.Lock()), *[event_of("Next", x=1)] * later
        ).state
        assert [attempt.event.to_dict() for attempt in run.running.values()] == [{"x": 1}]


def test_a_live_object_that_a_step_still_needs_is_named() -> None:
    with pytest.raises(JournalError, match=r"step edges::next needs a _thread\.lock of its Next"):
        replayed(event_of("Next", lock=threading.Lock()))


def test_a_result_that_ended_with_its_process_is_no_result() -> None:
    stop = StopEvent._from_fields("", {"result": threading.Lock()})
    with pytest.raises(JournalError, match=r"its result needs a _thread\.lock"):
        replayed(stop)


@pytest.mark.parametrize("step_id", ["edges::odd_type", "edges::odd_key"])
def test_a_run_ends_where_what_its_step_did_cannot_be_written(path: Path, step_id: str) -> None:
    with LocalPeer(journal=path) as peer:
        handle = peer.client.start_remote_workflow("w", [step_id])
        with pytest.raises(WorkflowError, match=r"cannot be journaled.*cannot be written"):
            handle.result(SECONDS)
        second = peer.client.start_remote_workflow("w", ["edges::runs"])
        assert second.result(SECONDS).result is None


HIDES_A_CLASS = """
from blazen_nb import Event, StartEvent, StopEvent, step
class Point:
    pass
@step
def makes(ctx, event: StartEvent) -> Event:
    return Event("Made", point=globals()["Po" "int"]())
@step(accepts=["Made"])
def waits(ctx, event) -> StopEvent:
    while True:
        ctx.check_cancelled()
"""


def test_a_run_that_cannot_be_read_again_fails_and_the_peer_serves(path: Path) -> None:
    with LocalPeer(journal=path) as peer:
        cut = peer.client.start_cell(parse_cell(HIDES_A_CLASS, label="cell [1]"))
        while not (
            isinstance(update := cut.next_update(SECONDS), StepStarted)
            and update.step_id.endswith("waits")
        ):
            assert update is not None
    with LocalPeer(journal=path) as peer:
        with pytest.raises(WorkflowError, match="Point is not defined"):
            peer.client.attach(cut.run_id).result(SECONDS)
        again = peer.client.start_remote_workflow("w", ["edges::runs"])
        assert again.result(SECONDS).result is None


class _Draining(SqliteJournal):
    """Its peer is told to end just as a run is written."""

    peer: LocalPeer

    def begin(self, run: JournaledRun) -> Future[bool]:
        begun = super().begin(run)
        begun.result(SECONDS)
        self.peer.server._parts.runs.drain(0)
        return begun


def test_a_run_that_was_refused_is_not_begun_by_the_next_peer(path: Path) -> None:
    ran.clear()
    journal = _Draining(path)
    with LocalPeer(journal=journal) as journal.peer:
        with pytest.raises(TransportError, match="shutting down"):
            journal.peer.client.start_remote_workflow("w", ["edges::runs"])
        assert journal.runs() == []
    with LocalPeer(journal=path) as peer:
        assert peer.client.runs() == []
    assert not ran.is_set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "runs.db"
