"""The live card of a peer in JupyterLab, seen and driven through Chromium."""

from __future__ import annotations

import re

from blazen_nb import PeerClient
from tests.notebook.lab import BROWSER_MARKS, Browser, Lab, Notebook

pytestmark = BROWSER_MARKS
LAUNCH = """from blazen_nb import StopEvent, launch, step
import threading

@step(id="lab::waits")
def waits(ctx, ev):
    while not ctx.cancelled:
        threading.Event().wait(0.01)

server = launch(expose={"model": [1]})"""
BUSY = "while server.address:\n    pass\nprint('the peer is gone')"


def address_in(notebook: Notebook) -> str:
    """Where the peer of the first cell listens, as its card says."""
    notebook.page.wait_for_selector(".bzn-pill:has-text('Serving') >> visible=true")
    found = re.search(r"127\.0\.0\.1:\d+", notebook.outputs(0))
    assert found
    return found[0]


def test_the_card_is_live_and_its_button_stops_the_peer_while_a_cell_blocks(
    jupyterlab: Lab, browser: Browser
) -> None:
    notebook = browser.open(jupyterlab, jupyterlab.write("serve.ipynb", [LAUNCH, BUSY]))
    notebook.run_all()
    page = notebook.page
    with PeerClient.connect(address_in(notebook), "analysis.ipynb") as client:
        page.wait_for_selector(".bzn-card td:has-text('its own') >> visible=true")
        page.wait_for_selector(".bzn-card th:has-text('analysis.ipynb') >> visible=true")
        client.start_remote_workflow("index_docs", ["lab::waits"])
        page.wait_for_selector(".bzn-card tr:has-text('index_docs') >> visible=true")
        assert "1 run in flight" in notebook.outputs(0)
        page.keyboard.press("Escape")
        page.focus(".bzn-card button:has-text('Stop')")
        page.keyboard.press("Enter")
        page.wait_for_selector(".bzn-pill:has-text('Stopped') >> visible=true")
    notebook.wait_until_idle()
    assert "the peer is gone" in notebook.outputs(1)
    assert page.locator(".bzn-card button").count() == 0
    saved = notebook.saved()
    assert "widgets" not in saved.metadata
    (output,) = saved.cells[0].outputs
    assert set(output.data) == {"text/html", "text/plain"}
    assert output.data["text/plain"] == "PeerServer(notebook, stopped)"
    assert browser.refused == []
    assert browser.errors == []


def test_a_card_whose_kernel_was_restarted_says_so_and_has_no_button(
    jupyterlab: Lab, browser: Browser
) -> None:
    notebook = browser.open(jupyterlab, jupyterlab.write("restarted.ipynb", [LAUNCH]))
    notebook.run_all()
    address_in(notebook)
    notebook.wait_until_idle()
    notebook.page.evaluate(
        "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    notebook.page.wait_for_selector(".bzn-card.jupyter-widgets-disconnected")
    said = notebook.page.evaluate(
        "() => getComputedStyle(document.querySelector('.bzn-card'), '::before').content"
    )
    assert "The kernel has gone" in said
    assert not notebook.page.is_visible(".bzn-card button")
    (output,) = notebook.saved().cells[0].outputs
    assert "as of" in output.data["text/html"]
