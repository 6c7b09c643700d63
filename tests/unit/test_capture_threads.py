"""Threads, tasks, pools and forks of captured steps."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from blazen_nb.peer import capture
from tests.unit.capture_support import Recorder, installed

WAIT = 5


@installed()
def test_concurrent_threads_and_tasks_do_not_hear_each_other() -> None:
    sinks = {name: Recorder() for name in ("t0", "t1", "t2", "a0", "a1", "a2")}
    together = threading.Barrier(4, timeout=WAIT)

    def speak(name: str) -> None:
        print(f"{name} print")
        print(f"{name} error", file=sys.stderr)
        logging.getLogger("captured").warning("%s log", name)

    def thread_step(name: str) -> None:
        with capture.capturing(sinks[name]):
            together.wait()
            for _ in range(50):
                speak(name)

    async def task_step(name: str) -> None:
        with capture.capturing(sinks[name]):
            for _ in range(50):
                speak(name)
                await asyncio.sleep(0)
            await asyncio.to_thread(print, f"{name} to_thread")

    async def tasks() -> None:
        together.wait()
        await asyncio.gather(*(task_step(name) for name in sinks if name.startswith("a")))

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(thread_step, name) for name in sinks if name.startswith("t")]
        asyncio.run(tasks())
        for future in futures:
            future.result(WAIT)

    for name, sink in sinks.items():
        lines = (sink.stdout + sink.stderr).splitlines()
        assert {line.split()[0] for line in lines} == {name}
        assert sink.stdout.count("print") == sink.stderr.count("error") == 50
        assert sink.stdout.count("to_thread") == (name[0] == "a")


@installed()
def test_a_thread_started_in_a_step_belongs_to_it(capfd: pytest.CaptureFixture[str]) -> None:
    sink = Recorder()

    def child() -> None:
        print("from the child")
        grandchild = threading.Thread(target=print, args=("from the grandchild",))
        grandchild.start()
        grandchild.join(WAIT)

    with capture.capturing(sink):
        thread = threading.Thread(target=child)
        thread.start()
        thread.join(WAIT)
    outsider = threading.Thread(target=print, args=("from outside",))
    outsider.start()
    outsider.join(WAIT)

    assert sink.stdout == "from the child\nfrom the grandchild\n"
    assert capfd.readouterr().out == "from outside\n"
    assert "run" not in vars(thread)


@installed()
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_traceback_of_a_dying_child_thread_reaches_the_step() -> None:
    sink = Recorder()
    said = threading.excepthook
    threading.excepthook = threading.__excepthook__
    try:
        with capture.capturing(sink):
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start()
            thread.join(WAIT)
    finally:
        threading.excepthook = said

    assert "ZeroDivisionError: division by zero" in sink.stderr


@installed()
def test_work_given_to_a_pool_belongs_to_the_step_that_gave_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    first, second = Recorder(), Recorder()
    with ThreadPoolExecutor(1) as pool:
        with capture.capturing(first):
            pool.submit(print, "first").result(WAIT)
        with capture.capturing(second):
            assert list(pool.map(str.upper, ["a", "b"])) == ["A", "B"]
            pool.submit(print, "second").result(WAIT)
        pool.submit(print, "nobody's").result(WAIT)

    assert (first.stdout, second.stdout) == ("first\n", "second\n")
    assert capfd.readouterr().out == "nobody's\n"


def in_a_child(number: int) -> int:
    # One write each: the children run side by side.
    sys.stdout.write(f"child says {number}\n")
    sys.stderr.write("child's stderr\n")
    sys.stdout.flush()
    return number * number


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@installed()
def test_a_forked_pool_works_inside_a_step_and_writes_to_the_real_stream(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Locked(Recorder):
        lock = threading.Lock()

        def write(self, stream: str, text: str) -> None:
            with self.lock:
                super().write(stream, text)

    sink = Locked()
    with capture.capturing(sink):
        print("parent before")
        with sink.lock:  # Held at the fork: a child that spoke to the sink would wait for ever.
            pool = multiprocessing.get_context("fork").Pool(2)
        with pool:
            squares = pool.map_async(in_a_child, range(4)).get(WAIT)
            pool.close()
            pool.join()
        print("parent after")

    shown = capfd.readouterr()
    assert squares == [0, 1, 4, 9]
    assert sink.stdout == "parent before\nparent after\n"
    assert sorted(shown.out.split("\n")) == ["", *(f"child says {n}" for n in range(4))]
    assert "child's stderr" in shown.err
    assert "Traceback" not in shown.err
