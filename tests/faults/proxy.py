"""A port in front of a peer's that breaks connections, or goes silent, when a test says so."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Any

from blazen_nb import PeerClient, PeerServer
from tests.eventually import eventually

CHUNK = 1 << 14
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """A way to a port on loopback, over a thread of its own.

    Args:
        port: Where the peer listens; ``target`` may be changed to another one later.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.connections = 0
        """How many there have been."""
        self.port = 0
        self.passed_at: list[float] = []
        """``time.monotonic()`` whenever something passed."""
        self._cuts = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(5)

    @property
    def address(self) -> str:
        """What clients connect to."""
        return f"127.0.0.1:{self.port}"

    async def _start(self) -> None:
        self._passing.set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        cuts = self._cuts
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        if self._cuts != cuts:  # while it was being made
            writer.transport.abort()
            back.transport.abort()
            return
        self._open |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.ensure_future(self._pipe(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK):
                await self._passing.wait()
                self.passed_at.append(time.monotonic())
                sink.write(data)
                await sink.drain()
        self._open.discard(sink)
        sink.close()

    def cut(self) -> None:
        """Break every connection, as a cable that is pulled and a router that forgets do."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        self._cuts += 1
        for writer in self._open:
            # With this option closing sends a reset, and what waits to be sent is lost.
            held = writer.get_extra_info("socket")
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        self._open.clear()

    def silence(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def speak(self) -> None:
        """What was held back passes."""
        self._loop.call_soon_threadsafe(self._passing.set)

    def longest_silence(self, seconds: float) -> float:
        """Watch for so many seconds; the longest time in which nothing passed."""
        until = time.monotonic() + seconds
        moments = [time.monotonic()]
        self.passed_at.clear()
        eventually(lambda: time.monotonic() > until, seconds + 1)
        moments += [*self.passed_at, until]
        return max(later - earlier for earlier, later in itertools.pairwise(moments))

    def refuse(self) -> None:
        """Nobody listens any more, and every connection breaks."""

        async def stop() -> None:
            self._server.close()
            self._cut()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(5)

    def listen(self) -> None:
        """Somebody listens again, on the same port."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(5)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.refuse()

        async def end() -> None:
            self._passing.set()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


def before(server: PeerServer) -> Proxy:
    """A way to this peer, which serves already."""
    assert server.address is not None
    return Proxy(int(server.address.rpartition(":")[2]))


def connected(server: PeerServer, proxy: Proxy, **options: Any) -> PeerClient:
    """A client whose way to the peer leads through the proxy."""
    return PeerClient.connect(proxy.address, token=token_of(server), **options)


def token_of(server: PeerServer) -> str:
    """What clients must send: the connection file names the peer's own port only."""
    running = server._running
    assert running is not None
    assert running.file is not None
    assert running.file.token is not None
    return running.file.token
