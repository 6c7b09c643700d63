"""The process's clock: callbacks in order, cancelled ones not, and it outlives whatever they do."""

from __future__ import annotations

import gc
import logging
import threading
import weakref

import pytest

from blazen_nb.engine import timers
from blazen_nb.engine.timers import ThreadClock


def test_timers_fire_in_the_order_they_are_due() -> None:
    clock = ThreadClock()
    fired: list[str] = []
    done = threading.Event()
    clock.call_later(0.07, done.set)
    clock.call_later(0.06, lambda: fired.append("last"))
    clock.call_later(0.0, lambda: fired.append("first"))
    clock.call_later(0.03, lambda: fired.append("second"))
    assert done.wait(5)
    assert fired == ["first", "second", "last"]


def test_a_cancelled_timer_does_not_fire() -> None:
    clock = ThreadClock()
    fired: list[str] = []
    done = threading.Event()
    clock.call_later(0.01, lambda: fired.append("cancelled")).cancel()
    clock.call_later(0.02, done.set)
    assert done.wait(5)
    assert fired == []


def test_a_timer_fires_once_and_cancel_after_that_does_nothing() -> None:
    clock = ThreadClock()
    fired: list[int] = []
    done = threading.Event()
    timer = clock.call_later(0.0, lambda: fired.append(1))
    clock.call_later(0.02, done.set)
    assert done.wait(5)
    timer.cancel()
    assert fired == [1]


def test_a_callback_that_raises_is_logged_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ThreadClock()
    done = threading.Event()

    def fail() -> None:
        raise ValueError("broken callback")

    with caplog.at_level(logging.ERROR, "blazen_nb.engine"):
        clock.call_later(0.0, fail)
        clock.call_later(0.01, done.set)
        assert done.wait(5)
    assert "a timer's callback failed" in caplog.text


def test_a_callback_may_set_the_next_timer() -> None:
    clock = ThreadClock()
    done = threading.Event()
    clock.call_later(0.0, lambda: void(clock.call_later(0.0, done.set)))
    assert done.wait(5)


def void(_: object) -> None:
    return None


def test_a_timer_beyond_what_a_thread_can_wait_leaves_the_clock_alive() -> None:
    clock = ThreadClock()
    done = threading.Event()
    clock.call_later(float("inf"), lambda: None)
    clock.call_later(1e300, lambda: None)
    clock.call_later(0.0, done.set)
    assert done.wait(5)
    again = threading.Event()
    clock.call_later(0.0, again.set)
    assert again.wait(5)


def test_the_thread_ends_when_idle_and_a_new_timer_starts_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timers, "IDLE_SECONDS", 0.01)
    clock = ThreadClock()
    threads: list[threading.Thread] = []
    for _ in range(2):
        done = threading.Event()
        clock.call_later(0.0, lambda: threads.append(threading.current_thread()))
        clock.call_later(0.0, done.set)
        assert done.wait(5)
        threads[-1].join(5)
        assert not threads[-1].is_alive()
    assert threads[0] is not threads[1]


def test_cancelled_timers_do_not_pile_up_until_they_would_have_been_due() -> None:
    clock = ThreadClock()
    for _ in range(20_000):
        clock.call_later(3600.0, lambda: None).cancel()
    assert len(clock._heap) < 5_000
    done = threading.Event()
    clock.call_later(0.0, done.set)
    assert done.wait(5)


def test_cancelling_while_timers_fire_never_stops_the_clock() -> None:
    clock = ThreadClock()
    stop = threading.Event()
    handles: list[timers.TimerHandle] = []

    def cancel_all() -> None:
        while not stop.is_set():
            for handle in handles[-50:]:
                handle.cancel()

    thread = threading.Thread(target=cancel_all)
    thread.start()
    try:
        for _ in range(5_000):
            handles.append(clock.call_later(0.0, lambda: None))
    finally:
        stop.set()
        thread.join(5)
    done = threading.Event()
    clock.call_later(0.0, done.set)
    assert done.wait(5)


def test_what_a_callback_holds_is_let_go_when_it_has_run() -> None:
    class Big:
        def touch(self) -> None:
            return None

    clock = ThreadClock()
    big = Big()
    alive = weakref.ref(big)
    gone = threading.Event()
    weakref.finalize(big, gone.set)
    gc.disable()
    try:
        timer = clock.call_later(0.0, big.touch)
        clock.call_later(60.0, lambda: None)  # keeps the clock's thread waiting
        del big
        assert gone.wait(5)
    finally:
        gc.enable()
    assert alive() is None
    timer.cancel()
