"""blazen_nb from its client's side: the peer is a process of its own, started as users start it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import bench_steps
import numpy as np
from measure import Sample, bulk_rate, latency, latency_async, median, rate_async, rate_threads
from payload import ARRAY_BYTES, CHAIN, EVENT_BYTES, EVENTS, PAYLOAD, WAITING_RUNS
from subject import peer_process, serve
from values import fetch, put

from blazen_nb import AsyncPeerClient, Event, PeerClient, StartEvent, StopEvent, Workflow, step
from blazen_nb.engine.step import Step

PASSES = 3
REFS_A_RUN = 500


class BlazenNb:
    """Clients connected to one peer process, and workflows that run here."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._peer = peer_process()
        self._sync = PeerClient.connect(self._peer.word)
        self._async = self._runner.run(AsyncPeerClient.connect(self._peer.word))
        self.chain = Workflow("chain", _chain_steps())
        self.one_async = Workflow("one async", [bench_steps.one_async])
        self.one_plain = Workflow("one plain", [bench_steps.one_plain])

    @property
    def address(self) -> str:
        """The peer's."""
        return self._peer.word

    def close(self) -> None:
        """End clients and peer."""
        self._runner.run(self._async.close())
        self._sync.close()
        self._runner.close()
        self._peer.end()

    def awaited(self, work: Coroutine[Any, Any, Sample]) -> Sample:
        """What the coroutine measured, on the loop that the async client lives on."""
        return self._runner.run(work)

    async def run_async(self) -> None:
        """One run, awaited."""
        done = await self._async.run_remote_workflow("one", ["bench::one_async"], PAYLOAD)
        assert done.result == PAYLOAD

    def run_sync(self) -> None:
        """One run, blocking."""
        done = self._sync.run_remote_workflow("one", ["bench::one_plain"], PAYLOAD)
        assert done.result == PAYLOAD

    def with_refs(self, held: int) -> Sample:
        """A small value put, fetched and released by a session that holds so many refs."""
        with PeerClient.connect(self._peer.word) as client:
            kept: list[Any] = []
            while len(kept) < held:
                size = min(REFS_A_RUN, held - len(kept))
                kept += client.run_remote_workflow("refs", ["bench::refs"], {"n": size}).result
            assert len(client.refs()) == held

            def call() -> None:
                ref = client.put(PAYLOAD)
                assert ref.fetch() == PAYLOAD
                ref.release()

            return latency(call)

    async def events_async(self) -> Sample:
        """Events a second, from the run's start to the last one decoded."""
        taken = []
        for _ in range(PASSES):
            began = time.perf_counter()
            handle = await self._async.start_remote_workflow("emit", ["bench::emit"])
            events = [event async for event in handle.events()]
            taken.append(time.perf_counter() - began)
            _check(events)
        return _events_a_second(taken)

    def events_sync(self) -> Sample:
        """The same with the blocking client."""
        taken = []
        for _ in range(PASSES):
            began = time.perf_counter()
            handle = self._sync.start_remote_workflow("emit", ["bench::emit"])
            events = list(handle.events())
            taken.append(time.perf_counter() - began)
            _check(events)
        return _events_a_second(taken)

    async def waiting(self) -> Sample:
        """Seconds until all runs that wait are back."""
        run = self._async.run_remote_workflow
        began = time.perf_counter()
        results = await asyncio.gather(
            *[run("wait", ["bench::wait"], {"x": i}) for i in range(WAITING_RUNS)]
        )
        taken = time.perf_counter() - began
        assert [done.result for done in results] == list(range(WAITING_RUNS))
        return {"value": taken}


def _check(events: list[Event]) -> None:
    numbers = [int(event.text) for event in events]
    assert numbers == list(range(EVENTS)), f"{len(events)} events came, or in disorder"
    assert len(json.dumps(events[0].to_dict(), separators=(",", ":"))) == EVENT_BYTES


def _events_a_second(seconds: list[float]) -> Sample:
    return {"value": EVENTS / median(seconds)}


def _chain_steps() -> list[Step]:
    async def first(event: StartEvent) -> Event:
        return Event("Link1")

    async def last(event: Event) -> StopEvent:
        return StopEvent(result=CHAIN)

    def link(number: int) -> Step:
        async def pass_on(event: Event) -> Event:
            return Event(f"Link{number + 1}")

        return step(id=f"bench::link{number}", accepts=[f"Link{number}"])(pass_on)

    end = CHAIN - 1
    links = [link(number) for number in range(1, end)]
    return [
        step(id="bench::first")(first),
        *links,
        step(id="bench::last", accepts=[f"Link{end}"])(last),
    ]


async def _local(workflow: Workflow) -> Sample:
    return await latency_async(lambda: workflow.run(**PAYLOAD))


MEASURES: dict[str, Callable[[BlazenNb], Sample]] = {
    "run_async": lambda b: b.awaited(latency_async(b.run_async)),
    "run_sync": lambda b: latency(b.run_sync),
    "rate_tasks": lambda b: b.awaited(rate_async(b.run_async)),
    "refs_few": lambda b: b.with_refs(10),
    "refs_held": lambda b: b.with_refs(10_000),
    "rate_threads": lambda b: rate_threads(b.run_sync),
    "local_async": lambda b: b.awaited(_local(b.one_async)),
    "local_plain": lambda b: b.awaited(_local(b.one_plain)),
    "local_chain": lambda b: b.awaited(_local(b.chain)),
    "events_async": lambda b: b.awaited(b.events_async()),
    "events_sync": BlazenNb.events_sync,
    "waiting": lambda b: b.awaited(b.waiting()),
    "put_tcp": lambda b: put(b.address, "tcp"),
    "fetch_tcp": lambda b: fetch(b.address, "tcp"),
    "put_here": lambda b: put(b.address, "unix"),
    "fetch_here": lambda b: fetch(b.address, "unix"),
    "put_grpc": lambda b: put(b.address, "none"),
    "fetch_grpc": lambda b: fetch(b.address, "none"),
    "copy": lambda b: bulk_rate(np.arange(ARRAY_BYTES // 8).copy, ARRAY_BYTES),
}

if __name__ == "__main__":
    serve(BlazenNb, MEASURES)
