"""Durable runs on one peer after the other with the same journal, all in this process: what goes on, what cannot."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from blazen_nb import Context, Event, PeerServer, StartEvent, StopEvent, step
from blazen_nb.errors import JournalError, UnsupportedError, ValidationError, WorkflowError
from blazen_nb.journal.sqlite import SqliteJournal
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.testing import LocalPeer
from blazen_nb.updates import EventPublished, Output, Resumed, StepStarted
from blazen_nb.wire.limits import Limits
from tests.eventually import eventually

SECONDS = 10.0

ran: list[str] = []
gate = threading.Event()
at_gate = threading.Event()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing has run, and whoever waits in the end is let go."""
    ran.clear()
    gate.clear()
    at_gate.clear()
    yield
    gate.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "runs.db"


@step(id="dr::begin")
def begin(ctx: Context, event: StartEvent) -> Event:
    ran.append("begin")
    ctx.state.set("kept", [event.x, 2])
    ctx.write_event_to_stream(Event("Told", x=event.x))
    return Event("Middle", x=event.x)


@step(id="dr::wait", accepts=["Middle"])
def wait(ctx: Context, event: Event) -> StopEvent:
    ran.append(f"wait {ctx.attempt}")
    at_gate.set()
    while not gate.is_set():
        ctx.check_cancelled()
        gate.wait(0.01)
    return StopEvent(result=[event.x, *ctx.state.get("kept")])


def cut_off(path: Path, steps: list[str], x: object = 1) -> str:
    """The ID of a run whose peer ended while its last step was at the gate."""
    with LocalPeer(journal=path) as peer:
        handle = peer.client.start_remote_workflow("w", steps, {"x": x})
        assert handle.durable
        assert at_gate.wait(SECONDS)
    at_gate.clear()
    gate.set()
    return handle.run_id


def test_the_next_peer_goes_on_where_the_last_was_cut_off_and_tells_all_of_it(path: Path) -> None:
    run_id = cut_off(path, ["dr::begin", "dr::wait"])
    with LocalPeer(journal=path) as peer:
        handle = peer.client.attach(run_id)
        told = list(handle.updates())
        assert handle.result(SECONDS).result == [1, 1, 2]
    assert ran == ["begin", "wait 1", "wait 2"]
    assert [update.seq for update in told] == list(range(1, len(told) + 1))
    assert sum(isinstance(update, EventPublished) for update in told) == 1
    (resumed,) = [update for update in told if isinstance(update, Resumed)]
    assert resumed.changed_steps == ()
    again = [u for u in told if isinstance(u, StepStarted) and u.seq > resumed.seq]
    assert [(u.step_id, u.call, u.attempt) for u in again] == [("dr::wait", 1, 2)]


def test_an_ended_run_is_read_from_the_journal_by_later_peers(path: Path) -> None:
    gate.set()
    with LocalPeer(journal=path) as peer:
        handle = peer.client.start_remote_workflow("w", ["dr::begin", "dr::wait"], {"x": 5})
        assert handle.result(SECONDS).result == [5, 5, 2]
    with LocalPeer(journal=path) as peer:
        (listed,) = peer.client.runs()
        assert (listed.run_id, listed.state) == (handle.run_id, "succeeded")
        again = peer.client.attach(handle.run_id)
        assert [u.seq for u in again.updates()] == [u.seq for u in handle.updates()]
        assert again.result(SECONDS).result == [5, 5, 2]
    assert ran == ["begin", "wait 1"]


def test_resume_by_hand_begins_when_it_is_told_to(path: Path) -> None:
    run_id = cut_off(path, ["dr::begin", "dr::wait"])
    with LocalPeer(journal=path, resume="manual") as peer:
        assert [run.state for run in peer.client.runs()] == ["queued"]
        assert ran == ["begin", "wait 1"]
        peer.server.resume_runs()
        assert peer.client.attach(run_id).result(SECONDS).result == [1, 1, 2]


DIVISOR = 2


def half(ctx, ev):  # type: ignore[no-untyped-def]
    import os
    import time

    ctx.write_event_to_stream(Event("Waiting"))
    while not os.path.exists(ev.go):
        time.sleep(0.01)
        ctx.check_cancelled()
    return StopEvent(result=ev.x / DIVISOR + ctx.attempt)


def test_registered_steps_come_back_with_their_code_and_what_it_needs(
    path: Path, tmp_path: Path
) -> None:
    fields = {"x": 8, "go": str(tmp_path / "go")}
    with LocalPeer(journal=path) as peer:
        (step_id,) = peer.client.register_steps([half])
        handle = peer.client.start_remote_workflow("w", [step_id], fields)
        assert next(handle.events()).event_type == "Waiting"
    (tmp_path / "go").touch()
    with LocalPeer(journal=path) as peer:
        assert peer.client.attach(handle.run_id).result(SECONDS).result == 6


@step(id="dr::lock")
def lock(ctx: Context, event: StartEvent) -> Event:
    return Event("Middle", x=threading.Lock())


@step(id="dr::keep_lock")
def keep_lock(ctx: Context, event: StartEvent) -> Event:
    ctx.state.set("kept", threading.Lock())
    return Event("Middle", x=1)


def test_an_event_with_a_live_object_fails_the_run_and_names_it(path: Path) -> None:
    run_id = cut_off(path, ["dr::lock", "dr::wait"])
    with (
        LocalPeer(journal=path) as peer,
        pytest.raises(WorkflowError, match=r"step dr::wait needs a .*lock of its Middle"),
    ):
        peer.client.attach(run_id).result(SECONDS)


