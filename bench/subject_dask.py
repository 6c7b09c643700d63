"""Dask: a scheduler in this process, one worker process of one thread."""

from __future__ import annotations

import importlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from measure import Sample, bulk_rate, latency, median, rate_threads
from payload import ARRAY_BYTES, EVENTS, PAYLOAD, event_text
from subject import import_time, serve

TOPIC = "bench"
EVENTS_SECONDS = 20.0


def identity(value: Any) -> Any:
    """What the worker runs."""
    return value


def _emit() -> None:
    worker = importlib.import_module("distributed").get_worker()
    for number in range(EVENTS):
        worker.log_event(TOPIC, event_text(number))


class _Cluster:
    """A cluster and its client, both in a folder that goes with them."""

    def __init__(self) -> None:
        dask = importlib.import_module("dask")
        distributed = importlib.import_module("distributed")
        logging.disable(logging.WARNING)
        self._folder = tempfile.TemporaryDirectory(prefix="bench-dask-")
        dask.config.set({"temporary_directory": self._folder.name})
        self._cluster = distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            memory_limit=0,
        )
        self.client = distributed.Client(self._cluster)
        self.worker_pid = self.client.submit(os.getpid, pure=False).result()

    def close(self) -> None:
        self.client.close()
        self._cluster.close()
        self._folder.cleanup()


class Dask:
    """A cluster that stays."""

    def __init__(self) -> None:
        self._up = _Cluster()
        self._seen = threading.Semaphore(0)
        self._up.client.subscribe_topic(TOPIC, lambda _: self._seen.release())

    def close(self) -> None:
        """End the cluster."""
        self._up.close()

    def run(self) -> None:
        """One task and its result."""
        call = self._up.client.submit(identity, PAYLOAD, pure=False)
        assert call.result() == PAYLOAD

    def events(self) -> Sample:
        """Events a second at a subscriber."""
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            self._up.client.submit(_emit, pure=False).result()
            until = time.monotonic() + EVENTS_SECONDS
            for _ in range(EVENTS):
                assert self._seen.acquire(timeout=max(0.0, until - time.monotonic()))
            taken.append(time.perf_counter() - began)
        return {"value": EVENTS / median(taken)}

    def push(self) -> Sample:
        """GB/s of an array to the worker."""
        scatter = self._up.client.scatter
        array = importlib.import_module("numpy").arange(ARRAY_BYTES // 8)
        return bulk_rate(lambda: scatter(array, hash=False, direct=True), ARRAY_BYTES)

    def pull(self) -> Sample:
        """GB/s of an array from the worker."""
        client = self._up.client
        array = importlib.import_module("numpy").arange(ARRAY_BYTES // 8)
        there = client.scatter(array, hash=False, direct=True)
        return bulk_rate(lambda: client.gather(there, direct=True), ARRAY_BYTES)

    def ready(self) -> Sample:
        """Milliseconds until another cluster has answered."""
        began = time.perf_counter()
        another = _Cluster()
        taken = (time.perf_counter() - began) * 1e3
        another.close()
        return {"value": taken}

    def memory(self) -> Sample:
        """Resident MiB of the worker process."""
        import psutil

        return {"value": psutil.Process(self._up.worker_pid).memory_info().rss / 2**20}


MEASURES: dict[str, Callable[[Dask], Sample]] = {
    "run": lambda dask: latency(dask.run),
    "rate": lambda dask: rate_threads(dask.run),
    "events": Dask.events,
    "push": Dask.push,
    "pull": Dask.pull,
    "import": lambda _: import_time("distributed"),
    "ready": Dask.ready,
    "memory": Dask.memory,
}

if __name__ == "__main__":
    serve(Dask, MEASURES)
