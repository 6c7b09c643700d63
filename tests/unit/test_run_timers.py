"""The timers of one run: they stand still, go on, and hold nothing that has ended."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from blazen_nb import Context, Event, StartEvent, StopEvent, Workflow, WorkflowHandler, step
from blazen_nb.engine.run_timers import RunTimers
from tests.fake_clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_timer_that_is_held_is_due_as_much_later_and_says_what_is_left(clock: FakeClock) -> None:
    timers, fired = RunTimers(clock), list[float]()

    def fire() -> None:
        fired.append(clock.monotonic())

    timers.start("run", 10.0, fire)
    clock.advance(4.0)
    timers.hold("run")
    assert timers.left("run") == 6.0
    clock.advance(100.0)
    assert (fired, timers.left("run")) == ([], 6.0)
    timers.go_on("run", fire)
    clock.advance(5.0)
    assert (fired, timers.left("run")) == ([], 1.0)
    clock.advance(1.0)
    assert fired == [110.0]


def test_what_is_not_there_can_be_held_stopped_and_asked_for(clock: FakeClock) -> None:
    timers, fired = RunTimers(clock), list[bool]()
    timers.hold("run")
    timers.go_on("run", lambda: fired.append(True))
    timers.stop("run")
    assert timers.left("run") is None
    assert clock.pending() == []


def test_a_timer_that_was_stopped_while_it_was_held_does_not_come_back(clock: FakeClock) -> None:
    timers, fired = RunTimers(clock), list[bool]()
    timers.start("run", 1.0, lambda: fired.append(True))
    timers.hold("run")
    timers.stop("run")
    timers.go_on("run", lambda: fired.append(True))
    clock.advance(5.0)
    assert fired == []


def test_starting_a_key_again_forgets_the_first(clock: FakeClock) -> None:
    timers, fired = RunTimers(clock), list[str]()
    timers.start(("step", 1), 1.0, lambda: fired.append("first"))
    timers.start(("step", 1), 2.0, lambda: fired.append("second"))
    timers.start(("step", 2), 1.0, lambda: fired.append("other"))
    clock.advance(5.0)
    assert fired == ["other", "second"]


@step(id="timers::speaks", timeout=60)
async def speaks(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Said"))
    return StopEvent()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("paused", [False, True])
async def test_a_run_that_has_ended_is_free_without_the_collector(paused: bool) -> None:
    async def weakly() -> weakref.ref[object]:
        handler: WorkflowHandler = await Workflow("w", [speaks], timeout=60).run_with_handler()
        if paused:
            await handler.pause()
            await handler.snapshot()
            await handler.resume_in_place()
        await handler.result()
        return weakref.ref(handler._run)

    assert (await weakly())() is None
