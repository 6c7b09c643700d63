"""Bars that a step draws with tqdm."""

from __future__ import annotations

import contextlib
import io
import threading
from typing import Any

import pytest

from blazen_nb.peer import capture
from tests.unit.capture_support import Recorder, installed

tqdm: Any = pytest.importorskip("tqdm").tqdm


@installed()
def test_a_bar_is_progress_while_it_moves_and_one_line_of_stderr_when_it_ends() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        for n in tqdm(range(3), desc="bar", mininterval=0):
            print("at", n)
            assert sink.stderr == ""
    assert sink.bars == {"bar": (3, 3)}
    assert [entry[2] for entry in sink.entries if entry[0] == "progress"] == [0, 1, 2, 3, 3]
    assert sink.stderr.startswith("\rbar: 100%")
    assert sink.stderr.count("\n") == 1


@installed()
def test_a_bar_keeps_its_row_when_its_description_changes_and_the_next_one_takes_it() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        for epoch in range(2):
            with tqdm(total=3, desc="train", leave=False) as bar:
                bar.set_description(f"loss {epoch}")
                bar.set_postfix(lr=0.1)
                bar.update(3)
    assert sink.bars == {"train": (3, 3)}
    assert sink.stderr == ""


@installed()
def test_bars_that_are_open_at_once_have_rows_of_their_own() -> None:
    sink = Recorder()
    with capture.capturing(sink), tqdm(total=2) as outer, tqdm() as inner:
        inner.update(5)
        outer.update(1)
        tqdm.write("said above the bars")
        outer.refresh()
        inner.refresh()
    assert sink.bars == {"": (1, 2), "2": (5, None)}
    assert sink.stdout == "said above the bars\n"
    assert [line.strip()[:3] for line in sink.stderr.splitlines() if line] == ["5it", "50%"]


@installed()
def test_a_bar_belongs_to_the_step_that_made_it_whoever_redraws_it() -> None:
    sink, other = Recorder(), Recorder()
    with capture.capturing(sink):
        bar = tqdm(total=3, desc="bar")
        bar.update(3)
        with capture.capturing(other):
            bar.refresh()
        thread = threading.Thread(target=bar.refresh)
        thread.start()
        thread.join(5)
        bar.close()
    assert sink.bars == {"bar": (3, 3)}
    assert "bar: 100%" in sink.stderr
    assert other.entries == []


@installed()
def test_a_bar_that_the_step_leaves_open_says_how_far_it_came() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        bar = tqdm(total=4, desc="bar")
        bar.update(1)
    assert "bar:  25%" in sink.stderr
    assert sink.stderr.endswith("\n")


@installed()
def test_a_bar_in_a_file_of_the_steps_own_is_text() -> None:
    sink, file = Recorder(), io.StringIO()
    with capture.capturing(sink):
        for _ in tqdm(range(3), file=file):
            pass
        with contextlib.redirect_stderr(io.StringIO()) as redirected:
            for _ in tqdm(range(3)):
                pass
    assert "100%" in file.getvalue()
    assert "100%" in redirected.getvalue()
    assert sink.entries == []


@installed()
def test_a_notebook_bar_is_no_widget_in_a_step_and_one_elsewhere() -> None:
    notebook = pytest.importorskip("tqdm.notebook")
    std = pytest.importorskip("tqdm.std")
    sink = Recorder()
    with capture.capturing(sink):
        for _ in notebook.tqdm(range(3), desc="bar", display=True):
            pass
    assert sink.bars == {"bar": (3, 3)}
    assert "bar: 100%" in sink.stderr
    assert sink.displays == []
    assert isinstance(notebook.tqdm(range(3), display=False), notebook.tqdm_notebook)
    assert not isinstance(std.tqdm(range(3), disable=True), notebook.tqdm_notebook)
