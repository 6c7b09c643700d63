"""Cells: parsed on the notebook's side, compiled and run on the peer's."""

from __future__ import annotations

import asyncio
import inspect
import linecache
import traceback
import warnings
from typing import Any

import pytest

from blazen_nb.errors import ShippingError, ValidationError
from blazen_nb.shipping.cell import (
    cell_label,
    compile_cell,
    file_name_for,
    forget_sources,
    make_source,
    parse_cell,
    run_compiled,
    run_sync,
)


def run(text: str, module_dict: dict[str, Any] | None = None, **options: Any) -> Any:
    cell = parse_cell(text, label="cell [3]", **options)
    compiled = compile_cell(cell, file_name_for(cell, "ns-1"))
    return run_sync(compiled, {"__name__": "ns_1"} if module_dict is None else module_dict)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 1", 2),
        ("x = 4\nx * 2", 8),
        ("x = 4", None),
        ("", None),
        ("# only a comment", None),
        ("5;", None),
        ("5;  # quiet", None),
        ("'a;b'", "a;b"),
        ("x = ';'\nx", ";"),
        ("3; 4", 4),
        ("for i in range(3):\n    i", None),
        ("if __name__ == '__main__':\n    x = 'main'\nx", "main"),
        ("'__main__' == __name__", True),
        ("import sys\n__name__", "ns_1"),
    ],
)
def test_a_cell_gives_the_value_of_its_last_expression(text: str, value: object) -> None:
    assert run(text) == value


def test_names_stay_in_the_namespace_from_cell_to_cell() -> None:
    namespace: dict[str, Any] = {"__name__": "ns_1"}
    run("def double(x):\n    return 2 * x", namespace)
    assert run("double(4)", namespace) == 8


def test_annotations_of_the_toolkits_own_modules_do_not_leak_into_a_cell() -> None:
    assert run("def f(x: int): ...\nf.__annotations__['x']") is int


@pytest.mark.parametrize(
    "options", [{"futures": ("annotations",)}, {"futures": ("annotations", "no_such_feature")}]
)
def test_future_features_of_earlier_cells_hold(options: dict[str, Any]) -> None:
    assert run("def f(x: Missing): ...\nf.__annotations__['x']", **options) == "Missing"


def test_a_future_import_holds_for_the_last_expression_too() -> None:
    text = "from __future__ import annotations\n(lambda: [1 for x in 'ab'])()"
    assert run(text) == [1, 1]


async def test_a_cell_may_await_at_its_top_level() -> None:
    cell = parse_cell(
        "import asyncio\nx = await asyncio.sleep(0, 20)\nawait asyncio.sleep(0, x + 1)",
        label="cell [1]",
    )
    compiled = compile_cell(cell, "<cell [1] 00000000 ns>")
    assert compiled.is_async
    assert await run_compiled(compiled, {}) == 21
    with pytest.raises(ValidationError, match="run_compiled"):
        run_sync(compiled, {})


async def test_only_the_value_of_the_last_expression_comes_back() -> None:
    cell = parse_cell("import asyncio\nx = await asyncio.sleep(0, 20)", label="cell [1]")
    assert await run_compiled(compile_cell(cell, "<cell [1] 00000000 ns>"), {}) is None
    plain = parse_cell("1\n2", label="cell [1]")
    assert not compile_cell(plain, "f").is_async
    assert await run_compiled(compile_cell(plain, "f"), {}) == 2


def test_a_cell_that_is_cancelled_while_it_awaits_stops() -> None:
    async def main() -> None:
        cell = parse_cell("import asyncio\nawait asyncio.Event().wait()", label="cell [1]")
        task = asyncio.ensure_future(run_compiled(compile_cell(cell, "f"), {}))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "line", "source"),
    [
        ("x = 1\nx = = 2", 3, "x = = 2"),
        ("return 3", 2, "return 3"),
        ("def f():\n  nonlocal x", 3, "  nonlocal x"),
        ("'unfinished", 2, "'unfinished"),
    ],
)
def test_a_syntax_error_shows_the_line_of_the_notebook_cell(
    text: str, line: int, source: str
) -> None:
    with pytest.raises(SyntaxError) as caught:
        parse_cell(text, label="cell [7]", first_line=2)
    assert caught.value.filename == "cell [7]"
    assert caught.value.lineno == line
    assert (caught.value.text or "").rstrip("\n") == source


@pytest.mark.parametrize("text", ["x = '\0'", "(" * 5000, "-" * 100_000 + "1"])
def test_a_cell_that_no_parser_takes_is_a_syntax_error(text: str) -> None:
    with pytest.raises(SyntaxError):
        parse_cell(text, label="cell [7]")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("get_ipython().system('nvidia-smi')", "subprocess.getoutput('nvidia-smi')"),
        ("files = get_ipython().getoutput('ls')", "subprocess"),
        ("get_ipython().run_line_magic('pip', 'install torch')", "Install it there"),
        ("get_ipython().system('pip install torch')", "Install it there"),
        ("get_ipython().run_line_magic('matplotlib', 'inline')", "leave it out"),
        ("get_ipython().run_line_magic('pinfo', 'len')", "help(len)"),
        ("get_ipython().run_line_magic('timeit', 'f()')", "`%timeit`"),
        ("get_ipython().run_cell_magic('bash', '', 'ls')", "`%%bash`"),
    ],
)
def test_ipython_syntax_is_refused_with_what_to_write_instead(text: str, advice: str) -> None:
    with pytest.raises(ShippingError) as caught:
        parse_cell("x = 1\n" + text, label="cell [2]")
    assert "cell [2], line 2" in str(caught.value)
    assert advice in str(caught.value)


def test_tracebacks_and_inspect_show_the_cells_own_lines() -> None:
    namespace: dict[str, Any] = {"__name__": "ns_1"}
    run("def fail():\n    raise ValueError('here')", namespace, first_line=2)
    with pytest.raises(ValueError, match="here") as caught:
        namespace["fail"]()
    linecache.checkcache()
    frame = traceback.extract_tb(caught.tb)[-1]
    assert (frame.lineno, frame.line) == (3, "raise ValueError('here')")
    assert inspect.getsource(namespace["fail"]).startswith("def fail():")


def test_a_syntax_warning_is_shown_once_by_the_side_that_compiles() -> None:
    text = "x = 1\nx is 'a'"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cell = parse_cell(text, label="cell [1]")
        assert not caught
        compile_cell(cell, "<cell [1] 00000000 ns>")
    assert [warning.lineno for warning in caught] == [2]


def test_a_file_name_is_stable_unique_and_no_path() -> None:
    cell = make_source("x = 1", label="cell [3]")
    name = file_name_for(cell, "ns/1 a")
    assert name == file_name_for(make_source("x = 1", label="cell [3]"), "ns/1 a")
    assert name != file_name_for(make_source("x = 2", label="cell [3]"), "ns/1 a")
    assert name != file_name_for(cell, "other")
    assert "/" not in name
    assert cell_label(name) == "cell [3]"
    assert cell_label(file_name_for(make_source("", label="/home/me/train.py"), "n")) == "train.py"
    assert cell_label("<string>") is None
    assert cell_label("/tmp/x.py") is None


def test_sources_are_forgotten_with_their_namespace() -> None:
    kept = file_name_for(make_source("k", label="cell [1]"), "kept")
    gone = file_name_for(make_source("g", label="cell [1]"), "gone")
    compile_cell(make_source("k", label="cell [1]"), kept)
    compile_cell(make_source("g", label="cell [1]"), gone)
    forget_sources("gone")
    assert linecache.getlines(kept) == ["k"]
    assert linecache.getlines(gone) == []
