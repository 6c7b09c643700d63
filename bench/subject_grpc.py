"""Raw gRPC from its client's side: the limits that blazen_nb is compared with."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator

import grpc
import grpc.aio
from measure import Sample, bulk_rate, latency, latency_async, median, rate_async, rate_threads
from payload import (
    ARRAY_BYTES,
    EVENT_BYTES,
    EVENTS,
    MESSAGE_BYTES,
    RAW_PAYLOAD,
    WAITING_RUNS,
)
from raw_grpc_server import FRAME
from subject import raw_grpc_process, serve


class Stream:
    """Calls over one bidirectional stream; frames that wait are written as one message."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._call = channel.stream_stream("/raw/stream")()
        self._ids = itertools.count()
        self._pending: dict[bytes, asyncio.Future[bytes]] = {}
        self._waiting: list[bytes] = []
        self._ready = asyncio.Event()
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._read())]

    async def ask(self) -> bytes:
        """The echo of a frame."""
        call_id = next(self._ids).to_bytes(8, "big")
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pending[call_id] = future
        self._waiting.append(call_id + RAW_PAYLOAD)
        self._ready.set()
        return await future

    async def _write(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            taken = b"".join(self._waiting)
            self._waiting.clear()
            await self._call.write(taken)

    async def _read(self) -> None:
        while (message := await self._call.read()) is not grpc.aio.EOF:
            for start in range(0, len(message), FRAME):
                frame = message[start : start + FRAME]
                self._pending.pop(frame[:8]).set_result(frame)

    async def close(self) -> None:
        """End it."""
        self._call.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Bulk:
    """An array's bytes, to a server and from it, with blocking calls."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._memory = memoryview(bytearray(ARRAY_BYTES))

    def push(self) -> None:
        """To the server."""

        def messages() -> Iterator[bytes]:
            for at in range(0, ARRAY_BYTES, MESSAGE_BYTES):
                yield bytes(self._memory[at : at + MESSAGE_BYTES])

        self._channel.stream_unary("/raw/push")(messages())

    def pull(self) -> None:
        """From the server."""
        at = 0
        for message in self._channel.unary_stream("/raw/pull")(b""):
            self._memory[at : at + len(message)] = message
            at += len(message)
        assert at == ARRAY_BYTES


class RawGrpc:
    """Channels to a sync and an asyncio server process."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._servers = [raw_grpc_process("sync"), raw_grpc_process("aio")]
        self._sync = grpc.insecure_channel(self._servers[0].word)
        self._echo = self._sync.unary_unary("/raw/echo")
        self.bulk = Bulk(self._sync)

    def echo(self) -> None:
        """One call, blocking."""
        self._echo(RAW_PAYLOAD)

    def close(self) -> None:
        """End channels and servers."""
        self._sync.close()
        self._runner.close()
        for server in self._servers:
            server.end()

    def with_channel(self, work: Callable[[grpc.aio.Channel], Awaitable[Sample]]) -> Sample:
        """What the work measured on a connected asyncio channel."""

        async def run() -> Sample:
            async with grpc.aio.insecure_channel(self._servers[1].word) as channel:
                await channel.unary_unary("/raw/echo")(b"")
                return await work(channel)

        return self._runner.run(run())

    def with_stream(self, work: Callable[..., Awaitable[Sample]]) -> Sample:
        """What the work measured with calls over one stream."""

        async def run(channel: grpc.aio.Channel) -> Sample:
            stream = Stream(channel)
            try:
                return await work(stream.ask)
            finally:
                await stream.close()

        return self.with_channel(run)


def _unary(channel: grpc.aio.Channel) -> Callable[[], Awaitable[bytes]]:
    echo = channel.unary_unary("/raw/echo")

    async def call() -> bytes:
        answer: bytes = await echo(RAW_PAYLOAD)
        return answer

    return call


async def _batches(channel: grpc.aio.Channel) -> Sample:
    taken = []
    for _ in range(3):
        began, events = time.perf_counter(), list[bytes]()
        async for message in channel.unary_stream("/raw/batches")(b""):
            events += [message[i : i + EVENT_BYTES] for i in range(0, len(message), EVENT_BYTES)]
        taken.append(time.perf_counter() - began)
        assert len(events) == EVENTS
    return {"value": EVENTS / median(taken)}


async def _waiting(channel: grpc.aio.Channel) -> Sample:
    sleep = channel.unary_unary("/raw/sleep")

    async def call() -> None:
        await sleep(b"")

    began = time.perf_counter()
    await asyncio.gather(*[call() for _ in range(WAITING_RUNS)])
    return {"value": time.perf_counter() - began}


MEASURES: dict[str, Callable[[RawGrpc], Sample]] = {
    "unary": lambda raw: latency(raw.echo),
    "unary_threads": lambda raw: rate_threads(raw.echo),
    "unary_async": lambda raw: raw.with_channel(lambda c: latency_async(_unary(c))),
    "unary_tasks": lambda raw: raw.with_channel(lambda c: rate_async(_unary(c))),
    "stream": lambda raw: raw.with_stream(latency_async),
    "stream_tasks": lambda raw: raw.with_stream(rate_async),
    "push": lambda raw: bulk_rate(raw.bulk.push, ARRAY_BYTES),
    "pull": lambda raw: bulk_rate(raw.bulk.pull, ARRAY_BYTES),
    "batches": lambda raw: raw.with_channel(_batches),
    "waiting": lambda raw: raw.with_channel(_waiting),
}

if __name__ == "__main__":
    serve(RawGrpc, MEASURES)
