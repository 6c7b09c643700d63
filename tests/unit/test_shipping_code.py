"""What a cell needs from its notebook, and its arrival in a namespace of the peer."""

from __future__ import annotations

import functools
import traceback
import types
from collections.abc import Iterator

import pytest

from blazen_nb.errors import EnvironmentMismatchError, ShippingError
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.shipping.code import (
    CodeBundle,
    arrived_digests,
    forget_replaced,
    install_bundle,
    is_there,
)
from blazen_nb.shipping.environment import require_same_minor
from blazen_nb.shipping.installed import is_installed
from blazen_nb.shipping.sources import RecordedCells, SourceUnit, find_source
from blazen_nb.shipping.values import encode
from tests.unit.home_module import home_module
from tests.unit.shipping_notebook import Notebook, install, ship


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    with home_module("blazen_test_notebook") as module:
        yield Notebook(module)


@pytest.fixture
def peer() -> Iterator[types.ModuleType]:
    with home_module("blazen_test_peer") as module:
        yield module


@pytest.mark.parametrize(
    ("cells", "text", "value"),
    [
        (["n = 3"], "n + 1", 4),
        (["import json as j"], "j.dumps([1])", "[1]"),
        (["import xml\nimport xml.etree.ElementTree"], "xml.etree.ElementTree.fromstring('<a/>').tag", "a"),
        (["from collections import Counter as C"], "C('aab')['a']", 2),
        (["from math import pi, sqrt"], "round(sqrt(pi), 3)", 1.772),
        (["K = 2\ndef f(x):\n    return g(x) * K", "def g(x): return x + 1"], "f(1)", 4),
        (["def fact(n): return 1 if n < 2 else n * fact(n - 1)"], "fact(5)", 120),
        (["def odd(n): return n != 0 and even(n - 1)\ndef even(n): return n == 0 or odd(n - 1)"], "odd(3)", True),
        (["import functools", "@functools.lru_cache\ndef f(n): return n"], "f(4)", 4),
        (["sq = lambda v: v * v"], "sq(4)", 16),
        (["def f(): return 1", "g = f"], "g() + f()", 2),
        (["if True:\n    def f():\n        '''doc\n  odd'''\n        return 1"], "f()", 1),
        (["class A:\n    def m(self): return h()", "def h(): return 7"], "A().m()", 7),
        (["class A:\n    k = 5", "class B(A):\n    pass"], "B.k", 5),
        (["from dataclasses import dataclass", "@dataclass\nclass C:\n    x: int = 3"], "C().x", 3),
        (["from dataclasses import dataclass", "@dataclass\nclass C:\n    x: int = 3", "c = C(9)"], "c.x", 9),
        (["import enum", "class E(enum.Enum):\n    A = 1", "e = {'k': E.A}"], "e['k'] is E.A", True),
        (["class D:\n    v = 2", "d = D()", "def f(x=d): return x.v"], "f()", 2),
        (["def mk(n):\n    def inner(): return n\n    return inner", "c = mk(6)"], "c()", 6),
        (["from collections import namedtuple\nP = namedtuple('P', 'x y')", "p = P(1, 2)"], "p.y + P(3, 4).x", 5),
        (["import functools\ndef f(a, b): return a - b\np = functools.partial(f, 5)"], "p(2)", 3),
        (["from typing import TypeVar\nT = TypeVar('T')", "def f(x: T) -> T: return x"], "f(3)", 3),
        (["from __future__ import annotations\ndef f(x: Nowhere): return x"], "f(3)", 3),
        (["t = (1, 2)\ns = {1}\nb = b'x'"], "(t, s, b)", ((1, 2), {1}, b"x")),
        (["sum = 3"], "sum", 3),
    ],
)  # fmt: skip
def test_what_cells_defined_works_on_the_peer(
    notebook: Notebook, peer: types.ModuleType, cells: list[str], text: str, value: object
) -> None:
    for cell in cells:
        notebook.run(cell)
    assert ship(notebook, peer, text) == value


def test_instances_arrive_as_instances_of_the_class_that_arrived(
    notebook: Notebook, peer: types.ModuleType
) -> None:
    notebook.run("class A:\n    pass\na = A()\nb = [a]")
    ship(notebook, peer, "a, b, A")
    assert type(peer.a) is peer.A
    assert type(peer.b[0]) is peer.A


def test_without_equal_minors_source_and_plain_pickles_still_travel(
    notebook: Notebook, peer: types.ModuleType
) -> None:
    notebook.run(
        "class A:\n    x = 4\na = A()\ndef mk(n):\n    def inner(): return n\n    return inner\nc = mk(1)"
    )
    install(notebook.needs("a.x", peer_python="3.99").bundle(), peer)
    assert peer.a.x == 4
    with pytest.raises(
        EnvironmentMismatchError, match=r"(?s)c: a function.*3\.\d+, the peer 3\.99"
    ) as caught:
        notebook.needs("c()", peer_python="3.99").check()
    assert "with def or class" in str(caught.value)


