from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def readme(project: Path) -> str:
    return (project / "README.md").read_text()


def test_the_first_example_runs_and_prints_what_it_says(readme: str, tmp_path: Path) -> None:
    found = re.search(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert found, "the README has no Python example"
    script = tmp_path / "example.py"
    script.write_text(found[1])
    promised = re.findall(r"^\s*print\(.*\)  # (.+)$", found[1], re.MULTILINE)
    assert promised, "the example says nowhere what it prints"
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == promised


def test_every_make_target_it_names_exists(readme: str, project: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", readme + (project / "CONTRIBUTING.md").read_text()))
    assert {"demo", "test"} <= named <= targets


def test_every_file_it_links_to_exists(readme: str, project: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", readme)
    assert links
    assert not [link for link in links if not (project / link).exists()]
