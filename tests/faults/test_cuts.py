"""Connections that break at any moment: everything is told once and in order, and every result is right."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from blazen_nb import (
    AsyncPeerClient,
    Context,
    Event,
    PeerClient,
    PeerServer,
    StartEvent,
    StopEvent,
    step,
)
from blazen_nb.errors import AuthError, RunLostError, TransportError
from blazen_nb.updates import EventPublished, Update
from blazen_nb.wire.limits import Limits
from tests.eventually import eventually
from tests.faults.proxy import Proxy, before, connected, token_of
from tests.faults.scale import scale

pytestmark = pytest.mark.faults

SECONDS = 20.0
UPDATES = 200


@step(id="faults::tell")
def tell(ctx: Context, event: StartEvent) -> StopEvent:
    for number in range(event.times):
        ctx.write_event_to_stream(Event("Told", number=number))
        if number % 8 == 0:
            print(
                "line", number
            )  # of another kind: what was told before goes as a message of its own
        time.sleep(event.pause)
    return StopEvent(result=event.x * 2)


@step(id="faults::double")
def double(event: StartEvent) -> StopEvent:
    return StopEvent(result=event.x * 2)


@step(id="faults::waits")
def waits(ctx: Context, event: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Waiting"))
    go.wait(SECONDS)
    return StopEvent(result="went on")


go = threading.Event()


@pytest.fixture
def server() -> Iterator[PeerServer]:
    """A peer that is quick to give a lost client up."""
    go.clear()
    with PeerServer("faulty", hand_over=False, limits=Limits(reconnect_seconds=2.0)) as peer:
        peer.start("127.0.0.1:0")
        yield peer
        go.set()


@pytest.fixture
def proxy(server: PeerServer) -> Iterator[Proxy]:
    """The only way to it."""
    with before(server) as way:
        yield way


def require_whole(told: list[Update]) -> None:
    """Nothing is missing, nothing was told twice, and all of it is in order."""
    assert [update.seq for update in told] == list(range(1, len(told) + 1))
    numbers = [u.event.number for u in told if isinstance(u, EventPublished)]
    assert numbers == list(range(UPDATES))


def test_every_update_comes_once_and_in_order_however_often_the_connection_breaks(
    server: PeerServer, proxy: Proxy
) -> None:
    wanted = scale(40, 1000)
    seed = random.randrange(1 << 30)
    draw = random.Random(seed)
    over = threading.Event()
    cuts = 0

    def came_back(known: int) -> bool:
        return proxy.connections > known or over.is_set()

    def cut_now_and_then() -> None:
        nonlocal cuts
        while not over.wait(draw.uniform(0.0, 0.06)):
            known = proxy.connections
            proxy.cut()
            cuts += 1
            # As fast as the client can come back, and now and then while it does.
            if draw.random() < 0.8:
                eventually(partial(came_back, known), 10)

    cutter = threading.Thread(target=cut_now_and_then)
    runs = 0
    with connected(server, proxy) as client:
        cutter.start()
        try:
            while cuts < wanted:
                runs += 1
                fields = {"times": UPDATES, "pause": 0.001, "x": runs}
                handle = client.start_remote_workflow("tell", [tell.step_id], fields)
                told = list(handle.updates())
                require_whole(told)
                assert handle.result(SECONDS).result == runs * 2, f"seed {seed}"
                assert (
                    client.run_remote_workflow("w", [double.step_id], {"x": runs}).result
                    == runs * 2
                )
        finally:
            over.set()
            cutter.join()
    assert len(server.describe().runs) == 0
    if wanted >= 1000:
        print(f"{cuts} cuts, {proxy.connections} connections, {runs} runs, seed {seed}")


async def test_an_async_client_comes_back_too(server: PeerServer, proxy: Proxy) -> None:
    async with await AsyncPeerClient.connect(proxy.address, token=token_of(server)) as client:

        async def one(number: int) -> None:
            fields = {"times": UPDATES, "pause": 0.001, "x": number}
            handle = await client.start_remote_workflow("tell", [tell.step_id], fields)
            require_whole([update async for update in handle.updates()])
            assert (await handle.result()).result == number * 2

        async def cut() -> None:
            for _ in range(scale(10, 100)):
                await asyncio.sleep(random.uniform(0.0, 0.05))
                proxy.cut()

        await asyncio.gather(cut(), *[one(number) for number in range(8)])


def test_calls_in_flight_are_answered_and_none_runs_twice(server: PeerServer, proxy: Proxy) -> None:
    ran: list[int] = []

    @step(id="faults::count")
    def count(event: StartEvent) -> StopEvent:
        ran.append(event.x)
        time.sleep(0.001)
        return StopEvent(result=event.x)

    calls = scale(400, 4000)
    with connected(server, proxy) as client, ThreadPoolExecutor(8) as pool:

        def call(x: int) -> int:
            if x % 20 == 0:
                proxy.cut()
            return int(client.run_remote_workflow("w", [count.step_id], {"x": x}).result)

        assert list(pool.map(call, range(calls))) == list(range(calls))
    assert sorted(ran) == list(range(calls))
    assert proxy.connections > 10


def test_a_run_goes_on_while_its_client_is_away(server: PeerServer, proxy: Proxy) -> None:
    with connected(server, proxy) as client:
        handle = client.start_remote_workflow("w", [waits.step_id])
        assert next(handle.events()).event_type == "Waiting"
        proxy.refuse()
        eventually(lambda: server.describe().sessions == ())
        go.set()
        eventually(lambda: server.describe().runs == ())
        assert repr(client) == "PeerClient(faulty, reconnecting)"
        proxy.listen()
        assert handle.result(SECONDS).result == "went on"
        eventually(lambda: repr(client) == "PeerClient(faulty, connected)")


def test_a_call_waits_for_its_client_only_for_a_while(server: PeerServer, proxy: Proxy) -> None:
    with connected(server, proxy) as client, ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.run_remote_workflow, "w", [waits.step_id])
        eventually(lambda: len(server.describe().runs) == 1)
        proxy.refuse()
        # After two seconds, the limit of this peer; its client learns that when it is back.
        eventually(lambda: server.describe().runs == (), 10)
        proxy.listen()
        with pytest.raises(Exception, match="the client is gone"):
            call.result(SECONDS)


def test_a_client_that_cannot_come_back_says_so_and_its_run_can_be_attached_to(
    server: PeerServer, proxy: Proxy
) -> None:
    with connected(server, proxy, reconnect=0.2) as client:
        handle = client.start_remote_workflow("w", [waits.step_id])
        assert next(handle.events()).event_type == "Waiting"
        proxy.refuse()
        with pytest.raises(RunLostError, match=handle.run_id):
            handle.result(SECONDS)
        with pytest.raises(TransportError):
            client.ping()
    assert server.address is not None
    go.set()
    with PeerClient.connect(server.address) as other:
        assert other.attach(handle.run_id).result(SECONDS).result == "went on"


def test_a_session_cannot_be_taken_over_without_its_secret(
    server: PeerServer, proxy: Proxy
) -> None:
    with connected(server, proxy) as client, connected(server, proxy) as thief:
        ref = client.put([1, 2, 3])
        thief._link._line._dialer.session_id = client._link.session_id
        proxy.cut()
        eventually(lambda: thief.state == "closed")
        with pytest.raises(AuthError, match="another client's"):
            thief.ping()
        thief.close()
        assert ref.fetch() == [1, 2, 3]
        assert len(server.describe().sessions) == 1


def test_values_that_a_session_keeps_outlive_its_connection(
    server: PeerServer, proxy: Proxy
) -> None:
    with connected(server, proxy) as client:
        ref = client.put({"weights": [1, 2, 3]})
        proxy.cut()
        eventually(lambda: proxy.connections > 1 and client.state == "connected")
        assert ref.fetch() == {"weights": [1, 2, 3]}


def test_what_a_lost_client_has_left_behind_goes_with_its_lease() -> None:
    limits = Limits(reconnect_seconds=0.0, session_lease_seconds=0.5)
    with PeerServer("short", hand_over=False, limits=limits) as server:
        server.start("127.0.0.1:0")
        with before(server) as proxy, connected(server, proxy, reconnect=0) as client:
            client.put([1, 2, 3])
            assert len(server._parts.refs) == 1
            proxy.cut()
            eventually(lambda: client.state == "closed")
            eventually(lambda: len(server._parts.refs) == 0)


def test_a_peer_that_was_restarted_says_that_the_run_is_lost_and_serves_on(
    server: PeerServer, proxy: Proxy
) -> None:
    with connected(server, proxy) as client, PeerServer("faulty", token=token_of(server)) as other:
        handle = client.start_remote_workflow("w", [waits.step_id])
        assert next(handle.events()).event_type == "Waiting"
        proxy.target = int(other.start("127.0.0.1:0").rpartition(":")[2])
        proxy.cut()
        with pytest.raises(RunLostError, match="knows no run"):
            handle.result(SECONDS)
        assert client.run_remote_workflow("w", [double.step_id], {"x": 3}).result == 6


def test_a_call_that_a_restart_cuts_off_fails_and_is_not_made_again(
    server: PeerServer, proxy: Proxy
) -> None:
    with (
        connected(server, proxy) as client,
        PeerServer("faulty", token=token_of(server)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        call = pool.submit(client.run_remote_workflow, "w", [waits.step_id])
        eventually(lambda: len(server.describe().runs) == 1)
        proxy.target = int(other.start("127.0.0.1:0").rpartition(":")[2])
        proxy.cut()
        with pytest.raises(RunLostError, match="was restarted before it answered"):
            call.result(SECONDS)
        assert other.describe().runs == ()
