"""``Workflow.run_sync()``: everything on the calling thread, also where a loop is running already.

A loop that is made re-entrant stays so, and asyncio with it: those tests run in a process of their own.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import (
    Context,
    Event,
    RetryConfig,
    StartEvent,
    StopEvent,
    Workflow,
    WorkflowError,
    WorkflowTimeoutError,
    step,
)

SECONDS = 5.0


class Part(Event):
    number: int


# --- without a loop ------------------------------------------------------------------------------


@step(id="run_sync::split")
def split(ctx: Context, ev: StartEvent) -> list[Part]:
    ctx.session["threads"] = {threading.get_ident()}
    ctx.session["numbers"] = []
    return [Part(number=number) for number in range(ev.parts)]


@step(id="run_sync::work")
async def work(ctx: Context, ev: Part) -> Event:
    await asyncio.sleep(0)
    ctx.session["threads"].add(threading.get_ident())
    return Event("Worked", number=ev.number * 2)


@step(id="run_sync::join", accepts=["Worked"])
def join(ctx: Context, ev: Any) -> StopEvent | None:
    ctx.session["threads"].add(threading.get_ident())
    ctx.session["numbers"].append(ev.number)
    if len(ctx.session["numbers"]) < 10:
        return None
    return StopEvent(result=(sum(ctx.session["numbers"]), ctx.session["threads"]))


mixed = Workflow("mixed", [split, work, join], timeout=SECONDS)


def test_plain_and_async_steps_all_run_on_the_calling_thread() -> None:
    assert mixed.run_sync(parts=10).result == (90, {threading.get_ident()})


def test_several_threads_run_it_at_once() -> None:
    found: dict[int, Any] = {}
    together = threading.Barrier(4)

    def run() -> None:
        together.wait(SECONDS)
        found[threading.get_ident()] = mixed.run_sync(parts=10).result
        together.wait(SECONDS)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert found == {ident: (90, {ident}) for ident in found}
    assert len(found) == 4


async def test_beside_a_running_loop_a_thread_runs_it_as_if_there_were_none() -> None:
    total, threads = (await asyncio.to_thread(mixed.run_sync, parts=10)).result
    assert total == 90
    assert threads.isdisjoint({threading.get_ident()})


def test_failures_are_the_same_as_those_of_run() -> None:
    error = LookupError("gone")

    @step(id="run_sync::fails")
    def fails(ctx: Context, ev: StartEvent) -> StopEvent:
        raise error

    with pytest.raises(WorkflowError, match="gone") as caught:
        Workflow("fails", [fails]).run_sync()
    assert caught.value.__cause__ is error


def test_a_failed_step_is_tried_again() -> None:
    @step(retry=RetryConfig(max_retries=1, initial_delay_ms=1))
    def flaky(ctx: Context, ev: StartEvent) -> StopEvent:
        if ctx.attempt == 1:
            raise OSError
        return StopEvent(result=ctx.attempt)

    assert Workflow("flaky", [flaky]).run_sync().result == 2


def test_a_plain_step_that_never_looks_is_stopped_by_the_timeout() -> None:
    @step
    def spins(ctx: Context, ev: StartEvent) -> StopEvent:
        while True:
            pass

    with pytest.raises(WorkflowTimeoutError):
        Workflow("spins", [spins], timeout=0.05).run_sync()


def test_afterwards_the_thread_has_no_loop_as_before() -> None:
    mixed.run_sync(parts=10)
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


# --- where a loop runs ---------------------------------------------------------------------------

PRELUDE = """
import asyncio, json, os, signal, sys, threading, time
from blazen_nb import *

@step
async def waits(ctx, ev: StartEvent):
    await asyncio.sleep(0.02)
    return Event("Mid", x=ev.x)

@step(accepts=["Mid"])
def ends(ctx, ev):
    return StopEvent(result=ev.x + 1)

