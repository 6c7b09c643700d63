"""Threads for plain steps: bounded, gone when idle, replaceable when stuck."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Iterator

import pytest

from blazen_nb.engine import workers
from blazen_nb.engine.workers import Job, Worker, WorkerPool
from tests.eventually import eventually

SECONDS = 5.0


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What stuck jobs wait for; set at the end, so that their threads go."""
    event = threading.Event()
    yield event
    event.set()


class Sticking:
    """A job that keeps its worker until it is released."""

    def __init__(self, release: threading.Event) -> None:
        self.inside = threading.Event()
        self._release = release

    def __call__(self, worker: Worker) -> None:
        self.worker = worker
        self.thread = threading.current_thread()
        self.inside.set()
        self._release.wait(SECONDS)

    def submitted_to(self, pool: WorkerPool) -> Sticking:
        """The job, once it has a worker."""
        pool.submit(self)
        assert self.inside.wait(SECONDS)
        return self


def threads_of(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def setting(done: threading.Event) -> Job:
    return lambda _: done.set()


def holding(value: object) -> Job:
    return lambda _: void(value)


def void(_: object) -> None:
    return None


def test_jobs_run_on_threads_of_the_pools_name() -> None:
    pool = WorkerPool(1, "pool-named")
    done = threading.Event()
    seen: list[str] = []
    pool.submit(lambda _: seen.append(threading.current_thread().name))
    pool.submit(lambda _: done.set())
    assert done.wait(SECONDS)
    assert seen == ["pool-named"]
    pool.close()


def test_no_more_threads_than_its_size_and_every_job_runs(release: threading.Event) -> None:
    pool = WorkerPool(3, "pool-bound")
    started = threading.Semaphore(0)
    done = threading.Semaphore(0)

    def job(_: Worker) -> None:
        started.release()
        release.wait(SECONDS)
        done.release()

    for _ in range(10):
        pool.submit(job)
    for _ in range(3):
        assert started.acquire(timeout=SECONDS)
    assert len(threads_of("pool-bound")) == 3
    assert not started.acquire(blocking=False)
    release.set()
    for _ in range(10):
        assert done.acquire(timeout=SECONDS)
    assert len(threads_of("pool-bound")) <= 3
    pool.close()


def test_a_free_thread_takes_the_next_job() -> None:
    pool = WorkerPool(8, "pool-reuse")
    seen: list[int] = []
    for _ in range(20):
        done = threading.Event()

        def job(_: Worker, done: threading.Event = done) -> None:
            seen.append(threading.get_ident())
            done.set()

        pool.submit(job)
        assert done.wait(SECONDS)
    # A worker counts as free a moment after its job: now and then a second thread is started.
    assert len(set(seen)) <= 3
    pool.close()


def test_idle_threads_end_and_the_pool_works_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.01)
    pool = WorkerPool(4, "pool-idle")
    for _ in range(3):
        done = threading.Event()
        pool.submit(setting(done))
        assert done.wait(SECONDS)
        for thread in threads_of("pool-idle"):
            thread.join(SECONDS)
        assert threads_of("pool-idle") == []
    pool.close()


def test_a_retired_worker_is_replaced_where_jobs_wait(release: threading.Event) -> None:
    pool = WorkerPool(1, "pool-retire")
    done = threading.Event()
    stuck = Sticking(release).submitted_to(pool)
    pool.submit(lambda _: done.set())
    assert not done.is_set()
    stuck.worker.retire()
    assert done.wait(SECONDS)
    stuck.worker.retire()
    assert stuck.worker.retired
    pool.close()


def test_a_retired_worker_makes_room_for_a_later_job(release: threading.Event) -> None:
    pool = WorkerPool(1, "pool-retire-later")
    stuck = Sticking(release).submitted_to(pool)
    stuck.worker.retire()
    done = threading.Event()
    pool.submit(lambda _: done.set())
    assert done.wait(SECONDS)
    pool.close()


def test_a_retired_worker_ends_after_its_job(release: threading.Event) -> None:
    pool = WorkerPool(1, "pool-retired-ends")
    stuck = Sticking(release).submitted_to(pool)
    stuck.worker.retire()
    release.set()
    stuck.thread.join(SECONDS)
    assert not stuck.thread.is_alive()
    pool.close()