def test_definitions_keep_the_lines_of_their_cell(
    notebook: Notebook, peer: types.ModuleType
) -> None:
    notebook.run("x = 1\n\ndef f():\n    raise ValueError('here')\n")
    install(notebook.needs("f()").bundle(), peer)
    with pytest.raises(ValueError, match="here") as caught:
        peer.f()
    frame = traceback.extract_tb(caught.tb)[-1]
    assert (frame.lineno, frame.line) == (4, "raise ValueError('here')")
    assert frame.filename.startswith("<cell [1] ")


def test_a_function_that_was_defined_again_goes_as_it_is_now(
    notebook: Notebook, peer: types.ModuleType
) -> None:
    notebook.run("def f(): return 1\nold = f")
    install(notebook.needs("f()").bundle(), peer)
    notebook.run("def f(): return 2")
    bundle = notebook.needs("f() + old()").bundle()
    assert install(bundle, peer) == {"f", "old"}
    assert (peer.f(), peer.old()) == (2, 1)


def test_names_that_cannot_travel_are_all_named_with_what_to_do(notebook: Notebook) -> None:
    notebook.run(
        "import threading\nimport numpy as np\nlock = threading.Lock()\nbig = np.zeros(3_000_000)"
    )
    needs = notebook.needs("lock, big, typo")
    assert needs.unknown == ("typo",)
    with pytest.raises(ShippingError) as caught:
        needs.bundle()
    message = str(caught.value)
    assert "big: 22.9 MiB" in message
    assert "--push big" in message
    assert "lock: a lock cannot be pickled" in message
    assert "typo: not defined in this notebook" in message


def test_small_values_that_are_much_together_are_refused(notebook: Notebook) -> None:
    notebook.run("a = b'x' * 6_000_000\nb = b'y' * 5_000_000")
    with pytest.raises(ShippingError, match="--push a"):
        notebook.needs("a, b").check()
    notebook.needs("a").check()


def test_what_the_peer_has_is_not_sent_nor_what_only_it_needs(notebook: Notebook) -> None:
    notebook.run("def f(): return g() + only_on_peer\ndef g(): return 1")
    needs = notebook.needs("f() + n")
    assert needs.names == {"f", "g", "n", "only_on_peer"}
    assert needs.without({"n", "only_on_peer"}).bundle().order == ("f", "g")
    assert needs.without({"f", "n"}).names == set()


def test_names_that_are_only_perhaps_needed_never_stop_a_cell(notebook: Notebook) -> None:
    notebook.run("import threading\nlock = threading.Lock()\nk = 3")
    needs = notebook.needs("if c:\n    lock = k = nowhere = 1\nlock, k, nowhere")
    assert needs.without({"c"}).names == {"k"}


def test_ipythons_own_names_stay_where_they_are(notebook: Notebook) -> None:
    wrapper = functools.wraps(open)(lambda path: None)
    notebook.namespace["open"] = wrapper
    notebook.namespace["exit"] = type("ExitAutocall", (), {"__module__": "IPython.core.autocall"})()
    assert notebook.needs("open('x'), exit, print, __name__, get_ipython").names == set()


@pytest.mark.parametrize("module", ["json", "sys", "numpy.linalg", "blazen_nb.events", "pytest"])
def test_installed_modules_are_imported_on_the_peer(module: str) -> None:
    assert is_installed(module)
    assert not is_installed("no_such_module_anywhere")


def test_the_same_bundle_again_changes_nothing(notebook: Notebook, peer: types.ModuleType) -> None:
    notebook.run("xs = [1]\ndef f(): return xs\nimport json")
    bundle = notebook.needs("f(), json").bundle()
    assert install(bundle, peer) == {"xs", "f", "json"}
    peer.xs.append(2)
    assert install(bundle, peer) == set()
    assert peer.xs == [1, 2]
    assert bundle.digest == notebook.needs("f(), json").bundle().digest
    notebook.run("xs = [5]")
    assert install(notebook.needs("f(), json").bundle(), peer) == {"xs"}
    assert peer.f() == [5]


def test_what_code_on_the_peer_assigned_wins_over_what_arrives(
    notebook: Notebook, peer: types.ModuleType
) -> None:
    notebook.run("a = 1\nb = 2")
    bundle = notebook.needs("a, b").bundle()
    peer.__dict__["a"] = 100
    assert install(bundle, peer) == {"b"}
    peer.__dict__["b"] = 200
    assert set(arrived_digests(peer.__dict__)) == set()
    notebook.run("b = 3")
    assert install(notebook.needs("a, b").bundle(), peer) == set()
    assert (peer.a, peer.b) == (100, 200)


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        (CodeBundle(imports=(("x", "no_such_module", None),)), "no_such_module is not installed in the peer's Python"),
        (CodeBundle(imports=(("x", "json", "nope"),)), "peer's json has no nope"),
        (CodeBundle(imports=(("", "json.nope", None),)), "json.nope"),
        (CodeBundle(imports=(("x", "__main__", "gone"),)), "gone"),
        (CodeBundle(units=(SourceUnit(name="f", text="@nope\ndef f(): ...", label="cell [2]"),)), r"f \(cell \[2\]\)"),
        (CodeBundle(units=(SourceUnit(name="f", text="x = 1", label="cell [2]"),)), r"f \(cell \[2\]\)"),
        (CodeBundle(values=(("v", encode({1: 2})._replace(json=b"{")),)), "v: "),
    ],
)  # fmt: skip
def test_what_cannot_be_installed_is_named(
    peer: types.ModuleType, bundle: CodeBundle, message: str
) -> None:
    with pytest.raises(Exception, match=message) as caught:
        install(bundle, peer)
    assert type(caught.value).__module__ == "blazen_nb.errors"


