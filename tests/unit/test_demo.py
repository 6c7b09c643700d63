"""``blazen-nb demo``: a notebook against a peer of its own, and what ran where."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

from blazen_nb.cli import main
from blazen_nb.wire import connection_file


def notebook_of(folder: Path, *cells: str) -> Path:
    file = folder / "tiny.ipynb"
    content = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    )
    nbformat.write(content, file)  # type: ignore[no-untyped-call]
    return file


def test_a_notebook_that_is_not_there_is_one_line_and_status_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["demo", "--notebook", str(tmp_path / "gone.ipynb")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no notebook" in line


@pytest.mark.slow
def test_each_cell_is_shown_with_where_it_ran_and_nothing_is_left_behind(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", "not-for-the-demo-and-as-it-was-afterwards")
    file = notebook_of(
        tmp_path,
        "%load_ext blazen_nb",
        "import os\nhere = os.getpid()",
        '%%blazen_remote\nimport os\nprint("remote", os.getpid() != here)',
    )
    before = dict(os.environ)
    assert main(["demo", "--notebook", str(file)]) == 0
    shown = capfd.readouterr().out.splitlines()
    assert "--- cell [2] in the notebook's kernel" in shown
    assert "--- cell [3] on the peer" in shown
    assert "  > remote True" in shown
    assert dict(os.environ) == before
    assert [one for one in connection_file.live() if one.node_id == "demo-peer"] == []
