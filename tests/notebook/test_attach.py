"""Runs that a cell leaves alone, and runs that are shown again: in the same kernel, in a new one, after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel
from tests.notebook.outcome import Outcome

WAITS = """%%blazen_remote {options}
import pathlib, time
print("line one")
display({{"text/plain": "a picture"}}, raw=True)
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.01)
print("last line")
answer = 6 * 7
answer"""
STEPS = """%%blazen_remote --detach -o handle --input {"n": 3}
from blazen_nb import Context, Event, StartEvent, StopEvent, step


class Part(Event):
    n: int


@step
def split(ctx: Context, ev: StartEvent) -> list[Part]:
    return [Part(n=n) for n in range(ev.n)]


@step
def work(ctx: Context, ev: Part) -> StopEvent:
    print("working on", ev.n)
    return StopEvent(result=ev.n)"""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def connected(fresh_kernel: Kernel, gpu0: PeerProcess) -> Kernel:
    fresh_kernel.run("%load_ext blazen_nb")
    fresh_kernel.run(f"%blazen_connect gpu0 {gpu0.address}")
    return fresh_kernel


def card(outcome: Outcome) -> str:
    return str(outcome.shown[0].get("text/plain", ""))


def newest(kernel: Kernel) -> str:
    return kernel.run("%blazen_runs").stdout.split()[0]


def test_a_detached_cell_returns_at_once_and_its_run_is_shown_again_in_full(
    connected: Kernel, gate: Path
) -> None:
    left = connected.run(WAITS.format(options="--detach -o handle", gate=str(gate)))
    assert left.status == "ok"
    assert (left.stdout, left.text) == ("", "")
    assert connected.run("handle.outcome").text in ("None", "")
    attached = connected.send(f"%blazen_attach {newest(connected)}")
    connected.wait_for(attached, "line one")
    gate.touch()
    again = connected.wait(attached)
    assert again.stdout == "line one\nlast line\n"
    assert [shown.get("text/plain") for shown in again.shown[1:]] == ["a picture"]
    assert again.text == "42"
    assert connected.run("handle.result(5).result").text == "42"


def test_the_card_of_a_detached_run_stays_live_and_says_how_it_ended(
    connected: Kernel, gate: Path
) -> None:
    left = connected.run(WAITS.format(options="--detach", gate=str(gate)))
    assert "running" in card(left) or "queued" in card(left)
    gate.touch()
    connected.update(left, lambda: "succeeded" in card(left))
    assert "line one" in left.shown[0]["text/html"]
    assert "brings its result and 1 display: 42" in left.shown[0]["text/html"]
    assert (left.stdout, left.stderr) == ("", "")


def test_a_detached_workflow_shows_its_steps_and_gives_a_handle(connected: Kernel) -> None:
    left = connected.run(STEPS)
    said = "''.join(u.text for u in handle.updates() if type(u).__name__ == 'Output')"
    assert connected.run(f"'working on' in {said}").text == "True"
    assert connected.run("handle.result(5).workflow_name").status == "ok"
    connected.update(left, lambda: "succeeded" in card(left))
    assert "work" in left.shown[0]["text/html"]
    assert "RunHandle" in connected.run("repr(handle)").text


def test_a_restarted_kernel_finds_the_run_of_the_one_before(
    connected: Kernel, gpu0: PeerProcess, gate: Path, kernel: Kernel
) -> None:
    running = connected.send(WAITS.format(options="", gate=str(gate)))
    connected.wait_for(running, "line one")
    connected.kill()
    run = next(
        line.split()[0]
        for line in kernel.run("%blazen_runs").stdout.splitlines()
        if "running" in line
    )
    attached = kernel.send(f"%blazen_attach {run} -o answer")
    kernel.wait_for(attached, "line one")
    gate.touch()
    again = kernel.wait(attached)
    assert (again.stdout, again.text) == ("line one\nlast line\n", "42")


def test_attaching_without_a_name_takes_the_newest_run(kernel: Kernel) -> None:
    kernel.run("%%blazen_remote\nprint('the newest'); 'its result'")
    again = kernel.run("%blazen_attach")
    assert (again.stdout, again.text) == ("the newest\n", "'its result'")


def test_runs_are_listed_by_state_name_and_time(connected: Kernel, gate: Path) -> None:
    connected.run("%%blazen_remote\n1 / 0")
    connected.run(WAITS.format(options="--detach", gate=str(gate)))

    def states(options: str) -> list[str]:
        rows = connected.run(f"%blazen_runs {options}").stdout.splitlines()
        return [row.split(", ")[-2] for row in rows]

    assert states("--state running,waiting --since 1m") == ["running"]
    assert states("--state failed --since 1m")[0] == "failed"
    connected.run("wanted = 'running'")
    assert states("--state $wanted --since 1m") == ["running"]
    assert connected.run("%blazen_runs --workflow 'no such name'").stdout == "nothing runs\n"
    gate.touch()
    eventually(lambda: connected.run("%blazen_runs --state running").stdout == "nothing runs\n")


def test_a_failure_is_shown_again_with_its_lines(kernel: Kernel) -> None:
    first = kernel.run("%%blazen_remote\nhere = 0\n1 / here")
    again = kernel.run("%blazen_attach")
    assert (first.error, again.error) == ("WorkflowError", "WorkflowError")
    shown = "\n".join(again.traceback)
    assert len(again.traceback) < 25
    assert "1 / here" in shown
    assert "ZeroDivisionError" in shown


def test_an_interrupt_while_attached_cancels_the_run(connected: Kernel, gate: Path) -> None:
    connected.run(WAITS.format(options="--detach", gate=str(gate)))
    attached = connected.send("%blazen_attach")
    connected.wait_for(attached, "line one")
    connected.interrupt()
    assert connected.wait(attached).error == "KeyboardInterrupt"
    eventually(lambda: "cancelled" in connected.run("%blazen_runs").stdout.splitlines()[0])


def test_the_whole_log_of_a_flood_can_be_had(kernel: Kernel, tmp_path: Path) -> None:
    cell = kernel.run("%%blazen_remote\nfor i in range(40_000):\n    print(f'{i:050d}')")
    assert len(cell.stdout) < 1_000_000
    assert "of output left out" in cell.stderr
    assert "%blazen_attach" in cell.stderr
    target = tmp_path / "all.txt"
    said = kernel.run(f"%blazen_attach --log {str(target)!r}")
    assert said.stdout.startswith("2,040,000 bytes of ")
    assert target.read_text() == "".join(f"{i:050d}\n" for i in range(40_000))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%blazen_attach ffffff", "no run starts with 'ffffff'"),
        ("%blazen_attach --colour red", "no option '--colour'"),
        ("%blazen_attach --output sideways", "--output takes one of"),
        ("%blazen_runs now", "%blazen_runs [--all]"),
        ("%blazen_runs --state dead", "a run is never 'dead'; it is one of running"),
        ("%blazen_runs --since yesterday", "'yesterday' is no time"),
    ],
)
def test_a_wrong_line_says_what_is_right(kernel: Kernel, line: str, says: str) -> None:
    assert says in kernel.run(line).stderr


def test_a_kernel_with_a_detached_run_ends_without_a_word(connected: Kernel, gate: Path) -> None:
    left = connected.run(WAITS.format(options="--detach", gate=str(gate)))
    connected.run("%unload_ext blazen_nb")
    connected.update(left, lambda: "detached" in card(left))
    assert left.stderr == ""
    gate.touch()
