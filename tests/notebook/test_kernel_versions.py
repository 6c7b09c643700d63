"""A remote cell's outputs are those of a local one, in each version of the kernel that is supported."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel
from tests.notebook.outcome import Outcome

AS_HERE = {
    "a table between prints": """
import pandas as pd
print("before")
display(pd.DataFrame({"a": [1, 2]}))
print("after")
""",
    "a table as the last value": "import pandas as pd\npd.DataFrame({'a': [1.5, None]})",
    "markup of every kind": """
from IPython.display import HTML, JSON, Javascript, Latex, Markdown, SVG
for shown in (HTML("<b>h</b>"), Markdown("*m*"), Latex("$x$"), JSON({"a": [1]}), SVG("<svg></svg>")):
    display(shown)
""",
    "a picture": "from PIL import Image\nImage.new('RGB', (9, 7), 'red')",
    "a value that a semicolon hides": "print('said')\n[1, 2];  # so",
    "a value and a print": "print('said')\n[1, 2]",
    "a bundle of its own": """
class Own:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": "own", "application/x-own+json": {"n": 1}}, {"application/x-own+json": {"m": 2}}
display(Own(), metadata={"given": True})
Own()
""",
    "updates of a display": """
handle = display("first", display_id=True)
print("between")
handle.update("second")
display("other", display_id="named")
display("third", display_id="named", update=True)
""",
    "a display shown twice and updated": """
display("one", display_id="twice")
display("two", display_id="twice")
""",
    "outputs cleared at once": """
from IPython.display import clear_output
print("gone")
display("gone")
clear_output()
print("stays")
""",
    "outputs cleared by the next one": """
from IPython.display import clear_output
for n in range(3):
    clear_output(wait=True)
    print(n)
    display(n)
""",
    "a clear that nothing follows": """
from IPython.display import clear_output
print("stays")
clear_output(wait=True)
""",
    "figures between prints": """
import matplotlib.pyplot as plt
print("before")
plt.plot([1, 4, 9])
plt.show()
print("between")
plt.figure(figsize=(3, 2)).add_subplot().bar([1, 2], [3, 4])
plt.show()
print("after")
""",
    "a figure that is left open": """
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.title("left open")
print("said")
""",
}


@pytest.fixture(scope="module")
def kernel(version: str, gpu0: PeerProcess) -> Iterator[Kernel]:
    with Kernel.started(version) as kernel:
        kernel.run("%load_ext blazen_nb")
        kernel.run(f"%blazen_connect gpu0 {gpu0.address}")
        kernel.run("%matplotlib inline")
        yield kernel


def remote(code: str) -> str:
    return "%%blazen_remote\n" + code.lstrip("\n")


def pictures(cell: Outcome) -> list[str]:
    return [each["image/png"] for each in cell.shown if "image/png" in each]


@pytest.mark.parametrize("what", AS_HERE)
def test_outputs_are_those_of_the_same_cell_here(kernel: Kernel, what: str) -> None:
    here, there = kernel.run(AS_HERE[what]), kernel.run(remote(AS_HERE[what]))
    assert (here.status, there.status) == ("ok", "ok")
    assert there.beside_the_card == here.beside_the_card
    assert len(there.beside_the_card) > 0
    assert len(there.outputs) == len(there.beside_the_card) + 1  # one card, whatever was cleared


def test_an_update_reaches_the_display_of_an_earlier_cell(kernel: Kernel) -> None:
    earlier = kernel.send(remote("kept = display('first', display_id='kept')"))
    other = kernel.run(remote("print('in between')"))
    assert kernel.run(remote("kept.update('second')\nprint('updated')")).stdout == "updated\n"
    assert [each["text/plain"] for each in kernel.wait(earlier).shown[1:]] == ["'second'"]
    assert other.stdout == "in between\n"


def test_streams_logs_and_displays_come_in_the_one_order_of_the_program(kernel: Kernel) -> None:
    cell = kernel.run(
        remote("""
import logging, sys
log = logging.Logger("mine")
log.addHandler(logging.StreamHandler())
for n in range(3):
    print("out", n)
    print("err", n, file=sys.stderr)
    log.warning("log %s", n)
    display(n)
    sys.stdout.write(f"part {n}, ")
