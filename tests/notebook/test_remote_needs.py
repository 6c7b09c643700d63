"""What a remote cell takes along from its notebook: modules of one's own, pushed values, and what is said of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel
from tests.notebook.outcome import Outcome

WriteModule = Callable[[str, str], None]


@pytest.fixture
def write(kernel: Kernel, tmp_path: Path) -> WriteModule:
    """Write a module beside the notebook; each text is newer than the one before."""
    kernel.run(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})")
    times = iter(range(1_700_000_000, 1_700_001_000))

    def write(name: str, text: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        os.utime(file, (next(times),) * 2)

    return write


def card(cell: Outcome) -> str:
    """What the run's card says."""
    return " ".join(re.sub("<[^>]+>", " ", cell.shown[0]["text/html"]).split())


def test_a_module_of_ones_own_is_imported_by_a_remote_cell(
    kernel: Kernel, write: WriteModule, tmp_path: Path
) -> None:
    write("helpers_a.py", "from parts_a.inner import K\ndef scaled(x):\n    return x * K\n")
    write("parts_a/__init__.py", "")
    write("parts_a/inner.py", "K = 3\n")
    cell = kernel.run("%%blazen_remote\nimport helpers_a\nhelpers_a.scaled(2)")
    assert cell.text == "6"
    assert "sent 3 modules" in card(cell)
    again = kernel.run("%%blazen_remote\nhelpers_a.scaled(3)")
    assert again.text == "9"
    assert "sent" not in card(again)


def test_a_changed_module_takes_effect_at_the_next_cell(kernel: Kernel, write: WriteModule) -> None:
    write("helpers_b.py", "def f():\n    return 'old'\n")
    kernel.run("%%blazen_remote\nfrom helpers_b import f\ndef use():\n    return f()")
    assert kernel.run("%%blazen_remote\nuse()").text == "'old'"
    write("helpers_b.py", "def f():\n    return 'new'\n")
    cell = kernel.run("%%blazen_remote\nuse()")
    assert cell.text == "'new'"
    assert "sent 1 module" in card(cell)


def test_two_notebooks_have_their_own_module_of_a_name(
    kernel: Kernel, fresh_kernel: Kernel, gpu0: PeerProcess, write: WriteModule, tmp_path: Path
) -> None:
    write("helpers_c.py", "def who():\n    return 'ours'\n")
    fresh_kernel.run("%load_ext blazen_nb")
    fresh_kernel.run(f"%blazen_connect gpu0 {gpu0.address}")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "helpers_c.py").write_text("def who():\n    return 'theirs'\n")
    fresh_kernel.run(f"import sys\nsys.path.insert(0, {str(theirs)!r})")
    cell = "%%blazen_remote\nfrom helpers_c import who\nwho()"
    assert kernel.run(cell).text == "'ours'"
    assert fresh_kernel.run(cell).text == "'theirs'"
    assert kernel.run("%%blazen_remote\nwho()").text == "'ours'"  # and not IPython's %who


def test_a_traceback_names_the_module_and_no_folder(
    kernel: Kernel, write: WriteModule, tmp_path: Path
) -> None:
    write("parts_d/__init__.py", "")
    write("parts_d/core.py", "\ndef inverse(x):\n    return 1 / x\n")
    cell = kernel.run("%%blazen_remote\nfrom parts_d.core import inverse\ninverse(0)")
    shown = "\n".join(cell.traceback)
    assert len(cell.traceback) < 25
    for part in ("cell [", "parts_d/core.py, line 3, in inverse", "return 1 / x"):
        assert part in shown
    assert str(tmp_path) not in shown
    assert "blazen_ns" not in shown


def test_steps_of_a_module_run_along_with_the_cells_every_time(
    kernel: Kernel, write: WriteModule
) -> None:
    write(
        "steps_e.py",
        "from blazen_nb import Event, StartEvent, step\nclass Got(Event):\n    n: int\n"
        "@step\ndef first(ev: StartEvent) -> Got:\n    return Got(n=ev.n)\n",
    )
    cell = (
        "%%blazen_remote --input {'n': 3}\nfrom blazen_nb import StopEvent, step\n"
        "from steps_e import Got, first\n"
        "@step\ndef last(ev: Got) -> StopEvent:\n    return StopEvent(result=ev.n + 1)"
    )
    assert [kernel.run(cell).text for _ in range(2)] == ["4", "4"]
    assert kernel.run("%%blazen_remote\nfrom steps_e import first\n'plain'").text == "'plain'"
    line = "%blazen_remote --steps steps_e::first,__main__::last --input {'n': 5}"
    assert kernel.run(line).text == "6"


# --- values ------------------------------------------------------------------------------------------------------


def test_a_large_value_is_pushed_once(kernel: Kernel) -> None:
    kernel.run("import numpy as np\nbig = np.arange(3_000_000)")
    refused = kernel.run("%%blazen_remote\nbig.sum()")
    assert refused.error == "ShippingError"
    assert "big: 22.9 MiB" in refused.message
    assert "--push big" in refused.message
    first = kernel.run("%%blazen_remote --push big\nint(big.sum())")
    assert first.text == str(sum(range(3_000_000)))
    assert "pushed big (22.9 MiB)" in card(first)
    kept = kernel.run("%%blazen_remote\nheld = id(big)\nheld").text
    again = kernel.run("%%blazen_remote --push big\nid(big)")
    assert again.text == kept
    assert "big is there as pushed before" in card(again)
    kernel.run("big[0] = 7")
    changed = kernel.run("%%blazen_remote --push big\nint(big[0])")
    assert (changed.text, "pushed big (22.9 MiB)" in card(changed)) == ("7", True)


