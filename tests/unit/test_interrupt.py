"""How code that does not look is stopped: only it, only while it runs, and nothing is left half done."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.interrupt import Segment, StepCancelled, guarded, uninterrupted
from blazen_nb.engine.lanes import AsyncLane, LoopHost
from blazen_nb.engine.reducer import ABANDON_SECONDS
from blazen_nb.engine.retry import RetryConfig
from blazen_nb.engine.run import Run
from blazen_nb.engine.step import Step
from blazen_nb.engine.stopping import INTERRUPT_SECONDS
from blazen_nb.engine.ticks import Attempt
from blazen_nb.engine.workers import WorkerPool
from blazen_nb.events import START, StartEvent, StopEvent
from tests.eventually import eventually
from tests.fake_clock import FakeClock

SECONDS = 5.0


class InThread:
    """A function that runs on a thread of its own, inside a segment."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.segment = Segment()
        self.entered = threading.Event()
        self.outcome: Any = None
        self._function = function
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self.entered.wait(SECONDS)

    def _run(self) -> None:
        try:
            self.outcome = self.segment.call(self._call)
        except BaseException as error:
            self.outcome = error

    def _call(self) -> Any:
        self.entered.set()
        return self._function()

    def join(self) -> Any:
        deadline = time.monotonic() + SECONDS
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._thread.join(0.05)
            # Hypothesis watches the garbage collector, and what hits its callback is swallowed there.
            if self.segment._swallowed:
                self.segment.interrupt()
        assert not self._thread.is_alive()
        return self.outcome


def spin() -> None:
    while True:
        pass


# --- a segment -----------------------------------------------------------------------------------


def test_a_loop_that_never_ends_is_stopped() -> None:
    running = InThread(spin)
    assert running.segment.interrupt()
    assert isinstance(running.join(), StepCancelled)


def test_code_that_handles_a_local_interrupt_handles_this_one_too() -> None:
    def careful() -> str:
        try:
            spin()
        except KeyboardInterrupt:
            return "saved"
        return "never"

    running = InThread(careful)
    running.segment.interrupt()
    assert running.join() == "saved"


def test_an_interrupt_that_a_finalizer_swallows_is_raised_again() -> None:
    finalizing = threading.Event()
    hit = threading.Event()

    class Late:
        def __del__(self) -> None:
            finalizing.set()
            hit.wait(SECONDS)
            for _ in range(1000):  # the exception is delivered in here, and goes no further
                pass

    def work() -> None:
        late = Late()
        del late
        spin()

    running = InThread(work)
    assert finalizing.wait(SECONDS)
    assert running.segment.interrupt()
    hit.set()
    eventually(running.segment.interrupt)
    assert isinstance(running.join(), StepCancelled)


def test_nobody_is_interrupted_where_nobody_is_inside() -> None:
    segment = Segment()
    assert not segment.interrupt()
    assert segment.call(lambda: 7) == 7
    assert not segment.interrupt()
    assert segment.entered_at == 0.0


def test_one_stay_is_interrupted_once() -> None:
    release = threading.Event()
    caught = threading.Event()

    def careful() -> str:
        try:
            spin()
        except KeyboardInterrupt:
            caught.set()
        release.wait(SECONDS)
        return "done"

    running = InThread(careful)
    assert running.segment.interrupt()
    assert caught.wait(SECONDS)
    assert not running.segment.interrupt()
    release.set()
    assert running.join() == "done"


