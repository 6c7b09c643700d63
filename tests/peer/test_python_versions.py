"""A client of this Python and peers of the others: code goes as source, and bytecode goes nowhere."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import types
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import PeerClient
from blazen_nb.errors import EnvironmentMismatchError, WorkflowError
from blazen_nb.notebook.ship import pack
from blazen_nb.shipping.cell import make_source, parse_cell
from blazen_nb.shipping.code import CodeBundle
from blazen_nb.shipping.environment import python_minor
from blazen_nb.shipping.values import EncodedValue
from blazen_nb.testing import LocalPeer
from tests.peer import pythons
from tests.peer.conftest import SECONDS
from tests.peer.processes import PeerProcess
from tests.unit.shipping_notebook import Notebook

CLIENT = """
import sys
from blazen_nb import PeerClient
from blazen_nb.shipping.cell import parse_cell
with PeerClient.connect(sys.argv[1]) as client:
    try:
        client.start_cell(parse_cell(sys.argv[2], label="cell [1]", first_line=2)).result(8)
    except Exception as error:
        print(f"{type(error.__cause__).__name__}: {error.__cause__}")
"""
WORKFLOW = """
from blazen_nb import Event, StartEvent, StopEvent, step
class Counted(Event):
    lengths: list[int]
@step
def count(ev: StartEvent) -> Counted:
    return Counted(lengths=[len(word) for word in ev.words])
@step
async def add_up(ev: Counted) -> StopEvent:
    return StopEvent(result=sum(ev.lengths))
"""


def environment_of(minor: str) -> str:
    python = pythons.environment(minor)
    if python is None:
        pytest.skip(f"NO CROSS-VERSION TEST RAN with Python {minor}: {pythons.why_missing(minor)}")
    return str(python)


@pytest.fixture(scope="module", params=pythons.other_minors())
def far(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, project: Path
) -> Iterator[PeerProcess]:
    """A peer of another Python."""
    python = environment_of(request.param)
    folder = tmp_path_factory.mktemp("peer")
    with PeerProcess(
        folder, "--node-id", "far", environment={"PYTHONPATH": str(project)}, python=python
    ) as process:
        yield process


@pytest.fixture
def client(far: PeerProcess) -> Iterator[PeerClient]:
    with PeerClient.connect(far.address) as client:
        assert client.peer_python != python_minor()
        yield client
        assert far.process.poll() is None


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    return Notebook(module)


def run(client: PeerClient, notebook: Notebook, text: str, **options: Any) -> Any:
    """The result of a remote cell of this notebook."""
    cell = parse_cell(text, label="cell [9]", first_line=2)
    shipment = pack(cell, notebook.namespace, client=client, cells=notebook.cells)
    handle = client.start_cell(shipment.cell, bundle=shipment.bundle, **options)
    return handle.result(SECONDS).result


def test_plain_cells_share_their_names(client: PeerClient, notebook: Notebook) -> None:
    assert run(client, notebook, "import sys\nv = '%d.%d' % sys.version_info[:2]\nv") == (
        client.peer_python
    )
    assert run(client, notebook, "v + '!'") == client.peer_python + "!"


def test_a_workflow_cell_runs(client: PeerClient, notebook: Notebook) -> None:
    assert run(client, notebook, WORKFLOW, input={"words": ["a", "peer"]}) == 5


@pytest.mark.parametrize(
    ("cells", "text", "value"),
    [
        (["K = 2\ndef f(x):\n    return g(x) * K", "def g(x): return x + 1"], "f(1)", 4),
        (["class A:\n    def __init__(self, x):\n        self.x = x\n    def m(self):\n        return h(self.x)\ndef h(x): return x + 1", "a = [A(3)]"], "a[0].m()", 4),
        (["from dataclasses import dataclass\n@dataclass(slots=True)\nclass P:\n    x: int = 1", "p = P(4)"], "p.x", 4),
        (["import enum\nclass E(enum.Enum):\n    A = 1", "e = E.A"], "e is E.A", True),
        (["def f(xs):\n    try:\n        return [10 // x for x in xs]\n    except ZeroDivisionError:\n        return {x: [y for y in xs if y != x] for x in xs}\n    finally:\n        xs = None"], "f([5, 2]), f([0, 1])", ([2, 5], {0: [1], 1: [0]})),
        (["async def f():\n    return [x async for x in g()]\nasync def g():\n    for x in range(3):\n        yield x"], "await f()", [0, 1, 2]),
        (["sq = lambda x: x * x"], "sq(2)", 4),
        (["def f(x):\n    match x:\n        case {'k': [y, *_]}:\n            return (lambda z: z + y)(1)"], "f({'k': [3]})", 4),
    ],
)  # fmt: skip
def test_functions_and_classes_of_cells_go_as_source(
    client: PeerClient, notebook: Notebook, cells: list[str], text: str, value: object
) -> None:
    for cell in cells:
        notebook.run(cell)
    assert run(client, notebook, text) == value


def test_own_modules_go_as_source(
    client: PeerClient, notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "far_pkg"
    package.mkdir()
    (package / "__init__.py").write_text("from .core import f\n")
    (package / "core.py").write_text(
        "class C:\n    x = 3\ndef f(c):\n    try:\n        return [c.x for _ in range(2)]\n    finally:\n        pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    notebook.run("from far_pkg import f\nfrom far_pkg.core import C\nc = C()")
    assert run(client, notebook, "f(c)") == [3, 3]
    assert type(run(client, notebook, "from far_pkg.core import C\nC()")) is notebook.module.C
    ids = client.register_steps([notebook.module.f])
    assert ids == ["far_pkg.core::f"]


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, "ä\U0001f600", 10**400], "b": {1: (2, {3}), (4,): b"5"}},
        [complex(1, 2), date(2026, 8, 1), Decimal("1.10"), range(3), float("inf")],
    ],
)
def test_values_go_there_and_back(client: PeerClient, notebook: Notebook, value: object) -> None:
    notebook.namespace["value"] = value
    assert run(client, notebook, "value") == value


def test_a_step_registered_from_a_function_runs(client: PeerClient, notebook: Notebook) -> None:
    notebook.run(
        "from blazen_nb import StartEvent, StopEvent, step\nK = 2\n"
        "@step\ndef double(ev: StartEvent) -> StopEvent:\n    return StopEvent(result=ev.n * K)"
    )
    ids = client.register_steps([notebook.module.double])
    assert client.run_remote_workflow("w", ids, {"n": 4}).result == 8


def test_a_failure_shows_its_lines(client: PeerClient, notebook: Notebook) -> None:
    notebook.run("def inverse(x):\n    return 1 / x")
    with pytest.raises(WorkflowError) as caught:
        run(client, notebook, "[inverse(x) for x in (1, 0)]")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    for line in ("cell [9], line 2", "cell [1], line 2, in inverse", "return 1 / x"):
        assert line in caught.value.remote_traceback


# --- what only bytecode could bring -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["closure", "nested", "inside"])
def test_callables_without_source_are_refused_before_anything_is_sent(
    client: PeerClient, notebook: Notebook, name: str
) -> None:
    notebook.run(
        "def make(n):\n    def inner(): return n\n    return inner\nclosure = make(1)\n"
        "nested = {'f': [make(2)]}\nimport functools\ninside = functools.partial(make(3))"
    )
    with pytest.raises(EnvironmentMismatchError) as caught:
        run(client, notebook, name)
    for part in (f"{name}: ", python_minor(), client.peer_python, "def or class"):
        assert part in str(caught.value)
    with pytest.raises(EnvironmentMismatchError):
        client.put(notebook.namespace[name])
    with pytest.raises(EnvironmentMismatchError):
        client.run_remote_workflow("w", ["no::such"], {"f": notebook.namespace[name]})


def test_values_pass_on_to_a_peer_of_another_python_where_no_bytecode_is_in_them(
    client: PeerClient,
) -> None:
    value = {"date": date(2026, 8, 1), "data": bytes(3 << 20), "pair": (1, {2})}
    offset = 2
    with LocalPeer("near") as near:
        assert client.put(near.client.put(value)).fetch() == value
        function = near.client.put([lambda n: n + offset])
        with pytest.raises(EnvironmentMismatchError, match="same Python minor version"):
            client.put(function)
        there = client.put(value)
        assert near.client.put(there).fetch() == value


class Touch:
    """Leaves a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = str(file)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.file,)