print()
""")
    )
    told = [
        each.get("text") or each["data"]["text/plain"]
        for each in cell.outputs
        if "bzn-card" not in str(each)
    ]
    expected = []
    for n in range(3):
        expected += [
            f"{'' if n == 0 else f'part {n - 1}, '}out {n}\n",
            f"err {n}\nlog {n}\n",
            f"{n}",
        ]
    assert told == [*expected, "part 2, \n"]


def test_logging_and_warnings_are_as_here_and_name_the_cell_in_place_of_a_file(
    kernel: Kernel,
) -> None:
    code = "import logging, warnings\nlogging.warning('logged')\nlogging.info('not shown')\nwarnings.warn('careful')"
    here, there = kernel.run(code).stderr, kernel.run(remote(code)).stderr
    file = re.compile(r"^(/|<cell \[).*?(?=: UserWarning)", re.MULTILINE)
    assert file.sub("FILE", there) == file.sub("FILE", here)
    assert "WARNING:root:logged" in there
    assert "/" not in there


def test_pictures_are_byte_for_byte_those_that_the_peer_drew(kernel: Kernel) -> None:
    cell = kernel.run(
        remote("""
import base64, io, hashlib
import matplotlib.pyplot as plt
from IPython.display import Image
figure, axes = plt.subplots()
axes.plot([3, 1, 2])
file = io.BytesIO()
figure.savefig(file, format="png", bbox_inches="tight")
display(Image(file.getvalue()))
display(figure)
plt.close(figure)
base64.b64encode(file.getvalue()).decode()
""")
    )
    drawn = cell.text.strip("'")
    assert [picture.replace("\n", "") for picture in pictures(cell)] == [drawn, drawn]


def test_a_bar_is_one_row_of_the_view_and_no_widget_of_the_peer(
    kernel: Kernel, version: str, gpu0: PeerProcess
) -> None:
    with Kernel.started(version) as peer:
        peer.run("import os\nos.environ['BLAZEN_NB_STATIC'] = '1'")  # its own card has widgets
        serves = peer.run("from blazen_nb import launch\nprint(launch().address)")
        kernel.run(f"%blazen_connect in_a_kernel {serves.stdout}")
        cell = kernel.run(
            remote("""
import time
from tqdm.auto import tqdm
for n in tqdm(range(20), desc="training", mininterval=0):
    time.sleep(0.02)
""").replace("%%blazen_remote", "%%blazen_remote -p in_a_kernel")
        )
        assert cell.status == "ok"
        assert kernel.run("%blazen_connect gpu0 " + gpu0.address).error == ""
        assert peer.run("get_ipython().kernel.comm_manager.comms").text == "{}"
        assert (serves.comms, serves.stderr, peer.stray) == ([], "", [])
    values = [str(comm.state.get("value", "")) for comm in cell.comms]
    rows = [value for value in values if "training" in value and "progressbar" in value]
    assert len(rows) > 1
    assert {value.count('role="progressbar"') for value in rows} == {1}
    assert re.fullmatch(r"\rtraining: 100%\|.*\| 20/20 .*\n", cell.stderr)


def test_progress_of_a_step_is_a_row_with_its_label(kernel: Kernel) -> None:
    cell = kernel.run(
        remote("""
import time
from blazen_nb import Context, StartEvent, StopEvent, step

@step
def train(ctx: Context, ev: StartEvent) -> StopEvent:
    for epoch in range(3):
        ctx.progress(epoch + 1, 3, "epochs")
        time.sleep(0.3)
    return StopEvent()
""")
    )
    values = [str(comm.state.get("value", "")) for comm in cell.comms]
    shares = [re.findall(r'aria-valuenow="(\d)"', value) for value in values if "epochs" in value]
    seen = [int(share) for (share,) in shares]
    assert seen == sorted(seen)
    assert set(seen) == {1, 2, 3}
    assert all('aria-valuemax="3"' in value for value in values if "epochs" in value)


def test_outputs_are_there_before_the_cell_ends(kernel: Kernel) -> None:
    cell = kernel.send(
        remote("""
import time
print("printed")
display("displayed")
while True:
    time.sleep(0.01)
""")
    )
    live = kernel.wait_for(cell, "displayed")
    assert (live.status, live.stdout) == ("", "printed\n")
    kernel.interrupt()
    assert kernel.wait(cell).error == "KeyboardInterrupt"