def test_a_segment_passes_results_and_exceptions_on() -> None:
    segment = Segment()
    assert segment.call(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        segment.call(divmod, 1, 0)


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Threads take turns every few bytecodes, so that an interrupt may hit anywhere."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_switches")
def test_an_interrupt_never_hits_what_comes_after_the_segment() -> None:
    stop = threading.Event()
    current: list[Segment] = [Segment()]
    outside: list[BaseException] = []
    ends = {"returned": 0, "interrupted": 0}

    def short() -> None:
        for _ in range(50):
            pass

    def work() -> None:
        try:
            # Until both have been seen, however rarely the other thread gets its turn.
            while (sum(ends.values()) < 5_000 or min(ends.values()) == 0) and not stop.is_set():
                segment = current[0] = Segment()
                try:
                    segment.call(short)
                    ends["returned"] += 1
                except StepCancelled:
                    ends["interrupted"] += 1
        except BaseException as error:
            outside.append(error)

    def hit() -> None:
        while not stop.is_set():
            current[0].interrupt()

    threads = [threading.Thread(target=work), threading.Thread(target=hit)]
    for thread in reversed(
        threads
    ):  # the one that hits first, or all could be over before it begins
        thread.start()
    threads[0].join(SECONDS * 2)
    stop.set()
    threads[1].join(SECONDS)
    assert outside == []
    assert sum(ends.values()) >= 5_000
    assert min(ends.values()) > 0


# --- uninterrupted -------------------------------------------------------------------------------


def test_an_interrupt_waits_until_what_must_not_be_left_half_done_is_done() -> None:
    inside = threading.Event()
    go_on = threading.Event()
    done: list[str] = []

    def writes() -> None:
        with uninterrupted():
            inside.set()
            go_on.wait(SECONDS)
            done.append("written")
        done.append("went on")

    running = InThread(writes)
    assert inside.wait(SECONDS)
    assert running.segment.interrupt()
    assert not running.segment.interrupt()
    go_on.set()
    assert isinstance(running.join(), StepCancelled)
    assert done == ["written"]


@pytest.mark.usefixtures("quick_switches")
def test_two_counters_never_differ_however_often_the_loop_is_interrupted() -> None:
    for _ in range(100):
        counts = [0, 0]
        busy = threading.Event()

        def count(counts: list[int] = counts, busy: threading.Event = busy) -> None:
            while True:
                with uninterrupted():
                    counts[0] += 1
                    busy.set()
                    counts[1] += 1

        running = InThread(count)
        assert busy.wait(SECONDS)
        running.segment.interrupt()
        assert isinstance(running.join(), StepCancelled)
        assert counts[0] == counts[1]


def test_holds_of_a_segment_inside_another_protect_from_both() -> None:
    inside = threading.Event()
    go_on = threading.Event()
    done: list[str] = []

    def writes() -> None:
        with uninterrupted():
            inside.set()
            go_on.wait(SECONDS)
            done.append("written")

    running = InThread(lambda: Segment().call(writes))
    assert inside.wait(SECONDS)
    running.segment.interrupt()
    go_on.set()
    assert isinstance(running.join(), StepCancelled)
    assert done == ["written"]


def test_outside_of_a_step_uninterrupted_does_nothing() -> None:
    with uninterrupted():
        value = 1
    assert value == 1


def test_after_a_segment_an_exception_in_an_uninterrupted_block_passes() -> None:
    def fails() -> None:
        with uninterrupted():
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        Segment().call(fails)
    with uninterrupted():
        pass


# --- guarded coroutines --------------------------------------------------------------------------


async def test_a_guarded_coroutine_gives_results_exceptions_and_cancels_as_if_alone() -> None:
    async def adds() -> int:
        await asyncio.sleep(0)
        return 3

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def catches() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "cleaned up"
        return "never"

    assert await guarded(adds(), Segment()) == 3
    with pytest.raises(ValueError, match="no"):
        await guarded(fails(), Segment())
    task = asyncio.ensure_future(_awaiting(guarded(catches(), Segment())))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "cleaned up"


async def _awaiting(awaitable: Any) -> Any:
    return await awaitable


