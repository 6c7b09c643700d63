"""The process's I/O loop: one for all users, gone with the last, and a blocking call that can be interrupted."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from blazen_nb.errors import ValidationError
from blazen_nb.wire import io_loop
from blazen_nb.wire.io_loop import IoLoop
from tests.eventually import eventually

SECONDS = 5.0


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else in this process uses the loop does not count here."""
    monkeypatch.setattr(io_loop, "_shared", None)


@pytest.fixture
def io() -> Iterator[IoLoop]:
    """The loop, given back at the end."""
    shared = io_loop.acquire()
    yield shared
    io_loop.release(shared)


def test_everybody_gets_the_same_loop_and_it_ends_with_the_last() -> None:
    before = set(threading.enumerate())
    first, second = io_loop.acquire(), io_loop.acquire()
    assert first is second
    io_loop.release(first)
    assert not first.loop.is_closed()
    io_loop.release(second)
    assert first.loop.is_closed()
    assert set(threading.enumerate()) <= before


def test_after_the_last_user_the_next_one_gets_a_new_loop() -> None:
    first = io_loop.acquire()
    io_loop.release(first)
    again = io_loop.acquire()
    try:
        assert again.run(asyncio.sleep(0, "works")) == "works"
    finally:
        io_loop.release(again)


def test_a_coroutine_runs_on_its_thread_and_the_caller_gets_the_result(io: IoLoop) -> None:
    async def where() -> tuple[bool, int]:
        return io.is_here, threading.get_ident()

    here, thread = io.run(where())
    assert here
    assert thread == io.thread_id != threading.get_ident()
    assert not io.is_here


def test_an_exception_comes_to_the_caller(io: IoLoop) -> None:
    async def fails() -> None:
        raise LookupError("there")

    with pytest.raises(LookupError, match="there"):
        io.run(fails())


def test_a_blocking_call_on_the_loop_itself_is_refused_because_it_would_never_end(
    io: IoLoop,
) -> None:
    async def blocks() -> str:
        with pytest.raises(ValidationError, match="would wait for itself"):
            io.run(asyncio.sleep(0))
        return "refused"

    assert io.run(blocks()) == "refused"


def test_a_call_that_takes_too_long_is_cancelled(io: IoLoop) -> None:
    cancelled = threading.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        io.run(waits(), timeout=0.02)
    assert cancelled.wait(SECONDS)


def test_what_still_runs_when_the_last_user_goes_is_cancelled() -> None:
    io = io_loop.acquire()
    started, cancelled = threading.Event(), threading.Event()

    async def waits() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    asyncio.run_coroutine_threadsafe(waits(), io.loop)
    assert started.wait(SECONDS)
    io_loop.release(io)
    assert cancelled.wait(SECONDS)


def test_given_back_on_its_own_thread_it_ends_without_waiting_for_itself() -> None:
    io = io_loop.acquire()
    io.loop.call_soon_threadsafe(io_loop.release, io)
    eventually(io.loop.is_closed, message="the loop goes on")


INTERRUPT = """
import asyncio, os, signal, threading, time
from blazen_nb.wire import io_loop
io = io_loop.acquire()
threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    io.run(asyncio.sleep(60))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_caller_that_waits_can_be_interrupted_and_the_process_ends_without_a_release() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", INTERRUPT],
        capture_output=True,
        text=True,
        timeout=9,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_gets_a_loop_of_its_own(io: IoLoop) -> None:
    script = """
import asyncio, os, sys
from blazen_nb.wire import io_loop
parent = io_loop.acquire()
child = os.fork()
if child == 0:
    own = io_loop.acquire()
    works = own is not parent and own.run(asyncio.sleep(0, True), timeout=5)
    os._exit(0 if works else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), parent.run(asyncio.sleep(0, "parent works")))
io_loop.release(parent)
"""
    # Python 3.12 and later warn of every fork beside threads; here it is what is tested.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=9, check=False)
    assert (done.stdout, done.stderr) == ("0 parent works\n", "")
