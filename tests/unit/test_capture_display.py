"""What a step displays, without an IPython shell and within a kernel."""

from __future__ import annotations

import base64
import importlib
import subprocess
import sys
import threading
from typing import Any

import pytest

from blazen_nb.peer import capture
from tests.unit.capture_support import Recorder, installed

ipython: Any = importlib.import_module("IPython.display")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Rich:
    def _repr_html_(self) -> str:
        return "<b>rich</b>"

    def _repr_png_(self) -> bytes:
        return PNG

    def __repr__(self) -> str:
        return "Rich()"


@installed()
def test_display_delivers_a_bundle_with_binary_types_as_base64() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        capture.display(Rich(), metadata={"image/png": {"width": 3}})

    ((action, data, metadata, display_id, wait),) = sink.displays
    assert (action, display_id, wait) == ("display", None, False)
    assert data["text/plain"] == "Rich()"
    assert data["text/html"] == "<b>rich</b>"
    assert base64.b64decode(data["image/png"]) == PNG
    assert metadata == {"image/png": {"width": 3}}


@installed()
def test_a_display_is_updated_by_its_id_and_by_its_handle() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        handle = ipython.display(ipython.HTML("one"), display_id="spot")
        ipython.update_display(ipython.HTML("two"), display_id="spot")
        handle.update(ipython.HTML("three"))
        placeholder = ipython.display(display_id=True)
        with pytest.raises(TypeError):
            ipython.display(1, update=True)

    actions = [(entry[0], entry[1].get("text/html"), entry[3]) for entry in sink.displays]
    assert actions == [
        ("display", "one", "spot"),
        ("update", "two", "spot"),
        ("update", "three", "spot"),
        ("display", None, placeholder.display_id),
    ]


@installed()
def test_clear_output_says_whether_to_wait() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        ipython.clear_output()
        ipython.clear_output(wait=True)
        ipython.display("x", clear=True)

    assert [(entry[0], entry[4]) for entry in sink.displays] == [
        ("clear", False),
        ("clear", True),
        ("clear", True),
        ("display", False),
    ]


@installed()
def test_raw_bundles_and_published_data_pass_through() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        ipython.display({"text/plain": "raw", "image/png": PNG}, raw=True)
        ipython.publish_display_data({"text/plain": "published"}, transient={"display_id": "p"})
        ipython.display(ipython.Image(PNG))

    raw, published, image = sink.displays
    assert base64.b64decode(raw[1]["image/png"]) == PNG
    assert published[1:4] == ({"text/plain": "published"}, {}, "p")
    assert base64.b64decode(image[1]["image/png"]) == PNG


@installed()
def test_a_data_frame_is_shown_as_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    sink = Recorder()
    with capture.capturing(sink):
        capture.display(pandas.DataFrame({"column": [1, 2]}))

    assert "<table" in sink.displays[0][1]["text/html"]


@installed()
def test_an_object_that_displays_itself_is_left_to_do_so() -> None:
    class Itself:
        def _ipython_display_(self) -> None:
            capture.display({"text/plain": "itself"}, raw=True)

    sink = Recorder()
    with capture.capturing(sink):
        assert capture.mimebundle(Itself()) == ({}, {})

    assert [entry[1] for entry in sink.displays] == [{"text/plain": "itself"}]


@installed()
def test_outside_a_step_display_behaves_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    ipython.display("x")
    assert capsys.readouterr().out == "x\n"


def test_a_reference_to_display_taken_before_the_installation_is_captured() -> None:
    code = """
from IPython.display import display, clear_output
before = display.__code__
from blazen_nb.peer import capture
from tests.unit.capture_support import Recorder
capture.install()
sink = Recorder()
with capture.capturing(sink):
    display("early")
    clear_output()
assert [entry[0] for entry in sink.displays] == ["display", "clear"], sink.entries
capture.uninstall()
assert display.__code__ is before
display("afterwards")
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (ended.stdout, ended.stderr) == ("afterwards\n", "")


def test_ipython_imported_after_the_installation_is_captured() -> None:
    code = """
import sys
from blazen_nb.peer import capture
from tests.unit.capture_support import Recorder
capture.install()
sink = Recorder()
with capture.capturing(sink):
    assert capture.mimebundle("text") == ({"text/plain": "'text'"}, {})
    assert "IPython" not in sys.modules
    from IPython.display import display
    display("late")
assert sink.displays[0][1] == {"text/plain": "'late'"}, sink.entries
import IPython.core.display_functions as module, inspect
assert "def display(" in inspect.getsource(module)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")


@installed()
def test_mimebundle_always_has_a_text() -> None:
    class Unprintable:
        def __repr__(self) -> str:
            raise ValueError("no")

    class Broken:
        def _repr_mimebundle_(self, **_: Any) -> Any:
            raise ValueError("no")

    sink = Recorder()
    with capture.capturing(sink):
        assert capture.mimebundle({"a": 1})[0] == {"text/plain": "{'a': 1}"}
        assert capture.mimebundle(Rich())[0]["text/html"] == "<b>rich</b>"
        assert "Broken at 0x" in capture.mimebundle(Broken())[0]["text/plain"]
        unprintable, _ = capture.mimebundle(Unprintable())

    assert unprintable == {"text/plain": "<Unprintable whose repr raises ValueError>"}


@installed()
def test_a_widget_is_sent_as_text_because_its_model_stays_here() -> None:
    class Widget:
        def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
            view = "application/vnd.jupyter.widget-view+json"
            return {view: {"model_id": "x"}, "text/plain": "Widget()"}

    assert capture.mimebundle(Widget()) == ({"text/plain": "Widget()"}, {})


@installed()
def test_displays_of_concurrent_steps_do_not_cross() -> None:
    sinks = [Recorder() for _ in range(4)]
    together = threading.Barrier(len(sinks), timeout=5)

    def step(sink: Recorder, text: str) -> None:
        with capture.capturing(sink):
            together.wait()
            for _ in range(20):
                ipython.display(text)

    threads = [
        threading.Thread(target=step, args=(sink, f"step {n}")) for n, sink in enumerate(sinks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    for number, sink in enumerate(sinks):
        assert [entry[1]["text/plain"] for entry in sink.displays] == [f"'step {number}'"] * 20
