"""Threads for plain steps: as many as are needed up to a bound, gone again when idle, replaceable when stuck."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_log = logging.getLogger("blazen_nb.engine")

Job = Callable[["Worker"], None]

IDLE_SECONDS = 5.0
"""How long a worker waits for the next job before it ends."""
MOST_WAITING = 256
"""How many workers of a pool may make room at once: each keeps its thread."""


class Worker:
    """One thread of a pool."""

    __slots__ = ("_pool", "retired", "thread_id")

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self.retired = False
        self.thread_id = 0

    def retire(self) -> None:
        """Count it out: the pool may start another thread in its place, it ends after the job it is stuck in."""
        self._pool._count_out(self)

    @contextmanager
    def making_room(self) -> Iterator[None]:
        """Within the block its job only waits: the pool may start another thread in its place meanwhile.

        Nothing where another thread waits, for the worker itself may be at work, nor for more than MOST_WAITING.
        """
        away = threading.get_ident() == self.thread_id and self._pool._let_wait(self)
        try:
            yield
        finally:
            if away:
                self._pool._take_back(self)


class WorkerPool:
    """Daemon threads that take jobs in order.

    Args:
        size: At most this many at once; further jobs wait.
        name: Names the threads.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._workers: set[Worker] = set()
        self._free = 0
        """Workers that wait, less the jobs that wait for them."""
        self._away = 0
        """Workers that made room."""
        self._closed = False

    def submit(self, job: Job) -> None:
        """Have the job run by a worker, soon; nothing happens once the pool is closed."""
        with self._lock:
            if self._closed:
                return
            self._free -= 1
            if self._free < 0 and len(self._workers) < self._size:
                self._add_worker()
        self._jobs.put(job)

    def close(self) -> None:
        """Let every worker end after the job it has; jobs that wait are dropped."""
        with self._lock:
            self._closed = True
            for _ in self._workers:
                self._jobs.put(None)

    def _count_out(self, worker: Worker) -> None:
        with self._lock:
            if worker.retired:
                return
            worker.retired = True
            self._workers.discard(worker)
            self._fill_place()

    def _let_wait(self, worker: Worker) -> bool:
        with self._lock:
            if worker.retired or self._away >= MOST_WAITING:
                return False
            self._away += 1
            self._workers.discard(worker)
            self._fill_place()
            return True

    def _take_back(self, worker: Worker) -> None:
        with self._lock:
            self._away -= 1
            if not worker.retired:
                self._workers.add(worker)

    def _fill_place(self) -> None:
        if self._free < 0 and len(self._workers) < self._size and not self._closed:
            self._add_worker()

    def _add_worker(self) -> None:
        self._free += 1
        worker = Worker(self)
        self._workers.add(worker)
        threading.Thread(target=self._work, args=(worker,), name=self._name, daemon=True).start()

    def _work(self, worker: Worker) -> None:
        worker.thread_id = threading.get_ident()
        while True:
            try:
                job = self._jobs.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                if self._may_end(worker):
                    return
                continue
            if job is None or self._closed:
                return
            try:
                job(worker)
            except BaseException:
                # Steps' own errors end in their lane; this one must not cost the pool a thread.
                _log.exception("a job of %s failed", self._name)
            del job  # what it held (a run, its values) must not live until the next one
            with self._lock:
                if worker.retired or self._closed:
                    return
                if len(self._workers) > self._size:  # it made room, and its place is taken
                    self._workers.discard(worker)
                    return
                self._free += 1

    def _may_end(self, worker: Worker) -> bool:
        with self._lock:
            if self._free <= 0:
                return False  # a job for us is on its way
            self._free -= 1
            self._workers.discard(worker)
            return True


shared_pool = WorkerPool(32, "blazen-steps")
"""Plain steps of workflows that run in this process."""
