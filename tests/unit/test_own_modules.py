"""The user's own modules: found by their source, and importable in the one namespace that they were sent to."""

from __future__ import annotations

import ast
import os
import sys
import types
from collections.abc import Callable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest

from blazen_nb.errors import EnvironmentMismatchError, ShippingError
from blazen_nb.shipping.cell import compile_cell, file_name_for, make_source, run_sync
from blazen_nb.shipping.code import CodeBundle, arrived_digests
from blazen_nb.shipping.failure import describe_exception
from blazen_nb.shipping.imports import imports_in
from blazen_nb.shipping.modules import SourceModule, forget_modules, own_modules
from blazen_nb.shipping.needs import Needs
from blazen_nb.shipping.values import decode, encode
from tests.unit.home_module import home_module
from tests.unit.shipping_notebook import Notebook, install

HOME, OTHER = "blazen_ns_1_test", "blazen_ns_2_test"
WriteModule = Callable[[str, str], Path]


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    with home_module("blazen_test_notebook") as module:
        yield Notebook(module)


@pytest.fixture
def peer() -> Iterator[types.ModuleType]:
    with home_module(HOME) as module:
        yield module
        forget_modules(HOME)


@pytest.fixture
def other() -> Iterator[types.ModuleType]:
    with home_module(OTHER) as module:
        yield module
        forget_modules(OTHER)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteModule]:
    """Write a module beside the notebook; each text is newer than the one before."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    times = iter(range(1_700_000_000, 1_700_001_000))

    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (next(times),) * 2)
        return file

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def run(text: str, peer: types.ModuleType) -> Any:
    """The cell's value, as the peer runs it."""
    cell = make_source(text, label="cell [3]")
    compiled = compile_cell(cell, file_name_for(cell, "ns"))
    own = own_modules(peer.__name__)
    if own is not None:
        own.note_imports(imports_in(ast.parse(text)))
    return run_sync(compiled, peer.__dict__)


def send(notebook: Notebook, peer: types.ModuleType, text: str) -> CodeBundle:
    """What the cell needs is on the peer; what it has does not travel again."""
    own = own_modules(peer.__name__)
    needs = notebook.needs(text, modules_there=own.digests if own else {})
    bundle = needs.without(set(vars(peer)) - set(arrived_digests(vars(peer)))).bundle()
    install(bundle, peer)
    return bundle


def ship(notebook: Notebook, peer: types.ModuleType, text: str) -> Any:
    send(notebook, peer, text)
    return run(text, peer)


def names(needs: Needs | CodeBundle) -> list[str]:
    return [module.name for module in needs.modules]


@pytest.mark.parametrize(
    "cell",
    [
        "import own_a\nown_a.f(1)",
        "import own_a as a\na.f(1)",
        "from own_a import f\nf(1)",
        "from own_a import f as g\ng(1)",
        "from own_a import *\nf(1)",
        "def h():\n    from own_a import f\n    return f(1)\nh()",
        "try:\n    from own_a import f\nexcept ImportError:\n    f = None\nf(1)",
        "__import__('own_a')\nimport own_a\nown_a.f(1)",
    ],
)
def test_a_module_that_the_cell_imports_goes_along(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule, cell: str
) -> None:
    write("own_a.py", "import own_b\nK = 2\ndef f(x): return own_b.g(x) * K\n")
    write("own_b.py", "def g(x): return x + 1\n")
    assert ship(notebook, peer, cell) == 4
    assert not {"own_a", "own_b"} & set(sys.modules)


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (["import own_a"], "own_a.f(1)"),
        (["import own_a as a"], "a.f(1)"),
        (["from own_a import f"], "f(1)"),
        (["from own_a import f as g"], "g(1)"),
        (["from own_a import f\ndef h(x): return f(x)"], "h(1)"),
        (["from own_a import f\ng = f"], "g(1)"),
        (["from own_a import C\nc = C()"], "c.m(1)"),
        (["from own_a import C\nc = {'k': [C()]}"], "c['k'][0].m(1)"),
        (["import own_a\nm = own_a.C().m"], "m(1)"),
        (["import own_a\nsq = own_a.sq"], "sq(2)"),
        (["def h(x):\n    import own_a\n    return own_a.f(x)"], "h(1)"),
    ],
)
def test_what_the_notebook_has_of_its_modules_goes_with_them(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule, cells: list[str], text: str
) -> None:
    write(
        "own_a.py",
        "K = 2\ndef f(x): return (x + 1) * K\nclass C:\n    def m(self, x): return f(x)\nsq = lambda x: x * K\n",
    )
    for cell in cells:
        notebook.run(cell)
    assert ship(notebook, peer, text) == 4


