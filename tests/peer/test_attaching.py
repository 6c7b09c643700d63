"""Runs that others read later: attached to, listed, detached from, remembered for a while, with their whole log."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import AsyncPeerClient, Event, PeerClient, StopEvent, step
from blazen_nb.engine.context import Context
from blazen_nb.errors import (
    AuthError,
    SessionRefError,
    ValidationError,
    WorkflowCancelledError,
    WorkflowError,
)
from blazen_nb.events import StartEvent
from blazen_nb.testing import LocalPeer
from blazen_nb.updates import Ended, EventPublished, Output, OutputCut, Update
from blazen_nb.wire.limits import Limits
from tests.eventually import eventually
from tests.peer.conftest import SECONDS, StartCell
from tests.peer.test_updates import assert_gapless

_gates: dict[str, threading.Event] = {}


@step(id="attaching::tells")
def tells(ctx: Context, ev: StartEvent) -> StopEvent:
    for i in range(ev.n):
        print("line", i)
        ctx.write_event_to_stream(Event("Told", i=i))
    gate = _gates.get(ev.to_dict().get("gate", ""))
    if gate is not None:
        gate.wait(SECONDS)
    print("last words")
    return StopEvent(result={"told": ev.n})


@step(id="attaching::fails")
def fails(ctx: Context, ev: StartEvent) -> StopEvent:
    raise ValueError("on purpose")


@step(id="attaching::asks")
def asks(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ctx.ask("go on?"))


class Big:
    """Something that stays on the peer."""


_made: list[weakref.ref[Big]] = []


@step(id="attaching::makes")
def makes(ctx: Context, ev: StartEvent) -> StopEvent:
    gate = _gates.get(ev.to_dict().get("gate", ""))
    if gate is not None:
        gate.wait(SECONDS)
    big = Big()
    _made.append(weakref.ref(big))
    return StopEvent(result=ctx.put(big))


@step(id="attaching::floods")
def floods(ctx: Context, ev: StartEvent) -> StopEvent:
    for i in range(ev.lines):
        print(f"line {i:09d} of a flood that nobody can read as fast as it comes")
    return StopEvent()


def text_of(updates: list[Update]) -> str:
    return "".join(update.text for update in updates if isinstance(update, Output))


def start_and_leave(client: PeerClient, step_id: str, name: str = "w") -> str:
    """The ID of a run that goes on without anybody who reads it."""
    gate = _gates["left"] = threading.Event()
    handle = client.start_remote_workflow(name, [step_id], {"n": 0, "gate": "left"})
    handle.detach()
    client.ping()  # the peer knows now
    gate.set()
    return handle.run_id


def alive() -> bool:
    gc.collect()
    return _made[-1]() is not None


def test_another_client_reads_an_ended_run_from_its_first_update_to_its_result(
    peer: LocalPeer, client: PeerClient, other: PeerClient
) -> None:
    handle = client.start_remote_workflow("tale", ["attaching::tells"], {"n": 300})
    first = list(handle.updates())
    attached = other.attach(handle.run_id)
    again = list(attached.updates())
    assert_gapless(again)
    assert text_of(again) == text_of(first)
    assert [u.event.i for u in again if isinstance(u, EventPublished)] == list(range(300))
    assert attached.result(SECONDS).result == {"told": 300}
    assert attached.result().workflow_name == "tale"


def test_a_run_that_goes_on_is_read_from_the_start_and_then_live(
    client: PeerClient, other: PeerClient, released: threading.Event
) -> None:
    _gates["live"] = released
    handle = client.start_remote_workflow("w", ["attaching::tells"], {"n": 3, "gate": "live"})
    attached = other.attach(handle.run_id[:8])
    seen: list[Update] = []
    while "line 2\n" not in text_of(seen):
        update = attached.next_update(SECONDS)
        assert update is not None
        seen.append(update)
    assert attached.outcome is None
    released.set()
    seen += attached.updates()
    assert_gapless(seen)
    assert text_of(seen).endswith("last words\n")
    assert handle.result(SECONDS).result == attached.result(SECONDS).result == {"told": 3}


def test_the_run_of_a_client_that_is_gone_is_there_for_the_next_one(
    peer: LocalPeer, client: PeerClient, released: threading.Event
) -> None:
    _gates["gone"] = released
    with peer.connect() as first:
        run_id = first.start_remote_workflow(
            "w", ["attaching::tells"], {"n": 2, "gate": "gone"}
        ).run_id
    eventually(lambda: client.describe().sessions == 1)
    released.set()
    (run,) = client.runs()
    assert (run.run_id, run.workflow_name) == (run_id, "w")
    assert client.attach(run_id).result(SECONDS).result == {"told": 2}
    assert eventually(lambda: client.runs()[0].state) == "succeeded"


def test_a_failure_is_the_same_for_whoever_attaches(client: PeerClient, other: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["attaching::fails"])
    for reader in (handle, other.attach(handle.run_id)):
        with pytest.raises(WorkflowError, match="on purpose") as caught:
            reader.result(SECONDS)
        assert isinstance(caught.value.__cause__, ValueError)


def test_a_detached_handle_reads_no_more_and_the_run_goes_on(
    client: PeerClient, released: threading.Event
) -> None:
    _gates["detached"] = released
    handle = client.start_remote_workflow("w", ["attaching::tells"], {"n": 1, "gate": "detached"})
    handle.detach()
    assert handle.outcome is None
    assert not any(isinstance(update, Ended) for update in handle.updates())
    with pytest.raises(ValidationError, match="detached"):
        handle.result(SECONDS)
    assert client.runs()[0].state == "running"
    released.set()
    assert client.attach(handle.run_id).result(SECONDS).result == {"told": 1}


def test_runs_are_listed_newest_first_with_how_they_ended(client: PeerClient) -> None:
    for name, what in (("one", "attaching::tells"), ("two", "attaching::fails")):
        handle = client.start_remote_workflow(name, [what], {"n": 0})
        list(handle.updates())
    client.run_remote_workflow("blocking calls are nobody else's", ["attaching::tells"], {"n": 0})
    runs = client.runs()
    assert [(run.workflow_name, run.state) for run in runs] == [
        ("two", "failed"),
        ("one", "succeeded"),
    ]
    assert all(abs(run.started_at - time.time()) < 60 and run.duration < 60 for run in runs)


def test_runs_are_listed_by_what_they_do_right_now(
    client: PeerClient, other: PeerClient, released: threading.Event
) -> None:
    _gates["listed"] = released
    asks = client.start_remote_workflow("asks", ["attaching::asks"])
    next(asks.events())
    held = client.start_remote_workflow("held", ["attaching::tells"], {"n": 0, "gate": "listed"})
    goes = client.start_remote_workflow("goes", ["attaching::tells"], {"n": 0, "gate": "listed"})
    held.pause()
    names = {
        state: [run.workflow_name for run in other.runs(state=state)]
        for state in ("running", "waiting", "paused", "succeeded")
    }
    assert names == {"running": ["goes"], "waiting": ["asks"], "paused": ["held"], "succeeded": []}
    assert [run.workflow_name for run in other.runs(state=["waiting", "paused"])] == [
        "held",
        "asks",
    ]
    held.resume()
    asks.answer(None)
    released.set()
    for handle in (asks, held, goes):
        handle.result(SECONDS)
    assert other.runs(state="running") == []
    assert [run.run_id for run in other.runs(workflow="goes")] == [goes.run_id]
    assert other.runs(since=timedelta(minutes=-1)) == []
    assert len(other.runs(since=timedelta(minutes=1), state="succeeded")) == 3


async def test_async_clients_list_by_state_too(peer: LocalPeer) -> None:
    async with await AsyncPeerClient.connect(peer.address) as client:
        handle = await client.start_remote_workflow("w", ["attaching::tells"], {"n": 0})
        await handle.result(SECONDS)
        assert [run.run_id for run in await client.runs(state="succeeded")] == [handle.run_id]
        assert await client.runs(state="failed") == []
        with pytest.raises(ValidationError, match="never 'dead'"):
            await client.runs(state="dead")  # type: ignore[arg-type]


def test_a_run_can_be_read_from_any_update_on(client: PeerClient, other: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["attaching::tells"], {"n": 30})
    everything = list(handle.updates())
    for after in range(len(everything) + 1):
        attached = other.attach(handle.run_id, after_seq=after)
        assert [update.seq for update in attached.updates()] == list(
            range(after + 1, len(everything) + 1)
        )
    events = [u for u in everything if isinstance(u, EventPublished)]
    attached = other.attach(handle.run_id, after_seq=events[9].seq)
    assert [event.i for event in attached.events()] == list(range(10, 30))
    assert attached.result(SECONDS).result == {"told": 30}


@pytest.mark.parametrize("after", [-1, 1.5, None])
def test_a_number_that_no_update_has_is_refused(client: PeerClient, after: Any) -> None:
    handle = client.start_remote_workflow("w", ["attaching::tells"], {"n": 0})
    with pytest.raises(ValidationError, match="numbered from 1"):
        client.attach(handle.run_id, after_seq=after)


def test_one_who_only_looks_leaves_the_result_to_the_next(
    peer: LocalPeer, client: PeerClient
) -> None:
    with peer.connect() as first:
        run_id = start_and_leave(first, "attaching::makes")
    with peer.connect() as onlooker:
        seen = onlooker.attach(run_id, look_only=True).result(SECONDS).result
        assert seen.type_name.endswith("Big")
        del seen
        gc.collect()
        onlooker.ping()
    eventually(lambda: client.describe().sessions == 1)
    assert alive()
    taken = client.attach(run_id).result(SECONDS).result
    taken.release()
    eventually(lambda: not alive())


def test_a_run_is_cancelled_by_how_its_id_starts(
    client: PeerClient, other: PeerClient, released: threading.Event
) -> None:
    _gates["cancelled"] = released
    handle = client.start_remote_workflow("w", ["attaching::tells"], {"n": 0, "gate": "cancelled"})
    assert other.cancel_run(handle.run_id[:8])
    with pytest.raises(WorkflowCancelledError):
        handle.result(SECONDS)
    with pytest.raises(ValidationError, match="no run starts with 'x'"):
        other.cancel_run("x")


@pytest.mark.parametrize("run_id", ["", "feed", "00000000-0000-0000-0000-000000000000", None])
def test_attaching_to_what_is_no_run_says_where_to_look(client: PeerClient, run_id: Any) -> None:
    with pytest.raises(ValidationError, match=r"runs\(\)|dashed UUID"):
        client.attach(run_id)


def test_an_identity_sees_its_own_runs_only(peer: LocalPeer) -> None:
    with LocalPeer(token="a" * 20) as guarded:
        with pytest.raises(AuthError):
            PeerClient.connect(guarded.address, token="b" * 20)
        handle = guarded.client.start_remote_workflow("w", ["attaching::tells"], {"n": 0})
        runs = guarded.server._parts.runs
        assert runs.records("somebody else") == []
        with pytest.raises(ValidationError, match="knows no run"):
            runs.record(handle._feed.raw_id, "somebody else")


async def test_async_clients_attach_too(peer: LocalPeer) -> None:
    async with await AsyncPeerClient.connect(peer.address) as client:
        handle = await client.start_remote_workflow("w", ["attaching::tells"], {"n": 2})
        assert (await handle.result(SECONDS)).result == {"told": 2}
        attached = await client.attach(handle.run_id)
        updates = [update async for update in attached.updates()]
        assert_gapless(updates)
        assert (await attached.result()).result == {"told": 2}
        assert [run.run_id for run in await client.runs()] == [handle.run_id]


def test_what_a_run_put_away_stays_until_somebody_has_its_result_and_lets_go(
    peer: LocalPeer, client: PeerClient
) -> None:
    with peer.connect() as first:
        run_id = start_and_leave(first, "attaching::makes")
        eventually(lambda: client.runs()[0].state == "succeeded")
    eventually(lambda: client.describe().sessions == 1)
    assert alive()
    with peer.connect() as second:
        ref = second.attach(run_id).result(SECONDS).result
        assert ref.type_name.endswith("Big")
        assert [known.uuid for known in second.refs()] == [ref.uuid]
        assert alive()
    eventually(lambda: client.describe().sessions == 1)
    eventually(lambda: not alive())
    with pytest.raises(SessionRefError):
        client.deref_session_ref(ref.uuid)


def test_refs_of_a_result_that_was_taken_go_with_the_session_that_took_it(
    peer: LocalPeer, client: PeerClient
) -> None:
    with peer.connect() as first:
        result = first.start_remote_workflow("w", ["attaching::makes"]).result(SECONDS)
        assert alive()
        first.ping()  # the peer knows by now that the result is here
    eventually(lambda: not alive())
    del result


def test_ended_runs_beyond_the_limit_are_forgotten_those_first_whose_result_is_known() -> None:
    with LocalPeer(limits=Limits(ended_runs=2)) as peer:
        client = peer.client
        unread = start_and_leave(client, "attaching::tells", "unread")
        eventually(lambda: client.runs()[0].state == "succeeded")
        for name in ("one", "two", "three"):
            client.start_remote_workflow(name, ["attaching::tells"], {"n": 0}).result(SECONDS)
        client.ping()
        eventually(lambda: [run.workflow_name for run in client.runs()] == ["three", "unread"])
        assert client.attach(unread).result(SECONDS).result == {"told": 0}


def test_ended_runs_are_forgotten_with_time_and_with_what_they_put_away() -> None:
    with LocalPeer(limits=Limits(ended_seconds=0.2)) as peer:
        start_and_leave(peer.client, "attaching::makes")
        eventually(lambda: not peer.client.runs())
        eventually(lambda: not alive())


def test_a_cell_can_be_attached_to_with_the_variables_that_were_wanted(
    start_cell: StartCell, other: PeerClient
) -> None:
    handle = start_cell("found = [1, 2]\nprint('here')\nlen(found)", outputs=["found"])
    handle.result(SECONDS)
    result = other.attach(handle.run_id).result(SECONDS)
    assert (result.result, result.outputs) == (2, {"found": [1, 2]})


def test_a_flood_arrives_as_head_and_tail_and_the_log_has_all_of_it(tmp_path: Path) -> None:
    lines = 40_000
    with LocalPeer(limits=Limits(output_burst=100_000, output_rate=1_000)) as peer:
        handle = peer.client.start_remote_workflow("w", ["attaching::floods"], {"lines": lines})
        updates = list(handle.updates())
        assert_gapless(updates)
        size = handle.save_log(tmp_path / "log.txt")
    told = text_of(updates)
    cut = [update for update in updates if isinstance(update, OutputCut)]
    everything = "".join(
        f"line {i:09d} of a flood that nobody can read as fast as it comes\n" for i in range(lines)
    )
    assert len(told) < 200_000
    assert told[:50_000] == everything[:50_000]
    assert told[-10_000:] == everything[-10_000:]
    assert len(told) + sum(update.characters for update in cut) == len(everything)
    assert sum(update.lines for update in cut) + told.count("\n") == lines
    assert (tmp_path / "log.txt").read_text() == everything
    assert size == len(everything)


def test_emptying_a_namespace_forgets_variables_and_steps(
    client: PeerClient, run_cell: Any
) -> None:
    run_cell("kept = 1\ndef double(x):\n    return 2 * x")
    assert client.find_names(["kept", "double", "print"]).missing == set()
    client.reset_namespace()
    assert client.find_names(["kept", "double", "print"]).missing == {"kept", "double"}
    assert run_cell("sorted(name for name in globals() if not name.startswith('_'))").result == [
        "display"
    ]


def test_a_namespace_in_use_is_not_emptied(
    client: PeerClient, start_cell: StartCell, released: threading.Event
) -> None:
    handle = start_cell("import asyncio\nawait asyncio.sleep(30)")
    with pytest.raises(ValidationError, match="use this namespace"):
        client.reset_namespace()
    handle.cancel()