def test_a_job_that_raises_costs_the_pool_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    pool = WorkerPool(1, "pool-raises")

    def fails(_: Worker) -> None:
        raise ValueError("broken job")

    done = threading.Event()
    with caplog.at_level(logging.ERROR, "blazen_nb.engine"):
        pool.submit(fails)
        pool.submit(lambda _: done.set())
        assert done.wait(SECONDS)
    assert "a job of pool-raises failed" in caplog.text
    pool.close()


def test_a_closed_pool_drops_what_waits_and_its_threads_end(release: threading.Event) -> None:
    pool = WorkerPool(1, "pool-closed")
    ran: list[str] = []
    Sticking(release).submitted_to(pool)
    pool.submit(lambda _: ran.append("waited"))
    pool.close()
    pool.submit(lambda _: ran.append("late"))
    release.set()
    for thread in threads_of("pool-closed"):
        thread.join(SECONDS)
    assert threads_of("pool-closed") == []
    assert ran == []


def test_an_idle_worker_holds_nothing_of_its_last_job() -> None:
    class Big:
        pass

    pool = WorkerPool(1, "pool-lets-go")
    big = Big()
    gone = threading.Event()
    weakref.finalize(big, gone.set)
    gc.disable()
    try:
        pool.submit(holding(big))
        del big
        assert gone.wait(SECONDS)
    finally:
        gc.enable()
    pool.close()


class Waiting:
    """A job that makes room while it waits, and goes on when it is told."""

    def __init__(self, told: threading.Event) -> None:
        self.waits, self.went_on = threading.Event(), threading.Event()
        self._told = told

    def __call__(self, worker: Worker) -> None:
        self.worker = worker
        with worker.making_room():
            self.waits.set()
            self._told.wait(SECONDS)
        self.went_on.set()


def test_jobs_that_only_wait_leave_their_place_to_others(release: threading.Event) -> None:
    pool = WorkerPool(2, "pool-room")
    waiting = [Waiting(release) for _ in range(5)]
    for job in waiting:
        pool.submit(job)
    for job in waiting:
        assert job.waits.wait(SECONDS)
    done = threading.Event()
    pool.submit(setting(done))
    assert done.wait(SECONDS)
    release.set()
    for job in waiting:
        assert job.went_on.wait(SECONDS)
    eventually(lambda: len(threads_of("pool-room")) <= 2, message="the pool stays too large")
    done.clear()
    pool.submit(setting(done))
    assert done.wait(SECONDS)
    pool.close()


def test_only_so_many_jobs_make_room(
    release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MOST_WAITING", 1)
    pool = WorkerPool(1, "pool-most")
    waiting = [Waiting(release) for _ in range(2)]
    done = threading.Event()
    for job in waiting:
        pool.submit(job)
    pool.submit(setting(done))
    for job in waiting:
        assert job.waits.wait(SECONDS)
    assert not done.is_set()
    release.set()
    assert done.wait(SECONDS)
    pool.close()


def test_another_thread_makes_no_room_for_a_worker_that_is_at_work(
    release: threading.Event,
) -> None:
    pool = WorkerPool(1, "pool-other")
    sticking = Sticking(release).submitted_to(pool)
    done = threading.Event()
    pool.submit(setting(done))
    with sticking.worker.making_room():
        assert len(threads_of("pool-other")) == 1
    release.set()
    assert done.wait(SECONDS)
    pool.close()


def test_a_worker_that_is_retired_while_it_waits_is_replaced_once_and_ends(
    release: threading.Event,
) -> None:
    pool = WorkerPool(1, "pool-retired-waiting")
    waiting = Waiting(release)
    pool.submit(waiting)
    assert waiting.waits.wait(SECONDS)
    waiting.worker.retire()
    sticking = Sticking(release).submitted_to(pool)
    done = threading.Event()
    pool.submit(setting(done))
    assert len(threads_of("pool-retired-waiting")) == 2
    release.set()
    assert done.wait(SECONDS)
    eventually(lambda: threads_of("pool-retired-waiting") == [sticking.thread])
    pool.close()
