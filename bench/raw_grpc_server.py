"""Raw gRPC, bytes in and bytes out: what a peer could reach at best. A process of its own.

``sync``, with TLS where a file with a certificate and one with its key are named, or ``aio``.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from payload import ARRAY_BYTES, EVENT_BYTES, EVENTS, MESSAGE_BYTES, RAW_PAYLOAD

FRAME = 8 + len(RAW_PAYLOAD)
"""Bytes of a frame on the bidirectional stream: the call's ID and the payload."""
IN_A_MESSAGE = 500

_EVENTS = [b"%*d" % (EVENT_BYTES, number) for number in range(EVENTS)]


class Methods(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc carries no types
    """A table of handlers."""

    def __init__(self, **handlers: Any) -> None:
        self._handlers = {f"/raw/{name}": handler for name, handler in handlers.items()}

    def service(self, details: Any) -> Any:
        return self._handlers.get(details.method)


_BULK = memoryview(bytearray(ARRAY_BYTES))
"""What is pushed, and pulled: memory that is there, so that only the transport counts."""


def _push(messages: Iterator[bytes], _: Any) -> bytes:
    at = 0
    for message in messages:
        _BULK[at : at + len(message)] = message
        at += len(message)
    return b""


def _pull(_: bytes, __: Any) -> Iterator[bytes]:
    for at in range(0, ARRAY_BYTES, MESSAGE_BYTES):
        yield bytes(_BULK[at : at + MESSAGE_BYTES])


def serve_sync(*certificate_and_key: str) -> None:
    """Echo on a thread pool."""
    server = grpc.server(ThreadPoolExecutor(40))
    echo = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
    push = grpc.stream_unary_rpc_method_handler(_push)
    pull = grpc.unary_stream_rpc_method_handler(_pull)
    server.add_generic_rpc_handlers((Methods(echo=echo, push=push, pull=pull),))
    if certificate_and_key:
        certificate, key = (Path(each).read_bytes() for each in certificate_and_key)
        shown = grpc.ssl_server_credentials([(key, certificate)])
        port = server.add_secure_port("127.0.0.1:0", shown)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    print(f"listens on 127.0.0.1:{port}", flush=True)
    told.wait()
    server.stop(0)


async def _echo(request: bytes, _: Any) -> bytes:
    return request


async def _sleep(request: bytes, _: Any) -> bytes:
    await asyncio.sleep(1)
    return request


async def _batches(_: bytes, context: Any) -> None:
    """All events, joined into messages."""
    for start in range(0, EVENTS, IN_A_MESSAGE):
        await context.write(b"".join(_EVENTS[start : start + IN_A_MESSAGE]))


async def _stream(messages: Any, context: Any) -> None:
    """A task for every frame, and one writer that takes all answers that wait."""
    waiting: list[bytes] = []
    ready = asyncio.Event()

    async def answer(frame: bytes) -> None:
        waiting.append(frame)
        ready.set()

    async def write() -> None:
        while True:
            await ready.wait()
            ready.clear()
            taken = b"".join(waiting)
            waiting.clear()
            await context.write(taken)

    writer = asyncio.create_task(write())
    tasks: set[asyncio.Task[None]] = set()
    async for message in messages:
        for start in range(0, len(message), FRAME):
            task = asyncio.create_task(answer(message[start : start + FRAME]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    writer.cancel()


async def started_aio() -> tuple[grpc.aio.Server, int]:
    """A running asyncio server and its port."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            Methods(
                echo=grpc.unary_unary_rpc_method_handler(_echo),
                sleep=grpc.unary_unary_rpc_method_handler(_sleep),
                batches=grpc.unary_stream_rpc_method_handler(_batches),
                stream=grpc.stream_stream_rpc_method_handler(_stream),
            ),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


async def serve_aio() -> None:
    """Everything, on one loop."""
    server, port = await started_aio()
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    print(f"listens on 127.0.0.1:{port}", flush=True)
    await told.wait()
    await server.stop(0)


if __name__ == "__main__":
    if sys.argv[1] == "sync":
        serve_sync(*sys.argv[2:])
    else:
        asyncio.run(serve_aio())
