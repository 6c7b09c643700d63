"""The cells that the README shows, in a real kernel and on a real peer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel


@pytest.fixture(scope="module")
def cells(project: Path) -> list[str]:
    readme = (project / "README.md").read_text()
    return re.findall(r"^```\n(%.*?)^```", readme, re.MULTILINE | re.DOTALL)


def test_the_cells_of_the_readme_run_one_after_the_other(
    fresh_kernel: Kernel, gpu0: PeerProcess, cells: list[str]
) -> None:
    connect, plain, workflow = cells
    for line in connect.replace("127.0.0.1:7070", gpu0.address).splitlines():
        assert fresh_kernel.run(line).status == "ok"
    cell = fresh_kernel.run(plain)
    assert (cell.status, cell.text) == ("ok", fresh_kernel.run("accuracy").text)
    assert 0.95 < float(cell.text) <= 1
    assert fresh_kernel.run(workflow).status == "ok"
    assert fresh_kernel.run("run.result").text == "12"
    fresh_kernel.run("%%blazen_remote --ref -o model\nmodel")
    assert fresh_kernel.run("model").text.startswith("RemoteRef(sklearn.svm._classes.SVC, on gpu0;")
    assert fresh_kernel.run("type(model.fetch()).__name__").text == "'SVC'"


def test_the_options_are_listed_by_the_line_that_the_texts_name(fresh_kernel: Kernel) -> None:
    fresh_kernel.run("%load_ext blazen_nb")
    listed = fresh_kernel.run("%blazen_remote --help").stdout
    assert "--ref" in listed
    assert "--timeout SECONDS" in listed
