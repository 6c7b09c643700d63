"""Runs that outlive their cell, their page and their kernel, in JupyterLab."""

from __future__ import annotations

from pathlib import Path

from tests.eventually import eventually
from tests.notebook.conftest import PeerProcess
from tests.notebook.lab import BROWSER_MARKS, Browser, Lab

pytestmark = BROWSER_MARKS
CONNECT = ["%load_ext blazen_nb", "%blazen_connect gpu0 {address}"]
WAITS = """%%blazen_remote {options}
import pathlib, time
print("said before anybody left")
n = 0
while not pathlib.Path({gate!r}).exists():
    n += 1
    time.sleep(0.02)
print("said at the end")
"the result\""""


def cells(gpu0: PeerProcess, *more: str) -> list[str]:
    return [*(cell.format(address=gpu0.address) for cell in CONNECT), *more]


def test_a_detached_run_stays_live_and_is_attached_to_after_a_reload_of_the_page(
    lab: Lab, browser: Browser, gpu0: PeerProcess, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    left = WAITS.format(options="--detach", gate=str(gate))
    path = lab.write(
        "left.ipynb", cells(gpu0, left, "print('the next cell ran')", "%blazen_attach")
    )
    notebook = browser.open(lab, path)
    notebook.run(0, 3)
    notebook.wait_until_idle()
    page = notebook.page
    page.wait_for_selector(".bzn-card :text('said before anybody left') >> visible=true")
    assert "the next cell ran" in notebook.outputs(3)
    clock = ".bzn-card .bzn-h .bzn-r"
    first = page.locator(clock).first.inner_text()
    eventually(lambda: page.locator(clock).first.inner_text() != first)
    notebook.saved()
    notebook = browser.open(lab, path)  # the page is loaded anew, the kernel is the same
    notebook.run(4)
    page.wait_for_selector(".jp-OutputArea :text('said before anybody left') >> visible=true")
    gate.touch()
    notebook.wait_until_idle()
    said = notebook.outputs(4)
    assert "said at the end" in said
    assert "'the result'" in said
    assert browser.errors == []


def test_a_detached_run_is_attached_to_after_a_restart_of_the_kernel(
    lab: Lab, browser: Browser, gpu0: PeerProcess, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    left = WAITS.format(options="--detach", gate=str(gate))
    path = lab.write("restart.ipynb", cells(gpu0, left, "%blazen_attach"))
    notebook = browser.open(lab, path)
    notebook.run(0, 2)
    notebook.wait_until_idle()
    card = notebook.page.locator(".jp-CodeCell").nth(2)
    card.locator(":text('said before anybody left') >> visible=true").first.wait_for()
    notebook.restart_kernel()
    card.locator(":text('Detached')").wait_for()  # static: no widgets that lost their kernel
    notebook.run(0, 1)
    notebook.wait_until_idle()
    notebook.run(3)
    attached = notebook.page.locator(".jp-CodeCell").nth(3)
    attached.locator(":text('said before anybody left')").wait_for()
    gate.touch()
    notebook.wait_until_idle()
    said = notebook.outputs(3)
    assert "said at the end" in said
    assert "'the result'" in said
    assert "Succeeded" in said
    assert browser.errors == []


def test_a_run_that_a_cell_waits_for_is_there_after_a_restart_of_the_kernel(
    lab: Lab, browser: Browser, gpu0: PeerProcess, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    waits = WAITS.format(options="", gate=str(gate))
    path = lab.write("restart_waiting.ipynb", cells(gpu0, waits, "%blazen_attach"))
    notebook = browser.open(lab, path)
    notebook.run(0, 2)
    waiting = notebook.page.locator(".jp-CodeCell").nth(2)
    waiting.locator(":text('said before anybody left') >> visible=true").first.wait_for()
    waiting.locator(":text('Running') >> visible=true").first.wait_for()
    notebook.restart_kernel()
    notebook.page.wait_for_selector(".bzn-card.jupyter-widgets-disconnected")
    said = "e => getComputedStyle(e, '::before').content"
    assert "%blazen_attach" in waiting.locator(".bzn-card").evaluate(said)
    notebook.shot(2, "restarted-while-waiting")
    notebook.run(0, 1)
    notebook.wait_until_idle()
    notebook.run(3)
    attached = notebook.page.locator(".jp-CodeCell").nth(3)
    attached.locator(":text('said before anybody left')").wait_for()
    gate.touch()
    notebook.wait_until_idle()
    said = notebook.outputs(3)
    assert "said at the end" in said
    assert "'the result'" in said
    assert "Succeeded" in said
    assert browser.errors == []


def test_a_second_interrupt_leaves_the_run_and_says_how_to_see_it_again(
    lab: Lab, browser: Browser, gpu0: PeerProcess
) -> None:
    stubborn = "\n".join(
        [
            "%%blazen_remote",
            "import time",
            "print('working')",
            "end = time.monotonic() + 3",
            "while time.monotonic() < end:",
            "    try:",
            "        time.sleep(0.05)",
            "    except BaseException:",
            "        pass",
        ]
    )
    notebook = browser.open(lab, lab.write("twice.ipynb", cells(gpu0, stubborn)))
    notebook.run(0, 2)
    notebook.page.wait_for_selector(".jp-OutputArea :text('working')")
    notebook.press_stop()
    notebook.page.wait_for_selector(".bzn-card :text('cancelling the run')")
    notebook.press_stop()
    notebook.wait_until_idle()
    said = notebook.outputs(2)
    assert "Detached" in said or "Cancelled" in said
    assert "%blazen_attach" in said or "ended: cancelled" in said
    assert "KeyboardInterrupt" in said
