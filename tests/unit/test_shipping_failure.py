"""Failures: what a person sees of a remote exception, and the exception again."""

from __future__ import annotations

import gc
import json
import re
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from blazen_nb.errors import Failure, ShippingError, ValidationError, WorkflowError
from blazen_nb.shipping import failure as failure_module
from blazen_nb.shipping.cell import (
    compile_cell,
    file_name_for,
    make_source,
    parse_cell,
    register_source,
    run_sync,
)
from blazen_nb.shipping.failure import RemoteException, describe_exception, rebuild_exception
from blazen_nb.shipping.frames import origin_of
from blazen_nb.shipping.sources import RecordedCells

HOME = "blazen_test_failures"


def fail(text: str, number: int = 3, namespace: dict[str, Any] | None = None) -> BaseException:
    cell = make_source(text, label=f"cell [{number}]")
    compiled = compile_cell(cell, file_name_for(cell, "ns"))
    with pytest.raises(BaseException) as caught:  # noqa: PT011  any error will do
        run_sync(compiled, {"__name__": HOME} if namespace is None else namespace)
    return caught.value.with_traceback(caught.tb.tb_next)  # without the frame of this function


def text_of(text: str) -> str:
    return describe_exception(fail(text), home=HOME).traceback


def test_a_traceback_shows_the_cells_own_lines() -> None:
    assert text_of("def ratio(a):\n    return 1 / a + 2\n\nratio(0)") == (
        "Traceback (most recent call last):\n"
        "  cell [3], line 4\n"
        "    ratio(0)\n"
        "  cell [3], line 2, in ratio\n"
        "    return 1 / a + 2\n"
        "           ^^^^^\n"
        "ZeroDivisionError: division by zero"
    )


def test_a_run_of_library_frames_is_one_line_and_the_place_of_the_error() -> None:
    text = text_of("import json\njson.loads('{')")
    assert re.sub(r"line \d+, in JSON", "line N, in JSON", text) == (
        "Traceback (most recent call last):\n"
        "  cell [3], line 2\n"
        "    json.loads('{')\n"
        "  ... 2 frames in json\n"
        "  json/decoder.py, line N, in JSONDecoder.raw_decode\n"
        "    obj, end = self.scan_once(s, idx)\n"
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)"
    )


def test_library_frames_between_cells_are_one_line() -> None:
    text = text_of("import re\ndef f(m):\n    raise KeyError('k')\nre.sub('a', f, 'a')")
    assert text.splitlines()[3] == "  ... 1 frame in re/__init__.py"
    assert "cell [3], line 3, in f" in text


def test_frames_say_which_are_the_users_own() -> None:
    described = describe_exception(fail("import json\njson.loads('{')"), step_id="s", attempt=2)
    first, *others = described.frames
    assert (first.label, first.line, first.in_cell) == ("cell [3]", 2, True)
    assert first.source == "json.loads('{')"
    assert [frame.label for frame in others] == [
        "json/__init__.py",
        "json/decoder.py",
        "json/decoder.py",
    ]
    assert not any(frame.in_cell for frame in others)
    assert (described.step_id, described.attempt) == ("s", 2)


@pytest.mark.parametrize(
    "cell",
    [
        "def f(): f()\nf()",
        "def f(): g()\ndef g(): f()\nf()",
        "raise ExceptionGroup('many', [ValueError(str(i) * 50) for i in range(40)])",
        "raise ValueError('line\\n' * 200)",
        "e = ValueError('x')\nfor i in range(50): e.add_note(f'note {i}')\nraise e",
        "".join(f"def f{i}(): f{i + 1}()\n" for i in range(40)) + "def f40(): 1/0\nf0()",
        "import json\n"
        + "".join(f"def f{i}(): json.dumps(O(), default=lambda o: f{i + 1}())\n" for i in range(20))
        + "class O: pass\ndef f20(): 1/0\nf0()",
    ],
)
def test_a_traceback_stays_under_22_lines_and_keeps_its_ends(cell: str) -> None:
    described = describe_exception(fail(cell), home=HOME)
    lines = described.traceback.splitlines()
    assert len(lines) < 22
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith("  cell [3], line")
    assert any(described.type_name in line for line in lines)
    assert len(described.frames) <= 60


def test_recursion_is_counted() -> None:
    assert re.search(r"\[repeated [\d,]+ more times\]", text_of("def f(): f()\nf()"))


