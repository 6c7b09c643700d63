"""Connections that are cut at random moments: every update comes once and in order, every result is right."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from blazen_nb import AsyncPeerClient, PeerClient, StopEvent, step
from blazen_nb.events import Event
from blazen_nb.testing import LocalPeer
from blazen_nb.updates import Ended, EventPublished
from tests.faults.road import Road, road
from tests.faults.scale import scale

pytestmark = pytest.mark.faults

TOKEN = "the-token-of-the-test"
CUTS = scale(40, 1000)
UPDATES = 200
WAYS = scale(2, 6)
ran: Counter[int] = Counter()


class Counted(Event):
    number: int


@step(id="cuts::counts", emits=[Counted])
async def counts(ctx: Any, ev: Any) -> StopEvent:
    ran[ev.run] += 1
    # With the step's begin and end, the run's begin, graph and end.
    for number in range(UPDATES - 5):
        ctx.write_event_to_stream(Counted(number=number))
        if number % 4 == 0:
            await asyncio.sleep(0.001)
    return StopEvent(result={"run": ev.run, "squares": [ev.run * n for n in range(100)]})


@pytest.fixture
def peer() -> Iterator[LocalPeer]:
    with LocalPeer("gpu-box", token=TOKEN) as peer:
        yield peer


def expected(run: int) -> dict[str, Any]:
    return {"run": run, "squares": [run * n for n in range(100)]}


def check(run: int, updates: list[Any], result: Any) -> None:
    assert [update.seq for update in updates] == list(range(1, UPDATES + 1))
    events = [update.event.number for update in updates if isinstance(update, EventPublished)]
    assert events == list(range(UPDATES - 5))
    assert isinstance(updates[-1], Ended)
    assert result == expected(run)
    assert ran[run] == 1


def work_until_cut(way: Road, runs: Iterator[int], cuts: int) -> int:
    """How many runs of a sync client have gone through so many cuts."""
    done = 0
    with PeerClient.connect(way.address, token=TOKEN) as client:
        while way.cuts < cuts:
            run = next(runs)
            handle = client.start_remote_workflow("w", [counts.step_id], {"run": run})
            check(run, list(handle.updates()), handle.result(20).result)
            run = next(runs)
            called = client.run_remote_workflow("w", [counts.step_id], {"run": run})
            assert called.result == expected(run)
            assert ran[run] == 1
            done += 2
    return done


async def work_async(way: Road, runs: Iterator[int], cuts: int) -> int:
    """As ``work_until_cut``, of an async client, several at once."""

    async def one(client: AsyncPeerClient) -> None:
        run = next(runs)
        handle = await client.start_remote_workflow("w", [counts.step_id], {"run": run})
        updates = [update async for update in handle.updates()]
        check(run, updates, (await handle.result(20)).result)

    done = 0
    async with await AsyncPeerClient.connect(way.address, token=TOKEN) as client:
        while way.cuts < cuts:
            await asyncio.gather(*(one(client) for _ in range(3)))
            done += 3
    return done


def cuts_of(seed: int) -> Any:
    """Where the cuts are: often among a few frames, now and then only after many."""
    draw = random.Random(seed)
    sizes = (draw.randrange(1, draw.choice((1_500, 6_000, 40_000))) for _ in itertools.count())
    # The first connection is made undisturbed: a client that never was there does not come back.
    return itertools.chain((5_000,), sizes).__next__


@pytest.mark.timeout(scale(30, 240))
def test_a_thousand_cuts_lose_nothing_and_repeat_nothing(peer: LocalPeer) -> None:
    runs = itertools.count(1)
    lock = threading.Lock()

    def numbers() -> Iterator[int]:
        while True:
            with lock:
                number = next(runs)
            yield number

    each = CUTS // WAYS
    with ThreadPoolExecutor(WAYS) as pool:

        def go(way_number: int) -> tuple[int, int]:
            with road(peer.address, next_cut=cuts_of(way_number)) as way:
                if way_number % 2:
                    done = asyncio.run(work_async(way, numbers(), each))
                else:
                    done = work_until_cut(way, numbers(), each)
                return done, way.cuts

        results = list(pool.map(go, range(WAYS)))
    assert sum(cuts for _, cuts in results) >= CUTS
    print(f"{sum(cuts for _, cuts in results)} cuts, {sum(done for done, _ in results)} runs")