def test_a_package_goes_with_the_submodules_that_are_reached(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_pkg/__init__.py", "from .core import f\nfrom . import consts\n")
    write(
        "own_pkg/core.py",
        "from .deep.inner import g\nfrom .consts import K\ndef f(x): return g(x) * K\n",
    )
    write("own_pkg/consts.py", "K = 2\n")
    write("own_pkg/deep/__init__.py", "")
    write(
        "own_pkg/deep/inner.py",
        "from ..consts import K\nfrom own_pkg import consts as c\ndef g(x): return x + K + c.K\n",
    )
    write("own_pkg/unused.py", "raise RuntimeError\n")
    assert ship(
        notebook, peer, "import own_pkg.deep.inner as i, own_pkg\ni.g(1), own_pkg.f(1)"
    ) == (5, 10)
    own = own_modules(HOME)
    assert own is not None
    assert sorted(own.digests) == [
        "own_pkg",
        "own_pkg.consts",
        "own_pkg.core",
        "own_pkg.deep",
        "own_pkg.deep.inner",
    ]


def test_a_submodule_that_another_cell_imported_is_there_under_its_package(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_pkg/__init__.py", "")
    write("own_pkg/late.py", "def f(): return 4\n")
    notebook.run("import own_pkg\nimport own_pkg.late")
    assert ship(notebook, peer, "own_pkg.late.f()") == 4


def test_a_folder_without_init_is_a_package_and_one_without_python_hides_nothing(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_space/tool.py", "def f(): return 4\n")
    write("own_runs/log.txt", "")
    assert ship(notebook, peer, "from own_space import tool\ntool.f()") == 4
    assert names(notebook.needs("import own_runs")) == []


def test_two_namespaces_have_modules_of_the_same_name(
    notebook: Notebook, peer: types.ModuleType, other: types.ModuleType, write: WriteModule
) -> None:
    write("own_a.py", "import own_b\ndef f(): return 'mine', own_b.N\n")
    write("own_b.py", "N = 1\n")
    cell = "from own_a import f\nf()"
    send(notebook, peer, cell)
    write("own_a.py", "import own_b\ndef f(): return 'theirs', own_b.N\n")
    write("own_b.py", "N = 2\n")
    send(notebook, other, cell)
    assert (run(cell, peer), run(cell, other)) == (("mine", 1), ("theirs", 2))


def test_one_that_is_installed_on_the_peer_is_hidden_by_the_notebooks_own(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("own_a.py", "def f(): return 'own'\n")
    send(notebook, peer, "import own_a")
    installed = types.ModuleType("own_a")
    monkeypatch.setitem(sys.modules, "own_a", installed)
    assert run("import own_a\nown_a.f()", peer) == "own"


def test_unchanged_modules_go_once_and_run_once(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_a.py", "import own_b\nruns = own_b.count('a')\n")
    write("own_b.py", "_n = []\ndef count(who):\n    _n.append(who)\n    return len(_n)\n")
    cell = "import own_a\nown_a.runs"
    assert names(send(notebook, peer, cell)) == ["own_b", "own_a"]
    assert run(cell, peer) == 1
    assert names(send(notebook, peer, cell)) == []
    install(notebook.needs(cell).bundle(), peer)
    assert run(cell, peer) == 1


def test_a_changed_module_takes_effect_at_the_next_cell_whatever_that_needs(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_a.py", "N = 1\ndef f(): return N\n")
    write(
        "own_b.py",
        "from own_a import f, N as m\nfrom own_a import *\ndef both(): return f(), m, N\n",
    )
    notebook.run("from own_a import f as shipped")
    cell = "import own_a\nfrom own_a import N as n, f\nfrom own_b import both\nkept = f\nshipped()"
    assert ship(notebook, peer, cell) == 1
    module = peer.own_a
    write("own_a.py", "N = 2\ndef f(): return N * 10\n")
    assert names(send(notebook, peer, "1 + 1")) == ["own_a"]
    assert peer.own_a is module
    assert (peer.own_a.N, peer.n, peer.f(), peer.shipped()) == (2, 2, 20, 20)
    assert peer.both() == (20, 2, 2)
    assert "shipped" in arrived_digests(peer.__dict__)
    assert names(send(notebook, peer, "1 + 1")) == []


def test_a_name_that_code_assigned_anew_stays_when_its_module_changes(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_a.py", "N = [1]\n")
    ship(notebook, peer, "from own_a import N\nN = [5]")
    write("own_a.py", "N = [2]\n")
    send(notebook, peer, "N")
    assert peer.N == [5]


def test_a_changed_module_of_a_package_is_passed_on_by_the_package(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_pkg/__init__.py", "from .core import f\n")
    write("own_pkg/core.py", "def f(): return 1\n")
    assert ship(notebook, peer, "from own_pkg import f\nf()") == 1
    write("own_pkg/core.py", "from .more import g\ndef f(): return g()\n")
    write("own_pkg/more.py", "def g(): return 2\n")
    assert names(send(notebook, peer, "f()")) == ["own_pkg.more", "own_pkg.core"]
    assert run("f()", peer) == 2


def test_one_that_fails_when_it_runs_again_is_said_and_tried_again(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_a.py", "N = 1\n")
    ship(notebook, peer, "import own_a")
    write("own_a.py", "N = 2\nnope\n")
    for _ in range(2):
        with pytest.raises(ShippingError, match=r"own_a\.py has changed.*NameError: name 'nope'"):
            send(notebook, peer, "1 + 1")
    write("own_a.py", "N = 3\n")
    assert ship(notebook, peer, "own_a.N") == 3


def test_a_traceback_shows_the_modules_lines_and_no_folder(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_pkg/__init__.py", "")
    write("own_pkg/core.py", "class Odd(Exception): ...\n\ndef f(x):\n    raise Odd(f'no {x}')\n")
    send(notebook, peer, "import own_pkg.core")
    with pytest.raises(Exception, match="no 1") as caught:
        run("import own_pkg.core\nown_pkg.core.f(1)", peer)
    assert describe_exception(caught.value, home=HOME).traceback.splitlines()[-5:] == [
        "  cell [3], line 2",
        "    own_pkg.core.f(1)",
        "  own_pkg/core.py, line 4, in f",
        "    raise Odd(f'no {x}')",
        "own_pkg.core.Odd: no 1",
    ]


def test_an_error_while_a_module_is_imported_shows_its_line_below_the_cells(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_a.py", "import own_b\n")
    write("own_b.py", "\n1 / 0\n")
    send(notebook, peer, "import own_a")
    with pytest.raises(ZeroDivisionError) as caught:
        run("import own_a", peer)
    text = describe_exception(caught.value, home=HOME).traceback
    assert text.splitlines()[-7:-1] == [
        "  cell [3], line 1",
        "    import own_a",
        "  own_a.py, line 1",
        "    import own_b",
        "  own_b.py, line 2",
        "    1 / 0",
    ]


def test_instances_of_own_classes_go_and_come_back_as_such(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write(
        "own_a.py",
        "from dataclasses import dataclass\nimport enum\n@dataclass\nclass C:\n    x: 'int' = 3\nclass E(enum.Enum):\n    A = 1\n",
    )
    notebook.run("from own_a import C, E\nc = [C(5), E.A]")
    assert ship(notebook, peer, "c[0].x") == 5
    assert run("from own_a import C, E\n(type(c[0]) is C, c[1] is E.A)", peer) == (True, True)
    back = decode(encode(run("[C(7), E.A]", peer), home=HOME), trusted=True)
    local = notebook.namespace
    assert back == [local["C"](7), local["E"].A]


def test_a_module_without_source_is_said_before_anything_is_sent(
    notebook: Notebook, write: WriteModule
) -> None:
    write(f"own_fast{EXTENSION_SUFFIXES[0]}", "")
    write("own_a.py", "import own_fast\ndef f(): ...\n")
    write("own_b.py", "try:\n    import own_fast\nexcept ImportError:\n    own_fast = None\n")
    with pytest.raises(ShippingError, match=r"own_fast: .* no source which could travel.*with pip"):
        notebook.needs("import own_a").check()
    assert names(notebook.needs("import own_b")) == ["own_b"]
    made = types.ModuleType("own_made")
    notebook.namespace["own_made"] = made
    with pytest.raises(ShippingError, match=r"own_made: .*no file that could travel"):
        notebook.needs("own_made.x").check()


def test_a_module_that_is_no_valid_python_names_file_and_line(
    notebook: Notebook, write: WriteModule
) -> None:
    write("own_a.py", "x = 1\nfoo bar\n")
    with pytest.raises(ShippingError, match=r"own_a: own_a\.py, line 2, is no valid Python"):
        notebook.needs("import own_a").check()


def test_syntax_that_the_peer_is_too_old_for_is_an_environment_mismatch(
    peer: types.ModuleType,
) -> None:
    module = SourceModule(name="own_a", text="x = 1\ntype = = X\n", label="own_a.py")
    with pytest.raises(EnvironmentMismatchError, match=r"own_a\.py, line 2.*Python 3\.99"):
        install(CodeBundle(modules=(module,), python="3.99"), peer)


def test_modules_that_are_too_much_are_refused_by_name(
    notebook: Notebook, write: WriteModule
) -> None:
    write("own_table.py", f"T = '{'x' * (11 << 20)}'\n")
    with pytest.raises(ShippingError, match=r"own_table: 11\.0 MiB.*install own_table"):
        notebook.needs("import own_table").check()


def test_imports_for_type_checkers_and_of_installed_modules_do_not_go_along(
    notebook: Notebook, write: WriteModule
) -> None:
    write("own_types.py", "")
    write(
        "own_a.py",
        "from typing import TYPE_CHECKING\nimport json\nif TYPE_CHECKING:\n    import own_types\n",
    )
    assert names(notebook.needs("import own_a, numpy")) == ["own_a"]


def test_builtins_that_a_cell_adds_are_seen_by_the_next(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    import builtins

    write("own_a.py", "")
    send(notebook, peer, "import own_a")
    monkeypatch.setattr(builtins, "blazen_test_added", 4, raising=False)
    assert run("import own_a\nblazen_test_added", peer) == 4


def test_what_a_namespace_imported_is_forgotten_with_it(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_a.py", "def f(): ...\n")
    ship(notebook, peer, "import own_a")
    assert f"{HOME}_own.own_a" in sys.modules
    forget_modules(HOME)
    assert not [name for name in sys.modules if name.startswith(f"{HOME}_own")]
    assert own_modules(HOME) is None


def test_a_name_that_a_module_has_not_is_said_without_the_peers_name_for_it(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_a.py", "")
    send(notebook, peer, "import own_a")
    with pytest.raises(ImportError) as caught:
        run("from own_a import nope", peer)
    failure = describe_exception(caught.value, home=HOME)
    assert failure.message.startswith("cannot import name 'nope' from 'own_a'")
    assert "blazen_ns" not in failure.traceback


def test_display_is_there_in_a_module_as_in_a_notebook(
    notebook: Notebook, peer: types.ModuleType, write: WriteModule
) -> None:
    write("own_a.py", "def show(x):\n    display(x)\n")
    shown: list[int] = []
    peer.__dict__["display"] = shown.append
    ship(notebook, peer, "import own_a\nown_a.show(4)")
    assert shown == [4]
