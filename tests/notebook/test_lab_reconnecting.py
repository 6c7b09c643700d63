"""A connection that is cut while a cell runs, seen through Chromium: its card says so, and goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.eventually import eventually
from tests.faults.road import Road, road
from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel
from tests.notebook.lab import BROWSER_MARKS, Browser, Lab

# The peer's own file is for its own port: on the way around it the token is told.
CONNECT = """%load_ext blazen_nb
import os
from blazen_nb.wire import connection_file
os.environ["BLAZEN_PEER_TOKEN"] = next(f.token for f in connection_file.live() if f.node_id == "gpu0")
%blazen_connect gpu0 {address}"""
COUNTS = """%%blazen_remote -o last
import pathlib, time
number = 0
while not pathlib.Path({go!r}).exists():
    number += 1
    print("line", number)
    time.sleep(0.05)
last = number
print("over")"""


def in_a_browser(test: Any) -> Any:
    """The other test here needs none."""
    for mark in BROWSER_MARKS:
        test = mark(test)
    return test


@pytest.fixture
def way(gpu0: PeerProcess) -> Iterator[Road]:
    with road(gpu0.address) as way:
        yield way


@in_a_browser
def test_the_card_says_that_it_is_reconnecting_and_goes_on(
    jupyterlab: Lab, browser: Browser, way: Road, tmp_path_factory: pytest.TempPathFactory
) -> None:
    go = tmp_path_factory.mktemp("go") / "go"
    cells = [CONNECT.format(address=way.address), COUNTS.format(go=str(go)), "print(last > 0)"]
    notebook = browser.open(jupyterlab, jupyterlab.write("cut.ipynb", cells))
    notebook.run_all()
    page = notebook.page
    page.wait_for_selector(".bzn-pill:has-text('Running') >> visible=true")
    page.wait_for_selector(".jp-OutputArea >> text=line 3")
    way.block()
    page.wait_for_selector(".bzn-pill:has-text('Reconnecting') >> visible=true")
    page.wait_for_selector("text=/Connection to gpu0 lost at .*; the run goes on there/")
    notebook.shot(1, "reconnecting")
    way.is_blocked = False
    page.wait_for_selector(".bzn-pill:has-text('Running') >> visible=true")
    go.touch()
    notebook.wait_until_idle()
    said = notebook.outputs(1)
    lines = [line for line in said.splitlines() if line.startswith("line ")]
    assert lines == [f"line {number}" for number in range(1, len(lines) + 1)]
    assert "Succeeded" in said
    assert "Connection" not in said
    assert notebook.outputs(2).strip() == "True"
    assert (browser.refused, browser.errors) == ([], [])


def test_a_cell_without_widgets_says_nothing_of_it(
    fresh_kernel: Kernel, way: Road, tmp_path_factory: pytest.TempPathFactory
) -> None:
    go = tmp_path_factory.mktemp("go") / "go"
    fresh_kernel.run('import os; os.environ["BLAZEN_NB_STATIC"] = "1"')
    fresh_kernel.run(CONNECT.format(address=way.address))
    running = fresh_kernel.send(COUNTS.format(go=str(go)))
    eventually(lambda: way.passed > 3_000)
    way.cut()
    eventually(lambda: way.connections > 1)
    go.touch()
    cell = fresh_kernel.wait(running)
    assert cell.stdout.splitlines()[-1] == "over"
    assert "onnection" not in cell.stdout