def test_syntax_the_peer_is_too_old_for_names_both_versions(peer: types.ModuleType) -> None:
    unit = SourceUnit(name="X", text="type = = X", label="cell [2]")
    with pytest.raises(EnvironmentMismatchError, match=r"Python 3\.99"):
        install(CodeBundle(units=(unit,), python="3.99"), peer)


def test_pickled_values_are_not_opened_for_those_who_may_not_ship_code(
    peer: types.ModuleType,
) -> None:
    bundle = CodeBundle(values=(("v", encode({1, frozenset(), 1j})),))
    with pytest.raises(ShippingError, match="v: a pickled value"):
        install_bundle(bundle, peer.__dict__, namespace_id="ns", trusted=False)


def test_a_value_goes_again_with_the_class_that_was_defined_again(
    notebook: Notebook, peer: types.ModuleType
) -> None:
    notebook.run("class A:\n    x = 1\na = A()\nn = 1")
    bundle = notebook.needs("a, n").bundle()
    assert install(bundle, peer) == {"A", "a", "n"}
    assert install(notebook.needs("a, n").bundle(), peer) == set()
    notebook.run("class A:\n    x = 2")
    with pytest.raises(ShippingError, match=r"a: made by a class A that was defined again since"):
        notebook.needs("a, n").check()
    notebook.run("a = A()")
    assert install(notebook.needs("a, n").bundle(), peer) == {"A", "a"}
    assert (peer.a.x, type(peer.a) is peer.A) == (2, True)


def test_what_was_pushed_is_there_and_what_came_by_itself_comes_again(
    peer: types.ModuleType,
) -> None:
    values = (("pushed", encode(1)), ("came", encode(2)), ("over", encode(3)))
    peer.__dict__.update({"own": 4, "over": 5})
    install(CodeBundle(values=values, pushed=frozenset({"pushed", "over"})), peer)
    assert peer.over == 3
    names = {"pushed", "came", "own", "over", "nowhere"}
    assert is_there(peer.__dict__, names) == {"pushed", "own", "over"}
    peer.__dict__["pushed"] = 6
    forget_replaced(peer.__dict__)
    assert set(arrived_digests(peer.__dict__)) == {"came", "over"}


def test_a_stand_alone_step_has_source_with_its_decorators(notebook: Notebook) -> None:
    notebook.run(
        "import functools\ndef deco(**k):\n    def wrap(f):\n        @functools.wraps(f)\n"
        "        def call(*a): return f(*a)\n        return call\n    return wrap\n"
    )
    notebook.run("x = 1\n@deco(\n    retries=2,\n)\nasync def train(ctx, ev):\n    return 1\n")
    unit = find_source(notebook.namespace["train"], notebook.cells)
    assert unit == SourceUnit(
        name="train",
        text="\n@deco(\n    retries=2,\n)\nasync def train(ctx, ev):\n    return 1\n",
        label="cell [2]",
    )


def test_what_does_not_stand_alone_has_no_source(notebook: Notebook) -> None:
    notebook.run(
        "def mk(n):\n    def inner(): return n\n    class C: pass\n    return inner, C\ni, C = mk(1)"
    )
    exec("def f(): ...", notebook.namespace)
    for name in ("i", "C", "f"):
        assert find_source(notebook.namespace[name], notebook.cells) is None
    assert find_source(len, RecordedCells()) is None
    assert find_source(print, RecordedCells()) is None


def test_a_function_of_a_script_has_source_under_its_file_name() -> None:
    unit = find_source(test_a_function_of_a_script_has_source_under_its_file_name, RecordedCells())
    assert unit is not None
    assert unit.label == "test_shipping_code.py"


def test_broken_cells_are_not_recorded() -> None:
    cells = RecordedCells()
    cells.add("def f(): return = 1", label="cell [1]")
    assert cells.source_of("f") is None


def test_code_that_travels_as_bytecode_needs_the_same_minor_version() -> None:
    require_same_minor("3.11", "3.11", "train")
    with pytest.raises(EnvironmentMismatchError, match=r"train.*3\.11.*3\.13"):
        require_same_minor("3.11", "3.13", "train")


def test_a_cell_runs_with_what_was_sent_ahead(notebook: Notebook, peer: types.ModuleType) -> None:
    notebook.run("def prepare(xs): return [x * scale for x in xs]\nscale = 2")
    cell = parse_cell("\nprepare([1, 2])", label="cell [2]")
    install(notebook.needs(cell.text).bundle(), peer)
    assert peer.prepare([1, 2]) == [2, 4]
