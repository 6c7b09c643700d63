"""Stop, time-out and the end of a kernel: what runs on the peer ends, and the notebook says so."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from blazen_nb import PeerClient
from tests.eventually import eventually
from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel

LOOP = "%%blazen_remote\nprint('working')\nwhile True:\n    pass"
SLEEPING_STEP = """%%blazen_remote
import time
from blazen_nb import StartEvent, StopEvent, step

@step
def rest(ev: StartEvent) -> StopEvent:
    for _ in range(3000):
        time.sleep(0.01)
    return StopEvent()
"""
AWAITING = """import asyncio
from blazen_nb import AsyncPeerClient, StartEvent, StopEvent, Workflow, step

async def rests(ctx, ev):
    import asyncio
    await asyncio.sleep(60)

here = Workflow("here", [step(rests, id="stopping::here")])
client = await AsyncPeerClient.connect({address!r})
ids = await client.register_steps([rests])
started = await client.start_remote_workflow("started", ids)
"""


def runs_going(gpu0: PeerProcess) -> int:
    said = gpu0.said()
    starts = said.count(" starts: ")
    return starts - (
        said.count("DEBUG blazen_nb.peer: run") + said.count("INFO blazen_nb.peer: run") - starts
    )


def test_an_interrupt_cancels_the_run_and_the_cells_behind_do_not_run(
    kernel: Kernel, gpu0: PeerProcess
) -> None:
    running = kernel.send(LOOP)
    behind = kernel.send("behind = True")
    kernel.wait_for(running, "working")
    kernel.interrupt()
    cell = kernel.wait(running)
    assert cell.error == "KeyboardInterrupt"
    assert "on gpu0 ended: cancelled" in cell.message
    assert len(cell.traceback) < 5
    assert "Cancelled" in cell.shown[0]["text/html"]
    assert kernel.wait(behind).status == "ok"  # told to the front end as aborted, not as run
    assert kernel.run("'behind' in dir()").text == "False"
    assert gpu0.said().splitlines()[-1].split(": ")[-1].startswith("cancelled")


def test_an_interrupt_at_any_moment_leaves_no_run_behind(kernel: Kernel, gpu0: PeerProcess) -> None:
    for step in range(10):
        running = kernel.send(
            f"print('begins')\nget_ipython().run_cell_magic('blazen_remote', '', {LOOP[16:]!r})"
        )
        kernel.wait_for(running, "begins")
        threading.Event().wait(step * 0.003)  # the moment is what is tested: nothing announces it
        kernel.interrupt()
        cell = kernel.wait(running)
        assert cell.error == "KeyboardInterrupt"
        eventually(lambda: runs_going(gpu0) == 0)


def test_an_interrupt_ends_a_step_that_sleeps(kernel: Kernel, gpu0: PeerProcess) -> None:
    running = kernel.send(SLEEPING_STEP)
    kernel.wait_for(running, "widget-view")
    eventually(lambda: runs_going(gpu0) == 1)
    kernel.interrupt()
    cell = kernel.wait(running)
    assert cell.error == "KeyboardInterrupt"
    assert "on gpu0 ended: cancelled" in cell.message
    assert kernel.run("%%blazen_remote\n'next'").text == "'next'"


def interrupted_after(kernel: Kernel, code: str) -> tuple[float, str]:
    """How long a cell that awaits this takes to end, and the error in which it ends."""
    running = kernel.send(f"print('begins')\n{code}")
    kernel.wait_for(running, "begins")
    # Nothing announces that the kernel's loop has nothing to do any more: only then is an interrupt missed.
    threading.Event().wait(0.3)
    pressed = time.monotonic()
    kernel.interrupt()
    cell = kernel.wait(running)
    return time.monotonic() - pressed, cell.error


def test_an_interrupt_stops_a_cell_that_awaits_a_run_and_cancels_the_run_it_called(
    fresh_kernel: Kernel, gpu0: PeerProcess
) -> None:
    assert fresh_kernel.run(AWAITING.format(address=gpu0.address)).error == ""
    eventually(lambda: runs_going(gpu0) == 1)
    ends = {}
    for code in (
        "await client.run_remote_workflow('called', ids)",
        "await started",
        "await started.result()",
        "async for _ in started.events(): pass",
        "await here.run()",
        "await (await here.run_with_handler())",
    ):
        ends[code] = interrupted_after(fresh_kernel, code)
        eventually(lambda: runs_going(gpu0) == 1)  # the one that was started goes on
    assert "called: cancelled" in gpu0.said()
    assert fresh_kernel.run("started.outcome").text == ""
    fresh_kernel.run("started.cancel()")
    assert fresh_kernel.run("await started").error == "WorkflowCancelledError"
    assert fresh_kernel.run("await client.close(); 'next'").text == "'next'"
    assert {error for _, error in ends.values()} <= {"CancelledError", "KeyboardInterrupt"}
    assert all(seconds < 0.3 for seconds, _ in ends.values()), ends


def test_a_run_over_its_time_ends_as_timed_out(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote --timeout 1\nwhile True:\n    pass")
    assert cell.error == "WorkflowTimeoutError"
    assert "timed out after 1 s" in cell.message


def test_a_run_of_a_notebook_that_is_gone_can_be_found_and_ended(
    kernel: Kernel, fresh_kernel: Kernel, gpu0: PeerProcess
) -> None:
    def running_lines() -> list[str]:
        return [
            line for line in kernel.run("%blazen_runs").stdout.splitlines() if "running" in line
        ]

    assert running_lines() == []
    fresh_kernel.run("%load_ext blazen_nb")
    fresh_kernel.run(f"%blazen_connect gpu0 {gpu0.address}")
    running = fresh_kernel.send(LOOP)
    fresh_kernel.wait_for(running, "working")
    fresh_kernel.kill()
    assert "1 running" in kernel.run("%blazen_peers").stdout
    (line,) = running_lines()
    assert "cell [5] on gpu0" in line
    assert "no run starts with 'ffffff'" in kernel.run("%blazen_cancel ffffff").stderr
    assert (
        kernel.run(f"%blazen_cancel {line.split()[0]}").stdout
        == "cell [5] on gpu0 was told to end\n"
    )
    eventually(lambda: running_lines() == [])
    assert f"{line.split()[0]}  cell [5] on gpu0, cancelled" in kernel.run("%blazen_runs").stdout


def test_nothing_is_left_in_a_kernel_that_unloads_the_extension(
    fresh_kernel: Kernel, gpu0: PeerProcess
) -> None:
    fresh_kernel.run("import os, threading, psutil; me = psutil.Process()")
    fresh_kernel.run("%load_ext blazen_nb")
    before = fresh_kernel.run("sorted(t.name for t in threading.enumerate())").text
    fresh_kernel.run("%blazen_connect here local --launch")
    fresh_kernel.run(f"%blazen_connect gpu0 {gpu0.address}")
    assert fresh_kernel.run("%%blazen_remote -p gpu0\n1").text == "1"
    ports = "[c.laddr.port for c in me.net_connections() if c.status == 'LISTEN']"
    with_peers = fresh_kernel.run(f"len({ports})").text
    fresh_kernel.run("%unload_ext blazen_nb")
    eventually(
        lambda: fresh_kernel.run("sorted(t.name for t in threading.enumerate())").text == before,
        message="threads are left",
    )
    assert fresh_kernel.run(f"len({ports})").text <= with_peers
    assert "not found" in fresh_kernel.run("%%blazen_remote\n1").stderr


def test_the_run_of_a_kernel_that_dies_goes_on_and_its_session_is_gone(
    fresh_kernel: Kernel, gpu0: PeerProcess, tmp_path: Path
) -> None:
    fresh_kernel.run("%load_ext blazen_nb")
    fresh_kernel.run(f"%blazen_connect gpu0 {gpu0.address}")
    told = tmp_path / "told"
    running = fresh_kernel.send(
        "%%blazen_remote\nimport pathlib, time\nprint('working')\n"
        f"while not pathlib.Path({str(told)!r}).exists():\n    time.sleep(0.01)"
    )
    fresh_kernel.wait_for(running, "working")
    with PeerClient.connect(gpu0.address) as client:
        before = client.describe().sessions
        fresh_kernel.kill()
        eventually(lambda: client.describe().sessions == before - 1)
        assert len(client.describe().runs) == 1
        told.touch()
        eventually(lambda: client.describe().runs == ())
    assert "succeeded" in [line for line in gpu0.said().splitlines() if " run " in line][-1]
