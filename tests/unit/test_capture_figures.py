"""Figures that a step draws."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from blazen_nb.peer import capture
from tests.unit.capture_support import Recorder, installed

plt = pytest.importorskip("matplotlib.pyplot")


@installed()
def test_an_open_figure_is_shown_when_the_step_ends_and_closed() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        plt.plot([1, 2])
        assert sink.displays == []

    (image,) = sink.images
    assert base64.b64decode(image).startswith(b"\x89PNG")
    assert sink.displays[0][1]["text/plain"] == "<Figure size 640x480 with 1 Axes>"
    assert sink.stderr == ""
    assert plt.get_fignums() == []


@installed()
def test_show_displays_at_once_and_nothing_is_left_for_the_end() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        plt.plot([1, 2])
        plt.show()
        assert len(sink.images) == 1
        assert plt.get_fignums() == []
        print("after")

    assert [entry[0] for entry in sink.entries[:2]] == ["display", "stdout"]
    assert len(sink.images) == 1
    assert sink.stderr == ""


@installed()
def test_a_figure_closed_by_the_step_is_not_shown() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        figure, _ = plt.subplots()
        plt.close(figure)
        plt.figure()  # Empty.

    assert sink.displays == []


@installed()
def test_a_figure_displayed_by_the_step_is_not_shown_again() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        figure, axes = plt.subplots()
        axes.plot([1, 2])
        capture.display(figure)
        assert plt.gcf() is figure
        other, _ = plt.subplots()
        other.show()

    assert len(sink.images) == 2
    assert capture.mimebundle(figure)[0].keys() == {"text/plain", "image/png"}


@installed()
def test_concurrent_steps_have_their_own_current_figure() -> None:
    names = [f"step {number}" for number in range(3)]
    sinks = {name: Recorder() for name in names}
    titles: dict[str, list[str]] = {}
    together = threading.Barrier(len(names), timeout=5)

    def step(name: str) -> None:
        with capture.capturing(sinks[name]):
            plt.figure()
            together.wait()
            plt.title(name)
            plt.plot([1, 2])
            together.wait()
            titles[name] = [axes.get_title() for axes in plt.gcf().axes]
            plt.figure()
            plt.plot([2, 1])

    threads = [threading.Thread(target=step, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert titles == {name: [name] for name in names}
    assert {name: len(sink.images) for name, sink in sinks.items()} == dict.fromkeys(names, 2)


@installed()
def test_threads_of_one_step_do_not_lose_figures() -> None:
    sink = Recorder()
    both_have_a_number = threading.Barrier(2, timeout=0.3)

    figure_class: Any = plt.Figure

    class Meeting(figure_class):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                both_have_a_number.wait()
            super().__init__(*args, **kwargs)

    def draw() -> None:
        plt.figure(figsize=(1, 1), FigureClass=Meeting).add_subplot()

    with capture.capturing(sink):
        threads = [threading.Thread(target=draw) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)

    assert len(sink.images) == 2


@installed()
def test_figures_outside_a_step_are_left_alone() -> None:
    plt.switch_backend("agg")
    mine = plt.figure()
    sink = Recorder()
    with capture.capturing(sink):
        assert plt.get_fignums() == []
        plt.close("all")
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)
    assert sink.displays == []


@installed()
def test_a_figure_that_cannot_be_drawn_says_why_and_the_step_goes_on() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        plt.title("$\\unknown$")
        plt.figure()
        plt.plot([1])

    assert "ParseFatalException" in sink.stderr
    assert len(sink.images) == 1


def test_matplotlib_imported_inside_a_step_needs_no_screen() -> None:
    code = """
import threading
from blazen_nb.peer import capture
from tests.unit.capture_support import Recorder
capture.install()
sink = Recorder()
def step():
    with capture.capturing(sink):
        import matplotlib.pyplot as plt
        plt.plot([1, 2])
        plt.show()
thread = threading.Thread(target=step)
thread.start()
thread.join()
assert len(sink.images) == 1, sink.entries
assert "GUI" not in sink.stderr and "non-interactive" not in sink.stderr, sink.stderr
capture.uninstall()
from collections import OrderedDict
from matplotlib._pylab_helpers import Gcf
assert type(Gcf.figs) is OrderedDict
"""
    # A display that does not exist: a backend with windows would fail or warn here.
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DISPLAY": ":9999"},
    )

    assert (ended.returncode, ended.stderr) == (0, "")