def test_what_is_pushed_counts_whatever_a_cell_has_made_of_it(kernel: Kernel) -> None:
    kernel.run("data = [1, 2, 3]")
    cell = "%%blazen_remote --push data\ndata = data[1:]\ndata"
    assert [kernel.run(cell).text for _ in range(2)] == ["[2, 3]", "[2, 3]"]
    kernel.run("def version():\n    return 1")
    kernel.run("%%blazen_remote\ndef version():\n    return 'theirs'")
    assert kernel.run("%%blazen_remote\nversion()").text == "'theirs'"
    assert kernel.run("%%blazen_remote --push version\nversion()").text == "1"


def test_a_pushed_value_is_the_variables_alone(kernel: Kernel, gpu0: PeerProcess) -> None:
    kernel.run("import numpy as np\nlone = np.ones(100_000)")
    cell = (
        "%%blazen_remote --push lone\nimport gc, weakref\nwatched = weakref.ref(lone)\n"
        "del lone\ngc.collect()"
    )
    kernel.run(cell)
    assert kernel.run("%%blazen_remote\ngc.collect()\nwatched() is None").text == "True"


def test_a_pushed_object_is_of_the_class_that_goes_with_it(kernel: Kernel) -> None:
    kernel.run(
        "class Config:\n    def __init__(self, x):\n        self.x = x\nconfig = {'c': Config(4)}"
    )
    cell = kernel.run("%%blazen_remote --push config\ntype(config['c']) is Config, config['c'].x")
    assert cell.text == "(True, 4)"


@pytest.mark.parametrize(
    ("line", "error", "says"),
    [
        ("--push nowhere", "ShippingError", "nowhere: not defined in this notebook"),
        ("--push 3x", "UsageError", "--push takes names of variables"),
        ("--push lock", "ShippingError", "lock: a lock cannot be pickled"),
    ],
)
def test_what_cannot_be_pushed_is_named_before_anything_runs(
    kernel: Kernel, gpu0: PeerProcess, line: str, error: str, says: str
) -> None:
    kernel.run("import threading\nlock = threading.Lock()")
    before = gpu0.said().count(" starts: ")
    cell = kernel.run(f"%%blazen_remote {line}\n1")
    assert cell.error == error or cell.stderr.startswith(f"{error}: ")
    assert says in cell.message + cell.stderr
    assert gpu0.said().count(" starts: ") == before


def test_the_card_says_the_size_of_what_goes_along_above_a_mib(kernel: Kernel) -> None:
    kernel.run("text = 'x' * 3_500_000\ndef length(t):\n    return len(t)")
    assert "sent 1 definition and 1 value (3.3 MiB)" in card(
        kernel.run("%%blazen_remote\nlength(text)")
    )
    kernel.run("text = 'x' * 350_000")
    small = card(kernel.run("%%blazen_remote\nlength(text)"))
    assert "sent 1 definition and 1 value" in small
    assert "MiB" not in small


def test_an_object_of_a_class_that_was_defined_again_is_noticed(kernel: Kernel) -> None:
    kernel.run("class Point:\n    x = 1\nwhere = {'p': [Point()]}")
    assert kernel.run("%%blazen_remote\nwhere['p'][0].x").text == "1"
    kernel.run("class Point:\n    x = 2")
    for line in ("%%blazen_remote\nwhere", "%%blazen_remote --push where\n1"):
        cell = kernel.run(line)
        assert cell.error == "ShippingError"
        assert "where: ['p'][0]: made by a class Point that was defined again since" in cell.message
        assert "make the object again" in cell.message
    kernel.run("where = {'p': [Point()]}")
    assert kernel.run("%%blazen_remote\nwhere['p'][0].x").text == "2"


# --- packages that the peer lacks --------------------------------------------------------------------------------


def test_a_missing_package_says_which_and_how_to_install_it(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote\nimport skimage.io")
    shown = "\n".join(cell.traceback)
    assert len(cell.traceback) < 25
    for part in (
        "cell [",
        "import skimage.io",
        "ModuleNotFoundError: No module named 'skimage'",
        "skimage is not installed in the peer's Python 3.",
        "in the package scikit-image",
        '[sys.executable, "-m", "pip", "install", "scikit-image"]',
    ):
        assert part in shown
    assert "scikit-image" in card(cell)


def test_a_missing_package_of_a_function_that_goes_along_says_the_same(
    kernel: Kernel, tmp_path: Path
) -> None:
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "only_here.py").write_text("def only():\n    return 1\n")
    kernel.run(f"import sys\nsys.path.insert(0, {str(installed)!r})\nfrom only_here import only")
    shown = "\n".join(kernel.run("%%blazen_remote\nonly()").traceback)
    assert "only_here is not installed in the peer's Python" in shown
    assert '"install", "only_here"' in shown