def test_interrupting_a_coroutine_that_never_awaits_leaves_its_neighbours_alone() -> None:
    segments: dict[str, Segment] = {"spins": Segment(), "waits": Segment()}
    spinning = threading.Event()

    async def spins() -> None:
        spinning.set()
        spin()

    async def waits(release: asyncio.Event) -> str:
        await release.wait()
        return "fine"

    async def main() -> list[Any]:
        release = asyncio.Event()
        waiting = asyncio.ensure_future(_awaiting(guarded(waits(release), segments["waits"])))
        await asyncio.sleep(0)
        seen: list[Any] = []
        try:
            await guarded(spins(), segments["spins"])
        except StepCancelled as error:
            seen.append(error)
        release.set()
        return [*seen, await waiting]

    def interrupts() -> None:
        assert spinning.wait(SECONDS)
        assert not segments["waits"].interrupt()
        assert segments["spins"].interrupt()

    thread = threading.Thread(target=interrupts)
    thread.start()
    stopped, neighbour = asyncio.run(main())
    thread.join(SECONDS)
    assert isinstance(stopped, StepCancelled)
    assert neighbour == "fine"


# --- runs ----------------------------------------------------------------------------------------


class Started:
    """A run with a clock that the test moves; its plain steps run on a pool of one."""

    def __init__(
        self, function: Callable[..., Any], pool: WorkerPool, clock: FakeClock, **settings: Any
    ) -> None:
        self.ended = threading.Event()
        step = Step(function, step_id="work", accepts=(START,), emits=(), **settings)
        self.run = Run(
            Graph([step]),
            ThreadHost(pool),
            on_end=lambda _: self.ended.set(),
            clock=clock,
        )
        self.run.start(StartEvent())


