"""The capture inside a real ipykernel, where streams, displays and figures are the kernel's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

manager = pytest.importorskip("jupyter_client.manager")
pytest.importorskip("ipykernel")

SETUP = """
from blazen_nb.peer import capture
from tests.unit.capture_support import Recorder
from IPython.display import display, HTML, clear_output
capture.install()
sink = Recorder()
"""
STEP = """
import sys, threading
def step():
    with capture.capturing(sink):
        print("said in the step")
        print("trouble", file=sys.stderr)
        handle = display(HTML("<b>shown</b>"), display_id="spot")
        handle.update(HTML("<b>updated</b>"))
        get_ipython().display_pub.publish({"text/plain": "published"})
        clear_output(wait=True)
        import matplotlib.pyplot as plt
        plt.plot([1, 2])
thread = threading.Thread(target=step)
thread.start()
thread.join()
print("said by the cell")
display("shown by the cell")
"""
CHECK = """
assert sink.stdout == "said in the step\\n", sink.entries
assert sink.stderr == "trouble\\n", sink.entries
assert [entry[0] for entry in sink.displays] == ["display", "update", "display", "clear", "display"]
assert sink.displays[1][1]["text/html"] == "<b>updated</b>"
assert len(sink.images) == 1
capture.uninstall()
assert "publish" not in vars(get_ipython().display_pub)
print(type(sys.stdout).__name__)
"""


@pytest.fixture
def kernel() -> Iterator[Any]:
    started, client = manager.start_new_kernel(startup_timeout=20)
    yield client
    client.stop_channels()
    started.shutdown_kernel(now=True)


def outputs(kernel: Any, code: str) -> list[Any]:
    """What the cell shows in the notebook: text of streams, bundles of displays, errors."""
    shown: list[Any] = []

    def keep(message: Any) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            shown.append(content["text"])
        elif message["msg_type"] == "error":
            shown.append(content["evalue"])
        elif "data" in content:
            shown.append(content["data"])

    kernel.execute_interactive(code, output_hook=keep, timeout=20)
    return shown


def test_a_step_in_a_kernel_leaves_no_trace_in_the_running_cell(kernel: Any) -> None:
    pytest.importorskip("matplotlib")

    assert outputs(kernel, SETUP) == []
    assert outputs(kernel, STEP) == ["said by the cell\n", {"text/plain": "'shown by the cell'"}]
    assert outputs(kernel, CHECK) == ["OutStream\n"]
