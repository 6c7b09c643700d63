"""What is left of remote cells in the file: run all, save, open again, export, each without a kernel's help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.notebook.conftest import PeerProcess
from tests.notebook.lab import BROWSER_MARKS, Browser, Lab, Notebook

pytestmark = BROWSER_MARKS
CELLS = [
    "%load_ext blazen_nb\n%blazen_connect gpu0 {address}",
    "%%blazen_remote\nprint('from afar')\n6 * 7",
    "_ + 1",
    """%%blazen_remote -o counted --input dict(words=['a', 'b'])
from blazen_nb import Event, StartEvent, StopEvent, step

class Counted(Event):
    n: int

@step
def count(ev: StartEvent) -> Counted:
    print("counting", ev.words)
    return Counted(n=len(ev.words))

@step
def told(ev: Counted) -> StopEvent:
    return StopEvent(result=ev.n)""",
    """%%blazen_remote
import matplotlib.pyplot as plt
import pandas as pd
plt.plot([1, 4, 9])
plt.show()
display(pd.DataFrame({{'words': ['ein', 'zwei']}}))""",
    "%%blazen_remote\ndef inverse(x):\n    return 1 / x\n\ninverse(0)",
    "%%blazen_remote\nprint('behind')",
]
SINGLE, WORKFLOW, SHOWN, BROKEN, BEHIND = 1, 3, 4, 5, 6


@pytest.fixture(scope="module")
def notebook(lab: Lab, browser: Browser, gpu0: PeerProcess) -> Notebook:
    """All cells were run, and the file saved."""
    cells = [text.format(address=gpu0.address) for text in CELLS]
    notebook = browser.open(lab, lab.write("saved.ipynb", cells))
    notebook.run_all()
    notebook.wait_until_idle()
    notebook.saved()
    return notebook


@pytest.fixture(scope="module")
def saved(notebook: Notebook) -> Any:
    """The file's contents."""
    return nbformat.read(notebook.path, as_version=4)  # type: ignore[no-untyped-call]


def test_run_all_runs_remote_cells_in_their_order_up_to_one_that_fails(
    notebook: Notebook, saved: Any
) -> None:
    assert notebook.outputs(SINGLE).count("Succeeded") == 1
    assert "43" in notebook.outputs(2)
    assert "Succeeded" in notebook.outputs(WORKFLOW)
    assert "ZeroDivisionError" in notebook.outputs(BROKEN)
    assert (notebook.outputs(BEHIND).strip(), saved.cells[BEHIND].outputs) == ("", [])
    counts = [cell.execution_count for cell in saved.cells]
    assert counts == [*range(1, BEHIND + 1), None]


def test_the_file_has_a_static_card_for_each_run_and_the_outputs_beside_it(saved: Any) -> None:
    assert "widgets" not in saved.metadata
    for cell in (SINGLE, WORKFLOW, SHOWN, BROKEN):
        card = saved.cells[cell].outputs[0]
        assert set(card.data) == {"text/html", "text/plain"}
        assert "<script" not in card.data["text/html"]
    single = saved.cells[SINGLE].outputs
    assert [output.get("text") for output in single[1:-1]] == ["from afar\n"]
    assert single[-1].data["text/plain"] == "42"
    kinds = [set(output.data) for output in saved.cells[SHOWN].outputs[1:]]
    assert kinds == [{"image/png", "text/plain"}, {"text/html", "text/plain"}]
    assert saved.cells[BROKEN].outputs[-1].ename == "WorkflowError"


def test_the_file_exports_to_html_that_needs_no_network(
    notebook: Notebook, browser: Browser, tmp_path: Path
) -> None:
    html = tmp_path / "exported.html"
    empty = tmp_path / "empty.html"
    html.write_text(HTMLExporter().from_filename(str(notebook.path))[0])  # type: ignore[no-untyped-call]
    nothing = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    empty.write_text(HTMLExporter().from_notebook_node(nothing)[0])  # type: ignore[no-untyped-call]
    with browser.file_open(empty):
        of_nbconvert = set(browser.refused)
        browser.refused.clear()
    with browser.file_open(html) as page:
        assert page.locator(".bzn-card:visible").count() == 4
        for text in ("Succeeded", "Failed", "from afar", "ZeroDivisionError", "zwei"):
            assert page.locator(f":text('{text}') >> visible=true").count() > 0
        widths = page.eval_on_selector_all("img", "all => all.map(image => image.naturalWidth)")
        assert len(widths) == 1
        assert widths[0] > 300
        assert set(browser.refused) <= of_nbconvert  # scripts of its template, as in every export
        browser.refused.clear()


def test_the_file_opens_again_as_it_was(lab: Lab, browser: Browser, notebook: Notebook) -> None:
    before = [notebook.outputs(cell) for cell in range(len(CELLS))]
    copy = notebook.path.with_name("again.ipynb")
    copy.write_bytes(notebook.path.read_bytes())
    again = browser.open(lab, copy)
    again.wait_until_idle()
    after = [again.outputs(cell) for cell in range(len(CELLS))]
    assert after == before
    figure = again.page.locator(".jp-CodeCell").nth(SHOWN).locator("img")
    assert figure.evaluate("image => image.naturalWidth") > 300
    again.shot(WORKFLOW, "reopened-workflow")
    again.shot(BROKEN, "reopened-failed")
    assert "widgets" not in again.saved().metadata
    assert browser.refused == []
