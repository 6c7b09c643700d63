"""Plain asyncio, and a TCP echo without gRPC: what nothing built on them can go below."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from measure import Sample, latency_async
from payload import CHAIN, RAW_PAYLOAD, WAITING_RUNS
from subject import Child, serve


class _Echo(asyncio.Protocol):
    """The server's end of a connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _without_delay(transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class _Caller(asyncio.Protocol):
    """The client's end; one call at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._got = 0
        _without_delay(transport)

    def call(self) -> asyncio.Future[None]:
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport.write(RAW_PAYLOAD)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._got += len(data)
        if self._got == len(RAW_PAYLOAD):
            self._got = 0
            self._answer.set_result(None)


def _without_delay(transport: asyncio.Transport) -> None:
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _nothing() -> None:
    """An asyncio task's smallest work."""


async def _one_task() -> None:
    await asyncio.create_task(_nothing())


async def _hundred_tasks() -> None:
    for _ in range(CHAIN):
        await asyncio.create_task(_nothing())


async def _sleepers() -> Sample:
    began = time.perf_counter()
    await asyncio.gather(*[asyncio.sleep(1) for _ in range(WAITING_RUNS)])
    return {"value": time.perf_counter() - began}


async def _tcp(address: str) -> Sample:
    host, _, port = address.rpartition(":")
    transport, caller = await asyncio.get_running_loop().create_connection(_Caller, host, int(port))
    try:
        return await latency_async(caller.call)
    finally:
        transport.close()


async def _serve_echo() -> None:
    server = await asyncio.get_running_loop().create_server(_Echo, "127.0.0.1", 0)
    print(f"listens on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


class Plain:
    """A loop, and the echo server's process."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._echo = Child([sys.executable, __file__, "echo"], "listens on ")

    def run(self, work: Coroutine[Any, Any, Sample]) -> Sample:
        """What the coroutine measured."""
        return self._runner.run(work)

    def tcp(self) -> Sample:
        """An echo over TCP."""
        return self.run(_tcp(self._echo.word))

    def close(self) -> None:
        """End both."""
        self._runner.close()
        self._echo.end()


MEASURES: dict[str, Callable[[Plain], Sample]] = {
    "tcp": Plain.tcp,
    "task": lambda plain: plain.run(latency_async(_one_task)),
    "tasks": lambda plain: plain.run(latency_async(_hundred_tasks)),
    "waiting": lambda plain: plain.run(_sleepers()),
}

if __name__ == "__main__":
    if sys.argv[1:] == ["echo"]:
        asyncio.run(_serve_echo())
    else:
        serve(Plain, MEASURES)