class ThreadHost(LoopHost):
    """Only plain steps."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def spawn(self, run: Run, attempts: Sequence[Attempt]) -> None:
        from functools import partial

        from blazen_nb.engine.lanes import drive_on_worker

        for attempt in attempts:
            self._pool.submit(partial(drive_on_worker, run=run, attempt=attempt))


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool(1, "interrupt-steps")
    yield made
    made.close()


def test_a_cancelled_plain_step_that_spins_is_stopped_and_its_thread_works_on(
    pool: WorkerPool,
) -> None:
    clock = FakeClock()
    spinning = threading.Event()
    threads: list[int] = []

    def spins(ctx: Any, ev: Any) -> None:
        threads.append(threading.get_ident())
        spinning.set()
        spin()

    started = Started(spins, pool, clock)
    assert spinning.wait(SECONDS)
    started.run.cancel("stop it")
    assert not started.ended.is_set()
    clock.advance(INTERRUPT_SECONDS)
    assert started.ended.wait(SECONDS)
    finish = started.run.finish
    assert finish is not None
    assert (finish.outcome, finish.message) == ("cancelled", "stop it")

    def answers(ctx: Any, ev: Any) -> StopEvent:
        threads.append(threading.get_ident())
        return StopEvent(result=1)

    again = Started(answers, pool, clock)
    assert again.ended.wait(SECONDS)
    assert again.run.finish is not None
    assert again.run.finish.outcome == "succeeded"
    assert threads[0] == threads[1]


def test_a_plain_step_that_looks_stops_before_it_would_be_interrupted(pool: WorkerPool) -> None:
    clock = FakeClock()
    looking = threading.Event()
    seen: list[str] = []

    def looks(ctx: Any, ev: Any) -> None:
        looking.set()
        while not ctx.cancelled:
            pass
        seen.append("looked")

    started = Started(looks, pool, clock)
    assert looking.wait(SECONDS)
    started.run.cancel("stop it")
    assert started.ended.wait(SECONDS)
    assert seen == ["looked"]


def test_a_step_stuck_in_one_long_call_is_abandoned_and_its_thread_replaced(
    pool: WorkerPool,
) -> None:
    clock = FakeClock()
    stuck, release, left = threading.Event(), threading.Event(), threading.Event()

    def sticks(ctx: Any, ev: Any) -> StopEvent:
        stuck.set()
        try:
            release.wait(SECONDS * 2)
            return StopEvent(result="too late")
        finally:
            left.set()

    started = Started(sticks, pool, clock)
    assert stuck.wait(SECONDS)
    started.run.cancel("stop it")
    clock.advance(INTERRUPT_SECONDS)
    assert not started.ended.is_set()
    clock.advance(ABANDON_SECONDS)
    assert started.ended.wait(SECONDS)
    assert [attempt.step.step_id for attempt in started.run.abandoned] == ["work"]

    done = threading.Event()
    pool.submit(lambda _: done.set())
    assert done.wait(SECONDS)
    release.set()
    assert left.wait(SECONDS)
    assert started.run.finish is not None
    assert started.run.finish.outcome == "cancelled"


def test_a_step_that_speaks_in_a_loop_is_interrupted_between_two_events_not_within_one(
    pool: WorkerPool,
) -> None:
    for _ in range(10):
        clock = FakeClock()
        speaking = threading.Event()

        def speaks(ctx: Any, ev: Any, speaking: threading.Event = speaking) -> None:
            while True:
                ctx.send_event(StartEventOfNobody)
                speaking.set()

        started = Started(speaks, pool, clock)
        assert speaking.wait(SECONDS)
        started.run.cancel("stop it")
        clock.advance(INTERRUPT_SECONDS)
        assert started.ended.wait(SECONDS)
        state = started.run.state
        assert (state.running, state.stopping, state.finished) == ({}, {}, True)
        assert started.run._lock.acquire(timeout=SECONDS)
        started.run._lock.release()


StartEventOfNobody = StopEvent._from_fields("", {})
StartEventOfNobody.event_type = "Nobody"


def test_what_a_failed_attempt_held_is_free_before_the_next_one_starts(pool: WorkerPool) -> None:
    class Big:
        pass

    clock = FakeClock()
    alive: list[weakref.ref[Big]] = []
    seen: list[bool] = []

    def fails_once(ctx: Any, ev: Any) -> StopEvent:
        if ctx.attempt == 1:
            big = Big()
            alive.append(weakref.ref(big))
            raise ValueError("out of memory")
        seen.append(alive[0]() is None)
        return StopEvent()

    gc.disable()
    try:
        retry = RetryConfig(max_retries=1, initial_delay_ms=100, jitter=False)
        started = Started(fails_once, pool, clock, retry=retry)
        clock.wait_for_timer(0.1)
        after = threading.Event()
        pool.submit(lambda _: after.set())  # the pool's one thread has left the failed attempt
        assert after.wait(SECONDS)
        clock.advance(0.1)
        assert started.ended.wait(SECONDS)
    finally:
        gc.enable()
    assert seen == [True]


class GuardedHost(LoopHost):
    """Async steps on a loop whose synchronous stretches may be interrupted, as on a peer."""

    def _start(self, run: Run, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._keep(AsyncLane(self._loop, guard=True).start(run, attempt))


def test_an_async_step_that_never_awaits_is_stopped_where_the_loop_is_guarded(
    pool: WorkerPool,
) -> None:
    clock = FakeClock()
    spinning = threading.Event()
    runs: list[Run] = []

    async def spins(ctx: Any, ev: Any) -> None:
        spinning.set()
        spin()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        step = Step(spins, step_id="spins", accepts=(START,), emits=())
        host = GuardedHost(loop, pool)
        run = Run(Graph([step]), host, on_end=lambda _: ended.set(), clock=clock)
        runs.append(run)
        run.start(StartEvent())
        async with asyncio.timeout(SECONDS):
            await ended.wait()

    def stops() -> None:
        assert spinning.wait(SECONDS)
        runs[0].cancel("stop it")
        clock.advance(INTERRUPT_SECONDS)

    thread = threading.Thread(target=stops)
    thread.start()
    asyncio.run(main())
    thread.join(SECONDS)
    assert runs[0].finish is not None
    assert runs[0].finish.outcome == "cancelled"