def test_state_that_is_gone_fails_the_step_that_reads_it(path: Path) -> None:
    run_id = cut_off(path, ["dr::keep_lock", "dr::wait"])
    with (
        LocalPeer(journal=path) as peer,
        pytest.raises(WorkflowError, match=r"ctx.state was a .*lock, which ended"),
    ):
        peer.client.attach(run_id).result(SECONDS)


def test_a_step_that_is_gone_fails_the_run_before_any_step(path: Path) -> None:
    from blazen_nb.engine.registry import process_registry

    run_id = cut_off(path, ["dr::begin", "dr::wait"])
    gone = process_registry._steps.pop("dr::wait")
    try:
        with (
            LocalPeer(journal=path) as peer,
            pytest.raises(WorkflowError, match=r"dr::wait is missing"),
        ):
            peer.client.attach(run_id).result(SECONDS)
    finally:
        process_registry.register(gone)
    assert ran == ["begin", "wait 1"]


def test_a_step_of_the_peer_that_has_changed_is_noted_on_the_run(path: Path) -> None:
    from blazen_nb.engine.registry import process_registry

    run_id = cut_off(path, ["dr::begin", "dr::wait"])
    before = process_registry.get("dr::wait")
    assert before is not None

    @step(id="dr::wait", accepts=["Middle"])
    def other(event: Event) -> StopEvent:
        return StopEvent(result="new")

    try:
        with LocalPeer(journal=path) as peer:
            handle = peer.client.attach(run_id)
            (resumed,) = [u for u in handle.updates() if isinstance(u, Resumed)]
            assert resumed.changed_steps == ("dr::wait",)
            assert handle.result(SECONDS).result == "new"
    finally:
        process_registry.register(before)


def test_a_plain_cell_is_not_run_again(path: Path) -> None:
    text = "import time\nprint('here')\nwhile True:\n    time.sleep(0.01)"
    with LocalPeer(journal=path) as peer:
        handle = peer.client.start_cell(parse_cell(text, label="cell", first_line=1))
        assert any(isinstance(update, Output) for update in iter(handle.updates()))
    with LocalPeer(journal=path) as peer, pytest.raises(WorkflowError, match="peer restarted"):
        peer.client.attach(handle.run_id).result(SECONDS)


def test_durable_is_asked_for_refused_or_left_to_the_peer(path: Path) -> None:
    gate.set()
    steps = ["dr::begin", "dr::wait"]
    with LocalPeer() as peer:
        assert not peer.client.start_remote_workflow("w", steps, {"x": 1}).durable
        with pytest.raises(UnsupportedError, match="no journal"):
            peer.client.start_remote_workflow("w", steps, {"x": 1}, durable=True)
    with LocalPeer(journal="memory") as peer:
        assert peer.client.start_remote_workflow("w", steps, {"x": 1}).durable
        assert not peer.client.start_remote_workflow("w", steps, {"x": 1}, durable=False).durable


def test_a_full_disk_ends_the_run_with_its_reason_and_the_peer_serves_on(path: Path) -> None:
    journal = SqliteJournal(path)
    steps = ["dr::begin", "dr::wait"]
    with LocalPeer(journal=journal) as peer:
        gate.set()
        done = peer.client.start_remote_workflow("w", steps, {"x": 1})
        assert done.result(SECONDS).result == [1, 1, 2]
        gate.clear()
        at_gate.clear()
        handle = peer.client.start_remote_workflow("w", steps, {"x": 2})
        assert at_gate.wait(SECONDS)
        pages = journal._writer._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._writer._connection.execute(f"PRAGMA max_page_count = {pages}")
        journal.keep_code("large", bytes(1 << 20))
        with pytest.raises(JournalError):
            journal.forget([b"nobody"]).result(SECONDS)
        gate.set()
        with pytest.raises(WorkflowError, match="cannot be journaled"):
            handle.result(SECONDS)
        with pytest.raises(JournalError, match="could not be written"):
            peer.client.start_remote_workflow("w", steps, {"x": 3})
        fleeting = peer.client.start_remote_workflow("w", steps, {"x": 4}, durable=False)
        assert fleeting.result(SECONDS).result == [4, 4, 2]
        assert peer.client.attach(done.run_id).result(SECONDS).result == [1, 1, 2]


def test_a_journal_that_another_peer_has_is_refused_and_let_go_with_it(path: Path) -> None:
    with (
        PeerServer("one", journal=path),
        pytest.raises(JournalError, match="open in this process"),
    ):
        PeerServer("two", journal=path)
    PeerServer("two", journal=path).close()
    with pytest.raises(ValidationError, match="resume"):
        PeerServer("three", resume="never")  # type: ignore[arg-type]


def test_the_journal_forgets_ended_runs_beyond_the_limits_and_keeps_unfinished_ones(
    path: Path,
) -> None:
    gate.set()
    ids = []
    with LocalPeer(journal=path) as peer:
        for x in range(3):
            handle = peer.client.start_remote_workflow("w", ["dr::begin", "dr::wait"], {"x": x})
            handle.result(SECONDS)
            ids.append(handle.run_id)
    gate.clear()
    at_gate.clear()
    unfinished = cut_off(path, ["dr::begin", "dr::wait"])
    gate.clear()
    limits = Limits(journal_runs=1, journal_seconds=None)
    with LocalPeer(journal=path, limits=limits, resume="manual") as peer:
        left = {unfinished, ids[-1]}
        eventually(lambda: {run.run_id for run in peer.client.runs()} == left)