workflow = Workflow("w", [waits, ends])
said = {}
"""


def ran(tmp_path: Path, script: str) -> Any:
    """What the script put into ``said``; it must be silent about everything else."""
    file = tmp_path / "script.py"
    tail = "\nsys.stdout.write(json.dumps(said))\n"
    file.write_text(PRELUDE + textwrap.dedent(script) + tail)
    done = subprocess.run(
        [sys.executable, "-W", "error", file],
        capture_output=True,
        text=True,
        timeout=9,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_in_a_running_loop_it_gives_its_result_and_the_others_go_on_meanwhile(
    tmp_path: Path,
) -> None:
    said = ran(
        tmp_path,
        """
        async def other():
            while not said.get("result"):
                said["ticks"] = said.get("ticks", 0) + 1
                await asyncio.sleep(0)

        async def queued():
            await asyncio.sleep(0)
            said["queued"] = True

        async def cell():
            neighbour = asyncio.create_task(other())
            behind = asyncio.create_task(queued())
            me = asyncio.current_task()
            said["result"] = workflow.run_sync(x=1).result
            said["still me"] = asyncio.current_task() is me
            await neighbour
            await behind
            async with asyncio.timeout(5):
                await asyncio.sleep(0.001)
            said["after"] = (await workflow.run(x=2)).result

        asyncio.run(cell())
        """,
    )
    assert said.pop("ticks") > 1
    assert said == {"result": 2, "still me": True, "queued": True, "after": 3}


def test_the_loop_is_made_re_entrant_by_this_call_only(tmp_path: Path) -> None:
    said = ran(
        tmp_path,
        """
        async def cell():
            await workflow.run(x=1)
            said["before"] = "nest_asyncio2" in sys.modules
            workflow.run_sync(x=1)
            said["after"] = "nest_asyncio2" in sys.modules

        workflow.run_sync(x=1)
        asyncio.run(cell())
        """,
    )
    assert said == {"before": False, "after": True}


def test_steps_run_workflows_within_workflows_on_one_thread(tmp_path: Path) -> None:
    said = ran(
        tmp_path,
        """
        @step
        def outer(ctx, ev: StartEvent):
            return Event("Half", x=workflow.run_sync(x=ev.x).result)

        @step(accepts=["Half"])
        async def again(ctx, ev):
            first = workflow.run_sync(x=ev.x).result
            return StopEvent(result=first + (await workflow.run(x=10)).result)

        both = Workflow("both", [outer, again])
        said["alone"] = both.run_sync(x=1).result

        async def cell():
            return both.run_sync(x=2).result

        said["in a loop"] = asyncio.run(cell())
        """,
    )
    assert said == {"alone": 14, "in a loop": 15}


def test_a_failure_in_a_running_loop_is_raised_where_it_was_called(tmp_path: Path) -> None:
    said = ran(
        tmp_path,
        """
        @step
        async def fails(ctx, ev):
            raise LookupError("gone")

        async def cell():
            try:
                Workflow("fails", [fails]).run_sync()
            except WorkflowError as error:
                said["cause"] = repr(error.__cause__)
            said["next"] = workflow.run_sync(x=1).result

        asyncio.run(cell())
        """,
    )
    assert said == {"cause": "LookupError('gone')", "next": 2}


@pytest.mark.parametrize("in_a_loop", [True, False])
@pytest.mark.parametrize("plain", [True, False])
def test_an_interrupt_ends_the_step_at_once_and_nothing_of_it_goes_on(
    tmp_path: Path, in_a_loop: bool, plain: bool
) -> None:
    said = ran(
        tmp_path,
        f"""
        def interrupt():
            os.kill(os.getpid(), signal.SIGINT)

        @step
        def blocks(ctx, ev):
            threading.Timer(0.1, interrupt).start()
            time.sleep(60)

        @step
        async def sleeps(ctx, ev):
            threading.Timer(0.1, interrupt).start()
            try:
                await asyncio.sleep(60)
            finally:
                said["stopped"] = True

        def run():
            try:
                Workflow("long", [{"blocks" if plain else "sleeps"}]).run_sync()
            except KeyboardInterrupt:
                said["interrupted"] = True

        async def cell():
            run()
            await asyncio.sleep(0.01)
            said["left"] = len(asyncio.all_tasks()) - 1

        if {in_a_loop}:
            # As in a kernel: asyncio.run() would take the interrupt for itself.
            loop = asyncio.new_event_loop()
            loop.run_until_complete(cell())
            loop.close()
        else:
            run()
        """,
    )
    assert said["interrupted"]
    assert plain or said["stopped"]
    assert said.get("left", 0) == 0
