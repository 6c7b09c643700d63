"""The blazen package itself: its engine in this process, and its client calling a blazen_nb peer.

Its server has no row: from Python it can be given no Python step to run.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any

from measure import Sample, latency_async
from payload import CHAIN, EVENTS, PAYLOAD, WAITING_RUNS, event_text
from subject import import_time, peer_process, serve


class Blazen:
    """Workflows of the real engine, made as its own documentation makes them."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._blazen: Any = importlib.import_module("blazen")
        self._peer = peer_process("--insecure")
        self._client = self._runner.run(self._connected())
        self._steps()

    def close(self) -> None:
        """End the peer and leave at once: on the interpreter's usual way out the wheel's threads panic."""
        self._peer.end()
        os._exit(0)

    def run(self, work: Coroutine[Any, Any, Sample]) -> Sample:
        """What the coroutine measured."""
        return self._runner.run(work)

    async def to_peer(self) -> Sample:
        """Its own client runs a blazen_nb step."""
        request = self._blazen.SubWorkflowRequest(
            "one", step_ids=["bench::one_async"], input=PAYLOAD
        )

        async def call() -> None:
            response = await self._client.invoke_sub_workflow(request)
            assert response.result_value() == PAYLOAD, response.error

        return await latency_async(call)

    async def one(self, workflow: Any) -> Sample:
        """One step, in this process."""

        async def call() -> None:
            assert (await workflow.run(**PAYLOAD)).result == PAYLOAD

        return await latency_async(call)

    async def hundred(self) -> Sample:
        """A hundred steps, in this process."""

        async def call() -> None:
            assert (await self.chain.run(n=1)).result == CHAIN

        return await latency_async(call)

    async def events(self) -> Sample:
        """Events a second that came, in one pass of some seconds; the note says where not all did."""
        began = time.perf_counter()
        handler = await self.emit.run_with_handler()
        got = [event async for event in handler.stream_events() if event.event_type == "Tick"]
        taken = time.perf_counter() - began
        lost = EVENTS - len(got)
        return {"value": len(got) / taken, "note": "some were lost" if lost else "", "lost": lost}

    async def waiting(self) -> Sample:
        """A thousand runs that wait."""

        async def call() -> None:
            await self.wait.run()

        began = time.perf_counter()
        await asyncio.gather(*[call() for _ in range(WAITING_RUNS)])
        return {"value": time.perf_counter() - began}

    async def _connected(self) -> Any:
        return await self._blazen.BlazenPeerClient.connect(f"http://{self._peer.word}", "bench")

    def _steps(self) -> None:
        event_type, stop, step = self._blazen.Event, self._blazen.StopEvent, self._blazen.step

        async def one(ctx: Any, event: Any) -> Any:
            return stop(result={"x": event.x})

        def plain(ctx: Any, event: Any) -> Any:
            return stop(result={"x": event.x})

        async def there(ctx: Any, event: Any) -> Any:
            return event_type("There", n=event.n + 1)

        async def back(ctx: Any, event: Any) -> Any:
            if event.n == CHAIN:
                return stop(result=CHAIN)
            return event_type("Back", n=event.n + 1)

        async def emit(ctx: Any, event: Any) -> Any:
            for number in range(EVENTS):
                # Awaited, a reader keeps up; the plain call loses nearly all of them.
                await ctx.awrite_event_to_stream(event_type("Tick", text=event_text(number)))
            return stop(result=EVENTS)

        async def wait(ctx: Any, event: Any) -> Any:
            await asyncio.sleep(1)
            return stop(result=1)

        start = "blazen::StartEvent"
        made = self._blazen.Workflow
        self.one_async = made("one async", [step(accepts=[start])(one)])
        self.one_plain = made("one plain", [step(accepts=[start])(plain)])
        self.chain = made(
            "chain", [step(accepts=[start, "Back"])(there), step(accepts=["There"])(back)]
        )
        self.emit = made("emit", [step(accepts=[start])(emit)])
        self.wait = made("wait", [step(accepts=[start])(wait)])


MEASURES: dict[str, Callable[[Blazen], Sample]] = {
    "to_peer": lambda b: b.run(b.to_peer()),
    "local_async": lambda b: b.run(b.one(b.one_async)),
    "local_plain": lambda b: b.run(b.one(b.one_plain)),
    "local_chain": lambda b: b.run(b.hundred()),
    "events": lambda b: b.run(b.events()),
    "waiting": lambda b: b.run(b.waiting()),
    "import": lambda _: import_time("blazen"),
}

if __name__ == "__main__":
    serve(Blazen, MEASURES)