def test_causes_and_contexts_are_one_line_each() -> None:
    text = text_of(
        "def load():\n"
        "    try:\n        {}['w']\n"
        "    except KeyError as e:\n        raise OSError('no weights') from e\n"
        "try:\n    load()\nexcept OSError:\n    raise RuntimeError('cannot start')"
    )
    assert text.splitlines()[-3:] == [
        "RuntimeError: cannot start",
        "  while handling OSError: no weights (cell [3], line 5, in load)",
        "  caused by KeyError: 'w' (cell [3], line 3, in load)",
    ]
    assert "while handling" not in text_of(
        "try:\n    1/0\nexcept ZeroDivisionError:\n    raise ValueError('x') from None"
    )


def test_a_chain_that_goes_in_a_circle_ends() -> None:
    text = text_of(
        "a, b = ValueError('a'), ValueError('b')\na.__cause__ = b\nb.__cause__ = a\nraise a"
    )
    assert text.splitlines()[-2:] == ["ValueError: a", "  caused by ValueError: b"]


def test_notes_are_shown_and_come_back() -> None:
    described = describe_exception(
        fail("e = ValueError('x')\ne.add_note('look at df')\nraise e"), home=HOME
    )
    assert described.notes == ("look at df",)
    assert described.traceback.endswith("ValueError: x\n  look at df")
    assert rebuild_exception(described, trusted=False).__notes__ == ["look at df"]


def test_a_syntax_error_points_at_its_place() -> None:
    with pytest.raises(SyntaxError) as caught:
        parse_cell("x = 1\nx = = 2", label="cell [4]")
    described = describe_exception(caught.value)
    assert described.traceback.endswith(
        "  cell [4], line 2\n    x = = 2\n        ^\nSyntaxError: invalid syntax"
    )
    back = rebuild_exception(described, trusted=False)
    assert isinstance(back, SyntaxError)
    assert (back.filename, back.lineno, (back.text or "").strip()) == ("cell [4]", 2, "x = = 2")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x", 3),
        KeyError("k"),
        ZeroDivisionError(),
        FileNotFoundError(2, "No such file", "data.csv"),
        NameError("name 'x' is not defined", name="x"),
        ModuleNotFoundError("No module named 'x'", name="x", path="/somewhere/x.py"),
        KeyboardInterrupt(),
        SystemExit(3),
        IndentationError("bad", ("cell [1]", 1, 2, " x", 1, 2)),
        ValidationError("wrong use"),
        WorkflowError("failed", run_id="r", step_id="s"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_builtin_exceptions_come_back_without_pickle(error: BaseException) -> None:
    described = describe_exception(error)
    assert described.exception is not None
    assert described.exception[0] == "exception"
    back = rebuild_exception(described, trusted=False)
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert getattr(back, "name", None) == getattr(error, "name", None)
    assert getattr(back, "step_id", None) == getattr(error, "step_id", None)


def test_other_exceptions_come_back_where_trusted() -> None:
    described = describe_exception(fail("import json\njson.loads('{')"))
    assert isinstance(rebuild_exception(described, trusted=True), json.JSONDecodeError)
    stand_in = rebuild_exception(described, trusted=False)
    assert isinstance(stand_in, RemoteException)
    assert str(stand_in) == described.headline


def test_an_exception_class_of_a_cell_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType(HOME)
    monkeypatch.setitem(sys.modules, HOME, module)
    error = fail("class Late(Exception):\n    pass\nraise Late('by', 3)", namespace=module.__dict__)
    described = describe_exception(error, home=HOME)
    assert described.headline == "Late: ('by', 3)"
    assert type(rebuild_exception(described, trusted=True, home=HOME)) is type(error)
    elsewhere = rebuild_exception(described, trusted=True)
    assert (type(elsewhere).__name__, elsewhere.args) == ("Late", ("by", 3))


class Awkward(Exception):
    def __init__(self, a: int, *, b: int) -> None:
        super().__init__("awkward")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def _live() -> Exception:
    error = ValueError("x")
    error.lock = __import__("threading").Lock()  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("make", [lambda: Awkward(1, b=2), Unspeakable, _live])
def test_exceptions_that_cannot_travel_are_described_all_the_same(
    make: Callable[[], Exception],
) -> None:
    error = make()
    described = describe_exception(error)
    assert type(error).__name__ in described.headline
    back = rebuild_exception(described, trusted=True)
    assert isinstance(back, Exception)


def test_an_exception_that_holds_something_large_travels_as_text() -> None:
    described = describe_exception(ValueError(bytearray(1 << 20)))
    assert described.exception is None
    assert len(described.message) < 10_000


@pytest.mark.parametrize(
    "exception",
    [
        ("exception", b""),
        ("exception", b'["os", "system"]\n{"args":["true"],"state":{}}'),
        ("exception", b'["builtins", "exec"]\n{"args":["1"],"state":{}}'),
        ("exception", b'["builtins", "ValueError"]\n[]'),
        ("exception", b'["builtins", "UnicodeDecodeError"]\n{"args":[],"state":{}}'),
        ("pickle", b"junk"),
        ("pickle", b"\x80\x05K\x01."),
        ("unknown", b""),
    ],
)
def test_a_damaged_exception_is_a_stand_in(exception: tuple[str, bytes]) -> None:
    failure = Failure(type_name="E", message="m", exception=exception)
    back = rebuild_exception(failure, trusted=True)
    assert type(back) is RemoteException
    assert str(back) == "E: m"


def test_no_path_of_this_machine_is_told() -> None:
    folder = failure_module.__file__.rpartition("/blazen_nb/")[0]
    cell = (
        "import json, numpy, os.path\n"
        "try:\n    numpy.linalg.inv(numpy.zeros((2, 2)))\n"
        "except Exception as e:\n"
        "    raise ImportError(f'no x in {json.__file__} or {numpy.__file__} or '\n"
        "        + os.path.expanduser('~/work/x.py'), path=json.__file__, name='x') from e"
    )
    described = describe_exception(fail(cell))
    said = repr(described)
    for place in (folder, sys.prefix, sys.base_prefix, "site-packages", "/root", "/home"):
        assert place not in said
    assert "no x in json/__init__.py or numpy/__init__.py or ~/work/x.py" in described.message
    assert "caused by numpy.linalg" in described.traceback


@pytest.mark.parametrize(
    ("file_name", "module", "expected"),
    [
        ("<cell [3] a1b2c3d4 ns>", None, ("cell [3]", "cell")),
        ("/tmp/ipykernel_12/345.py", "__main__", ("cell", "cell")),
        ("<ipython-input-7-abcdef>", "__main__", ("cell [7]", "cell")),
        ("/opt/env/lib/python3.11/site-packages/torch/nn/x.py", None, ("torch/nn/x.py", "library")),
        ("C:\\env\\Lib\\site-packages\\torch\\x.py", None, ("torch/x.py", "library")),
        (json.__file__, "json", ("json/__init__.py", "library")),
        (failure_module.__file__, None, ("blazen_nb/shipping/failure.py", "own")),
        ("/home/me/proj/train/loop.py", "train.loop", ("train/loop.py", "user")),
        ("/home/me/proj/run.py", "__main__", ("run.py", "user")),
        ("<frozen importlib._bootstrap>", None, ("<frozen importlib._bootstrap>", "own")),
        ("<frozen runpy>", None, ("<frozen runpy>", "library")),
    ],
)
def test_files_are_named_without_folders(
    file_name: str, module: str | None, expected: tuple[str, str]
) -> None:
    assert origin_of(file_name, module) == expected


def test_cells_of_the_notebook_that_hosts_a_peer_have_their_number() -> None:
    text, file_name = "def host():\n    1 / 0\nhost()", "/tmp/ipykernel_12/777.py"
    RecordedCells().add(text, label="cell [9]")
    register_source(file_name, text)
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(text, file_name, "exec"), {})
    described = describe_exception(caught.value)
    assert [frame.label for frame in described.frames if frame.in_cell] == ["cell [9]"] * 2


