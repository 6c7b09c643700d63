"""A connection that is lost at a moment that matters: what waits goes on, or fails with a word that helps."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blazen_nb import PeerClient, StopEvent, step
from blazen_nb.client.sync_handle import RunHandle
from blazen_nb.client.transports.grpc_stream import GrpcStream
from blazen_nb.errors import (
    RunLostError,
    SessionRefError,
    TransportError,
    WorkflowCancelledError,
)
from blazen_nb.events import Event
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.address import parse
from blazen_nb.wire.limits import Limits
from tests.eventually import eventually
from tests.faults.road import Road, road

pytestmark = pytest.mark.faults

TOKEN = "the-token-of-the-test"
SECONDS = 5.0
go = threading.Event()
ran: Counter[str] = Counter()


class Waiting(Event):
    pass


@step(id="lost::waits", emits=[Waiting])
def waits(ctx: Any, ev: Any) -> StopEvent:
    ran[ev.name] += 1
    ctx.write_event_to_stream(Waiting())
    while not go.wait(0.01):
        ctx.check_cancelled()
    return StopEvent(result=ev.name)


@step(id="lost::keeps")
def keeps(ctx: Any, ev: Any) -> StopEvent:
    return StopEvent(result={"ref": threading.Lock()})


def test_a_word_on_a_stream_that_has_just_ended_says_that_the_connection_broke() -> None:
    with LocalPeer("near", token=TOKEN) as peer:

        async def write_late() -> None:
            stream = GrpcStream(parse(peer.address, use="connect"), TOKEN, "late", None)
            try:
                await stream.open()
                stream._stream.cancel()
                with pytest.raises(TransportError, match="is closed"):
                    await stream.write(b"")
            finally:
                await stream.close()

        peer.client._io.run(write_late())


def test_a_defect_on_the_way_back_is_said_by_what_waits_and_by_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with LocalPeer("near", token=TOKEN) as peer, road(peer.address) as way:
        with PeerClient.connect(way.address, token=TOKEN) as client:
            handle = client.start_remote_workflow("w", ["lost::waits"], {"name": "defect"})
            next(handle.events())

            def broken(*_: object, **__: object) -> None:
                raise ZeroDivisionError("a defect")

            monkeypatch.setattr(client._link._line._dialer, "dial", broken)
            way.cut()
            with pytest.raises(RunLostError, match=r"ended by a defect .*ZeroDivisionError"):
                handle.result(SECONDS)
        assert "ended by a defect" in caplog.text
        go.set()


@pytest.fixture(autouse=True)
def ready() -> Iterator[None]:
    go.clear()
    ran.clear()
    yield
    go.set()


@pytest.fixture
def peer() -> Iterator[LocalPeer]:
    with LocalPeer("gpu-box", token=TOKEN, limits=Limits(reconnect_seconds=20)) as peer:
        yield peer


@pytest.fixture
def way(peer: LocalPeer) -> Iterator[Road]:
    with road(peer.address) as way:
        yield way


@pytest.fixture
def client(way: Road) -> Iterator[PeerClient]:
    with PeerClient.connect(way.address, token=TOKEN) as client:
        yield client


def in_background(call: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """The call on a thread of its own, and a list that gets what it gives or raises."""
    said: list[Any] = []

    def run() -> None:
        try:
            said.append(call())
        except BaseException as error:
            said.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, said


def call(client: PeerClient, name: str) -> Callable[[], Any]:
    return lambda: client.run_remote_workflow("w", [waits.step_id], {"name": name}).result


def started(client: PeerClient, name: str) -> RunHandle:
    handle = client.start_remote_workflow("w", [waits.step_id], {"name": name})
    assert next(handle.events()).event_type == "Waiting"
    return handle


def test_runs_go_on_while_the_client_is_away(client: PeerClient, way: Road) -> None:
    handle = started(client, "a")
    thread, said = in_background(call(client, "b"))
    eventually(lambda: ran["b"])
    way.block()
    eventually(lambda: client.state == "reconnecting")
    assert (client.is_open, handle.broken_since is not None) == (True, True)
    assert "reconnecting" in repr(client)
    go.set()
    way.is_blocked = False
    assert handle.result(SECONDS).result == "a"
    thread.join(SECONDS)
    assert said == ["b"]
    assert (client.state, handle.broken_since is not None) == ("connected", False)
    assert ran == {"a": 1, "b": 1}


def test_a_request_made_while_the_client_is_away_is_answered_once_it_is_back(
    client: PeerClient, way: Road
) -> None:
    way.block()
    eventually(lambda: client.state == "reconnecting")
    go.set()
    thread, said = in_background(call(client, "a"))
    way.is_blocked = False
    thread.join(SECONDS)
    assert said == ["a"]


def test_a_start_whose_reply_is_lost_is_one_run(client: PeerClient, peer: LocalPeer) -> None:
    with road(peer.address) as way, PeerClient.connect(way.address, token=TOKEN) as client:
        client.ping()
        # What the client says passes, and nothing of what the peer says.
        way.is_deaf.set()
        thread, said = in_background(lambda: started(client, "a"))
        eventually(lambda: ran["a"])
        assert said == []
        way.is_deaf.clear()
        way.cut()
        thread.join(SECONDS)
        go.set()
        assert said[0].result(SECONDS).result == "a"
        assert ran == {"a": 1}
        assert [run.run_id for run in client.runs()] == [said[0].run_id]


@pytest.mark.parametrize("is_cut_before", [True, False])
def test_a_result_whose_delivery_is_cut_arrives_once(peer: LocalPeer, is_cut_before: bool) -> None:
    with road(peer.address) as way, PeerClient.connect(way.address, token=TOKEN) as client:
        handle = started(client, "a")
        if not is_cut_before:
            way.is_deaf.set()  # the result is on its way, and does not come
        else:
            way.block()
        go.set()
        eventually(lambda: [run.state for run in peer.client.runs()] == ["succeeded"])
        assert handle.outcome is None
        way.is_deaf.clear()
        way.is_blocked = False
        way.cut()
        updates = list(handle.updates())
        assert [update.seq for update in updates] == sorted({update.seq for update in updates})
        assert handle.result(SECONDS).result == "a"


def test_a_start_that_comes_twice_from_two_sessions_is_one_run(peer: LocalPeer) -> None:
    from blazen_nb.client.feed import RunFeed
    from blazen_nb.client.requests import encoded_input, start_request

    go.set()
    with peer.connect() as first, peer.connect() as second:
        value = encoded_input({"name": "a"}, first._link)
        request = start_request("w", [waits.step_id], value, None, updates=True)
        feeds = [RunFeed(c._link, request.run_id, "w", trusted=True) for c in (first, second)]
        for client, feed in zip((first, second), feeds, strict=True):
            client._follow(feed, start_run=request)
            assert feed.wait(lambda feed=feed: feed.has_ended, SECONDS)  # type: ignore[misc]
    assert [feed.outcome_or_raise().result for feed in feeds] == ["a", "a"]
    assert ran == {"a": 1}


def test_a_way_that_is_gone_for_good_is_an_error_that_says_what_to_do(
    peer: LocalPeer, way: Road
) -> None:
    with PeerClient.connect(way.address, token=TOKEN, reconnect=0.5) as client:
        handle = started(client, "a")
        thread, said = in_background(call(client, "b"))
        eventually(lambda: ran["b"])
        began = time.monotonic()
        way.block()
        with pytest.raises(RunLostError, match=r"could not be made again within 0.5 s.*attach\(\)"):
            handle.result(SECONDS)
        assert time.monotonic() - began < 3
        thread.join(SECONDS)
        assert [type(error) for error in said] == [RunLostError]
        assert client.state == "closed"
        with pytest.raises(TransportError, match="connect again"):
            client.ping()
    go.set()
    assert peer.client.attach(handle.run_id).result(SECONDS).result == "a"


def test_blocking_calls_end_when_their_client_stays_away() -> None:
    with (
        LocalPeer("gpu-box", token=TOKEN, limits=Limits(reconnect_seconds=0.2)) as peer,
        road(peer.address) as way,
        PeerClient.connect(way.address, token=TOKEN) as client,
    ):
        thread, said = in_background(call(client, "b"))
        handle = started(client, "a")
        eventually(lambda: ran["b"])
        way.block()
        eventually(lambda: len(peer.client.describe().runs) == 1)  # the started one
        way.is_blocked = False
        thread.join(SECONDS)
        assert [type(error) for error in said] == [WorkflowCancelledError]
        go.set()
        assert handle.result(SECONDS).result == "a"


def test_a_client_that_closes_ends_its_blocking_calls_at_once(peer: LocalPeer) -> None:
    client = peer.connect()
    thread, said = in_background(call(client, "b"))
    eventually(lambda: ran["b"])
    client.close()
    eventually(lambda: peer.client.describe().runs == (), 2)
    thread.join(SECONDS)
    assert [type(error) for error in said] == [TransportError]


def test_an_idle_connection_that_was_dropped_is_there_again_for_the_next_run(
    peer: LocalPeer,
) -> None:
    go.set()
    with (
        road(peer.address, idle_seconds=0.2) as way,
        PeerClient.connect(way.address, token=TOKEN) as client,
    ):
        eventually(lambda: way.connections > 2)
        assert call(client, "a")() == "a"


def test_a_session_whose_lease_is_over_is_a_new_one_and_its_refs_are_gone() -> None:
    limits = Limits(session_lease_seconds=0.3)
    with (
        LocalPeer("gpu-box", token=TOKEN, limits=limits) as peer,
        road(peer.address) as way,
        PeerClient.connect(way.address, token=TOKEN) as client,
    ):
        ref = client.run_remote_workflow("w", [keeps.step_id]).result["ref"]
        handle = started(client, "a")
        thread, said = in_background(call(client, "b"))
        eventually(lambda: ran["b"])
        assert len(peer.server._parts.refs) == 1
        way.block()
        eventually(lambda: len(peer.server._parts.refs) == 0)
        go.set()
        way.is_blocked = False
        # What can be read is read on, and what cannot is not run again.
        assert handle.result(SECONDS).result == "a"
        thread.join(SECONDS)
        assert [type(error) for error in said] == [RunLostError]
        assert "has ended this session" in str(said[0])
        with pytest.raises(SessionRefError):
            ref.fetch()
        assert ran == {"a": 1, "b": 1}


def test_after_a_restart_runs_are_lost_and_what_was_not_sent_yet_is_done(way: Road) -> None:
    with LocalPeer("gpu-box", token=TOKEN) as before, LocalPeer("gpu-box", token=TOKEN) as after:
        way.lead_to(before.address)
        with PeerClient.connect(way.address, token=TOKEN) as client:
            ref = client.run_remote_workflow("w", [keeps.step_id]).result["ref"]
            handle = started(client, "a")
            thread, said = in_background(call(client, "b"))
            eventually(lambda: ran["b"])
            way.block()
            eventually(lambda: client.state == "reconnecting")
            later, told = in_background(call(client, "c"))
            way.lead_to(after.address)
            way.is_blocked = False
            with pytest.raises(RunLostError, match="peer gpu-box was restarted"):
                handle.result(SECONDS)
            thread.join(SECONDS)
            assert [type(error) for error in said] == [RunLostError]
            assert "was restarted" in str(said[0])
            go.set()
            later.join(SECONDS)
            assert told == ["c"]
            assert ran == {"a": 1, "b": 1, "c": 1}
            assert call(client, "d")() == "d"
            with pytest.raises(SessionRefError, match="restarted"):
                ref.fetch()
            with pytest.raises(SessionRefError, match="restarted"):
                client.run_remote_workflow("w", [waits.step_id], {"name": ref})
