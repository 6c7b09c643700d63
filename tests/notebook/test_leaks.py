"""No token and no path of a machine in a saved notebook; the browser's own files are looked at as they are saved."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.notebook.conftest import PeerProcess
from tests.notebook.leaks import PART, leaks, live_tokens

TOKEN = secrets.token_urlsafe(32)


def notebook_of(folder: Path, output: dict[str, Any], **metadata: Any) -> Path:
    path = folder / "saved.ipynb"
    cell = {"cell_type": "code", "source": ["open('/tmp/mine')"], "outputs": [output]}
    path.write_text(json.dumps({"cells": [cell], "metadata": metadata}))
    return path


def test_the_notebooks_of_the_project_hold_none(project: Path) -> None:
    notebooks = sorted((project / "notebooks").glob("*.ipynb"))
    assert notebooks
    assert [leak for path in notebooks for leak in leaks(path)] == []


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"see {TOKEN[:PART]} ...",
        TOKEN[-PART:],
        "/home/me/data",
        "/root/x",
        "/tmp/ipykernel_1/2.py",
        "in lib/site-packages/grpc",
    ],
)
def test_each_of_them_is_found_wherever_it_stands(tmp_path: Path, text: str) -> None:
    for output in (
        {"text": text},
        {"data": {"text/html": [f"<b>{text}</b>"]}},
        {"traceback": [text]},
    ):
        assert len(leaks(notebook_of(tmp_path, output), [TOKEN])) > 0


def test_a_clean_notebook_is_clean_and_state_of_widgets_is_not(tmp_path: Path) -> None:
    assert leaks(notebook_of(tmp_path, {"text": f"fine {TOKEN[: PART - 1]}"}), [TOKEN]) == []
    dirty = notebook_of(tmp_path, {"text": "fine"}, widgets={})
    assert leaks(dirty, [TOKEN]) == ["saved.ipynb: metadata.widgets"]


def test_the_tokens_that_are_looked_for_are_those_of_the_running_peers(gpu0: PeerProcess) -> None:
    tokens = live_tokens()
    assert len(tokens) > 0
    assert all(len(token) > PART for token in tokens)