def test_the_toolkits_own_frames_are_left_out_unless_nothing_else_is_there() -> None:
    text = "from blazen_nb.shipping.values import decode\ndecode(None, trusted=False)"
    assert "blazen_nb/" not in text_of(text)
    with pytest.raises(TypeError) as caught:
        parse_cell(None, label="cell [1]")  # type: ignore[arg-type]
    caught.value.__traceback__ = caught.tb.tb_next
    assert "blazen_nb/shipping/cell.py" in describe_exception(caught.value).traceback


def test_an_error_of_the_toolkits_own_says_all_without_frames() -> None:
    with pytest.raises(ShippingError) as caught:
        parse_cell("get_ipython().system('ls')", label="cell [1]")
    caught.value.__traceback__ = caught.tb.tb_next
    described = describe_exception(caught.value)
    assert described.frames == ()
    assert "blazen_nb/" not in described.traceback
    assert "subprocess" in described.traceback


def test_a_description_holds_no_frame_alive() -> None:
    namespace: dict[str, Any] = {"__name__": HOME}
    error: BaseException | None = fail(
        "class Big: pass\ndef f():\n    local = Big()\n    import weakref\n"
        "    global ref\n    ref = weakref.ref(local)\n    raise ValueError('x')\nf()",
        namespace=namespace,
    )
    assert error is not None
    described = describe_exception(error)
    reference: weakref.ref[Any] = namespace["ref"]
    assert reference() is not None
    error = None
    gc.collect()
    assert reference() is None
    assert described.headline == "ValueError: x"
