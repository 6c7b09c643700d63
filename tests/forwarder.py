"""A port in front of a peer's: keeps what passes, and holds it back where a test asks for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Forwarder:
    """What a test sees of the way to a peer."""

    def __init__(self) -> None:
        self.port = 0
        self.sent = bytearray()
        """What clients sent."""
        self.answered = bytearray()
        """What they were sent."""
        self.reached = asyncio.Event()
        """Set once a client has sent something."""
        self.open = asyncio.Event()
        """Nothing passes before it is set."""
        self.tasks: set[asyncio.Task[None]] = set()

    def keep(self, task: asyncio.Task[None]) -> None:
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


@asynccontextmanager
async def forwarded(port: int, *, held: bool = False) -> AsyncIterator[Forwarder]:
    """A way to this port on loopback; held = nothing passes until ``open`` is set."""
    way = Forwarder()
    if not held:
        way.open.set()

    async def pipe(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray
    ) -> None:
        try:
            with suppress(ConnectionError):
                while data := await reader.read(1 << 16):
                    record += data
                    if way.sent:
                        way.reached.set()
                    await way.open.wait()
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()

    async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        way.keep(asyncio.ensure_future(pipe(reader, back, way.sent)))
        way.keep(asyncio.ensure_future(pipe(there, writer, way.answered)))

    server = await asyncio.start_server(both, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
        for task in way.tasks:
            task.cancel()
        await asyncio.gather(*way.tasks, return_exceptions=True)
