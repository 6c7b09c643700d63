"""A connection that breaks while a cell waits, as JupyterLab shows it."""

from __future__ import annotations

from pathlib import Path

from tests.notebook.away import LOST, cells, peer_behind, spoken
from tests.notebook.lab import BROWSER_MARKS, Browser, Lab

pytestmark = BROWSER_MARKS


def test_a_reader_sees_that_the_connection_is_away_and_back(
    jupyterlab: Lab, browser: Browser, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with peer_behind(tmp_path / "peer.log") as proxy:
        path = jupyterlab.write("away.ipynb", cells(proxy, gate))
        notebook = browser.open(jupyterlab, path)
        notebook.run(0, 3)
        card = notebook.page.locator(".bzn-card")
        card.locator(":text('Running') >> visible=true").first.wait_for()
        proxy.refuse()
        card.locator(":text('Reconnecting') >> visible=true").first.wait_for()
        card.locator(f":text('{LOST}') >> visible=true").first.wait_for()
        notebook.shot(3, "reconnecting")
        proxy.listen()
        card.locator(":text('Running') >> visible=true").first.wait_for()
        assert LOST not in card.inner_text()
        gate.touch()
        notebook.wait_until_idle()
    said = notebook.outputs(3)
    assert spoken(int(said.split()[-1])) in said
    assert "Succeeded" in said
    assert "econnecting" not in said
    notebook.shot(3, "reconnected")
    assert browser.errors == []
