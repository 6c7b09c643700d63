"""What it costs to begin and to be there: imports, peers that start, memory of an idle one."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
from measure import Sample, median
from subject import (
    Child,
    import_time,
    in_fresh_interpreters,
    peer_process,
    raw_grpc_process,
    serve,
)

SETTLE_SECONDS = 0.5

_PEER_IN_A_THREAD = """
import time
from blazen_nb import PeerServer
began = time.perf_counter()
server = PeerServer("bench")
server.start("127.0.0.1:0")
print((time.perf_counter() - began) * 1e3, flush=True)
server.close()
"""

_GRPC_IN_A_THREAD = """
import asyncio, threading, time
from raw_grpc_server import started_aio
began = time.perf_counter()
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
server, _ = asyncio.run_coroutine_threadsafe(started_aio(), loop).result()
print((time.perf_counter() - began) * 1e3, flush=True)
asyncio.run_coroutine_threadsafe(server.stop(0), loop).result()
"""


def _ready(start: Callable[[], Child]) -> Sample:
    """Milliseconds from the start of a process to the line that says that it listens."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        child = start()
        taken.append((time.perf_counter() - began) * 1e3)
        child.end()
    return {"value": median(taken)}


def _memory(start: Callable[[], Child]) -> Sample:
    """Resident MiB of a process that nobody has called yet."""
    child = start()
    try:
        time.sleep(SETTLE_SECONDS)
        return {"value": psutil.Process(child.process.pid).memory_info().rss / 2**20}
    finally:
        child.end()


class Startup:
    """Nothing is kept between measurements."""

    def close(self) -> None:
        """Nothing to end."""


MEASURES: dict[str, Callable[[Startup], Sample]] = {
    "import": lambda _: import_time("blazen_nb"),
    "import_grpc": lambda _: import_time("grpc"),
    "peer_thread": lambda _: in_fresh_interpreters(_PEER_IN_A_THREAD),
    "grpc_thread": lambda _: in_fresh_interpreters(_GRPC_IN_A_THREAD),
    "peer_process": lambda _: _ready(peer_process),
    "grpc_process": lambda _: _ready(lambda: raw_grpc_process("aio")),
    "peer_memory": lambda _: _memory(peer_process),
    "grpc_memory": lambda _: _memory(lambda: raw_grpc_process("aio")),
}

if __name__ == "__main__":
    serve(Startup, MEASURES)