def test_pickled_callables_that_arrive_all_the_same_are_refused_before_they_are_opened(
    client: PeerClient, notebook: Notebook, tmp_path: Path
) -> None:
    file = tmp_path / "opened"
    leaf = (f"cloudpickle-{python_minor()}", pickle.dumps(Touch(file)))
    bundle = CodeBundle(values=(("f", EncodedValue(b'{"$leaf":0}', (leaf,))),))
    with pytest.raises(WorkflowError) as caught:
        client.start_cell(make_source("f", label="cell [1]"), bundle=bundle).result(SECONDS)
    cause = caught.value.__cause__
    assert isinstance(cause, EnvironmentMismatchError)
    assert client.peer_python in str(cause)
    assert python_minor() in str(cause)
    with pytest.raises(EnvironmentMismatchError):
        client.send_code(bundle)
    assert not file.exists()
    plain = leaf[1]  # the same bytes under a tag without bytecode are opened: the test can fail
    opened = CodeBundle(values=(("g", EncodedValue(b'{"$leaf":0}', (("pickle", plain),))),))
    client.send_code(opened)
    assert file.exists()
    assert run(client, notebook, "1 + 1") == 2


def test_source_that_is_no_python_there_is_an_environment_mismatch(
    client: PeerClient, notebook: Notebook
) -> None:
    unchecked = make_source("\nx = = 1", label="cell [1]")
    with pytest.raises(WorkflowError) as caught:
        client.start_cell(unchecked).result(SECONDS)
    assert isinstance(caught.value.__cause__, EnvironmentMismatchError)
    for part in ("cell [1], line 2", python_minor(), client.peer_python):
        assert part in str(caught.value.__cause__)
    assert run(client, notebook, "1 + 1") == 2


@pytest.mark.parametrize("minor", [m for m in pythons.other_minors() if m > python_minor()])
def test_syntax_that_is_newer_than_the_peers_python_names_both_versions(
    minor: str, tmp_path: Path, project: Path
) -> None:
    python = environment_of(minor)
    newer = "x = 1\ntype Celsius = float" if minor == "3.12" else "def f[T = int](x: T): ..."
    path = {"PYTHONPATH": str(project)}
    with PeerProcess(tmp_path, "--node-id", "near", environment=path) as near:
        done = subprocess.run(
            [python, "-c", CLIENT, near.address, newer],
            env={**os.environ, **path},
            capture_output=True,
            text=True,
            timeout=9,
            check=True,
        )
        assert near.process.poll() is None
    assert done.stdout.startswith("EnvironmentMismatchError: cell [1], line")
    assert f"Python {minor}, the peer {python_minor()}" in done.stdout
