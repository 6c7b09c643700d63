"""ipyparallel: a controller and one engine, each a process of its own."""

from __future__ import annotations

import importlib
import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from kernel_cells import Kernel
from measure import RATE_SECONDS, Sample, bulk_rate, latency
from payload import ARRAY_BYTES, PAYLOAD
from subject import import_time, serve

IN_FLIGHT = 32


def identity(value: Any) -> Any:
    """What the engine runs."""
    return value


class Ipyparallel:
    """A cluster that stays, called through a direct view."""

    def __init__(self) -> None:
        # It keeps its profiles there, and reads the variable when it is imported.
        self._folder = tempfile.TemporaryDirectory(prefix="bench-ipyparallel-")
        os.environ["IPYTHONDIR"] = self._folder.name
        ipyparallel = importlib.import_module("ipyparallel")
        logging.disable(logging.WARNING)
        self._cluster = ipyparallel.Cluster(n=1, log_level=logging.ERROR)
        self._client = self._cluster.start_and_connect_sync(activate=False)
        self._client.wait_for_engines(1, interactive=False)
        self._engine = self._client[0]
        self._pid = self._engine.apply_sync(os.getpid)
        self._kernel: Kernel | None = None

    def close(self) -> None:
        """End the cluster."""
        if self._kernel is not None:
            self._kernel.close()
        self._client.close()
        self._cluster.stop_cluster_sync()
        self._folder.cleanup()

    def run(self) -> None:
        """One call and its result."""
        assert self._engine.apply_sync(identity, PAYLOAD) == PAYLOAD

    def rate(self) -> Sample:
        """Calls a second with so many in flight; its client is not made for many threads."""
        flying = deque(self._sent() for _ in range(IN_FLIGHT))
        count, began = 0, time.perf_counter()
        while time.perf_counter() < began + RATE_SECONDS:
            flying.popleft().get()
            count += 1
            flying.append(self._sent())
        taken = time.perf_counter() - began
        for call in flying:
            call.get()
        return {"value": count / taken, "n": count}

    def cell(self) -> Sample:
        """Milliseconds that ``%%px`` adds to a cell of a kernel."""
        if self._kernel is None:
            where = f"profile_dir={self._cluster.profile_dir!r}, cluster_id={self._cluster.cluster_id!r}"
            self._kernel = Kernel(f"import ipyparallel\nipyparallel.Client({where})[:].activate()")
        return self._kernel.added("%%px\n1 + 1", "1 + 1")

    def push(self) -> Sample:
        """GB/s of an array to the engine."""
        array = importlib.import_module("numpy").arange(ARRAY_BYTES // 8)
        return bulk_rate(lambda: self._engine.push({"array": array}, block=True), ARRAY_BYTES)

    def pull(self) -> Sample:
        """GB/s of an array from the engine."""
        array = importlib.import_module("numpy").arange(ARRAY_BYTES // 8)
        self._engine.push({"array": array}, block=True)
        return bulk_rate(lambda: self._engine.pull("array", block=True), ARRAY_BYTES)

    def memory(self) -> Sample:
        """Resident MiB of the engine; the controller's processes come on top."""
        import psutil

        return {"value": psutil.Process(self._pid).memory_info().rss / 2**20}

    def _sent(self) -> Any:
        return self._engine.apply_async(identity, PAYLOAD)


MEASURES: dict[str, Callable[[Ipyparallel], Sample]] = {
    "run": lambda cluster: latency(cluster.run),
    "rate": Ipyparallel.rate,
    "cell": Ipyparallel.cell,
    "push": Ipyparallel.push,
    "pull": Ipyparallel.pull,
    "memory": Ipyparallel.memory,
    "import": lambda _: import_time("ipyparallel"),
}

if __name__ == "__main__":
    serve(Ipyparallel, MEASURES)
