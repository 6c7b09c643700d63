"""What it costs to begin and to be there: imports, the extension, peers that start, memory of an idle one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import psutil
from measure import Sample, median
from subject import (
    HERE,
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

_LOAD_EXT = """
import time as _time
_began = _time.perf_counter()
get_ipython().run_line_magic("load_ext", "blazen_nb")
_taken = (_time.perf_counter() - _began) * 1e3
"""


def _load_ext() -> Sample:
    """Milliseconds of ``%load_ext blazen_nb`` in a kernel that runs already and has not loaded it."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import KernelManager

    manager = KernelManager()
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, display_name="bench", language="python")
    manager.start_kernel(cwd=str(HERE))
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=30)
        client.execute("1", reply=True, timeout=30)
        reply = client.execute(
            _LOAD_EXT, reply=True, timeout=30, user_expressions={"taken": "_taken"}
        )
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"{reply['content']['ename']}: {reply['content']['evalue']}")
        return {"value": float(reply["content"]["user_expressions"]["taken"]["data"]["text/plain"])}
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


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
    "load_ext": lambda _: _load_ext(),
    "peer_thread": lambda _: in_fresh_interpreters(_PEER_IN_A_THREAD),
    "grpc_thread": lambda _: in_fresh_interpreters(_GRPC_IN_A_THREAD),
    "peer_process": lambda _: _ready(peer_process),
    "grpc_process": lambda _: _ready(lambda: raw_grpc_process("aio")),
    "peer_memory": lambda _: _memory(peer_process),
    "grpc_memory": lambda _: _memory(lambda: raw_grpc_process("aio")),
}

if __name__ == "__main__":
    serve(Startup, MEASURES)
