"""A cell: checked on the notebook's side, compiled and run on the peer's; knows no session and no IPython.

On the peer a cell is compiled under a file name of its own that is no path, and its text is put into linecache,
so that tracebacks, warnings and ``inspect`` show the cell's own lines.
"""

from __future__ import annotations
import __future__

import ast
import hashlib
import io
import linecache
import re
import tokenize
import warnings
from dataclasses import dataclass
from inspect import CO_COROUTINE
from threading import Lock
from types import CodeType
from typing import Any

from blazen_nb.errors import ShippingError, ValidationError

_FILE_NAME = re.compile(
    r"<(?P<module>module )?(?P<label>[^<>]+) (?P<digest>[0-9a-f]{8}) (?P<namespace>\S+)>"
)
_SHELL_CALLS = frozenset({"system", "getoutput"})
_MAGIC_CALLS = frozenset({"run_line_magic", "run_cell_magic"})
_warning_filters = Lock()
_labels: dict[str, str] = {}
"""Labels of the cells that ran in this process's own notebook, by the digest of their text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSource:
    """The source of one cell, as it travels."""

    text: str
    """Plain Python; line N here is line N of the notebook cell, blank lines stand for what came before it."""
    label: str
    """What people call it: ``cell [3]``."""
    digest: str
    """SHA-256 of the text, in hex."""
    futures: tuple[str, ...] = ()
    """``__future__`` features that earlier cells of the notebook switched on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledCell:
    """A cell ready to run: the statements, and the last expression by itself where its value is wanted."""

    file_name: str
    body: CodeType | None
    last: CodeType | None

    @property
    def is_async(self) -> bool:
        """True where the cell awaits at its top level and needs an event loop."""
        return any(code.co_flags & CO_COROUTINE for code in (self.body, self.last) if code)


def make_source(
    text: str, *, label: str, first_line: int = 1, futures: tuple[str, ...] = ()
) -> CellSource:
    """The cell source of this text, unchecked, with its first line moved down to ``first_line``."""
    padded = "\n" * (first_line - 1) + text
    digest = hashlib.sha256(padded.encode("utf-8", "surrogatepass")).hexdigest()
    return CellSource(text=padded, label=label, digest=digest, futures=futures)


def parse_cell(
    text: str, *, label: str, first_line: int = 1, futures: tuple[str, ...] = ()
) -> CellSource:
    """The cell, checked: it compiles, and nothing in it needs IPython.

    Args:
        text: Python after the notebook's own transform.
        label: What people call the cell, ``cell [3]``.
        first_line: The line of the notebook cell that ``text`` starts at; 2 under a ``%%`` line.
        futures: ``__future__`` features in force in the notebook.

    Raises:
        SyntaxError: with the label as file name and the line as in the notebook cell.
        ShippingError: a ``!command`` or ``%magic``; the message says what to write instead.
    """
    cell = make_source(text, label=label, first_line=first_line, futures=futures)
    tree = parse_quietly(cell.text, label)
    _refuse_ipython(tree, cell)
    with _warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer compiles it again and shows them as output
        _compile(tree, label, cell)
    return cell


def compile_cell(cell: CellSource, file_name: str) -> CompiledCell:
    """The cell as code under this file name, its text registered in linecache.

    ``if __name__ == "__main__":`` holds in it, as in a notebook, whatever its module is called. A semicolon at
    the end leaves no last expression, as in IPython.

    Raises:
        SyntaxError: as ``parse_cell``; also where this Python is older than the notebook's.
    """
    register_source(file_name, cell.text)
    return _compile(_parse(cell.text, file_name), file_name, cell)


def run_sync(compiled: CompiledCell, module_dict: dict[str, Any]) -> Any:
    """Run a cell that does not await on this thread; returns the value of its last expression, or None.

    Raises:
        ValidationError: the cell awaits; use ``run_compiled``.
    """
    if compiled.is_async:
        raise ValidationError("this cell awaits at its top level: run it with run_compiled()")
    if compiled.body:
        exec(compiled.body, module_dict)  # noqa: S102  running the user's cell is the purpose
    return eval(compiled.last, module_dict) if compiled.last else None  # noqa: S307  as above


async def run_compiled(compiled: CompiledCell, module_dict: dict[str, Any]) -> Any:
    """Run any cell on this loop; returns the value of its last expression, or None."""
    value = None
    for code in (compiled.body, compiled.last):
        if code:
            value = eval(code, module_dict)  # noqa: S307  running the user's cell is the purpose
            if code.co_flags & CO_COROUTINE:
                value = await value
    return value if compiled.last else None


def file_name_for(cell: CellSource, namespace_id: str) -> str:
    """The file name of this cell's code in this namespace: unique, stable, never a path."""
    label = re.sub(r"[<>\n]", "", cell.label.replace("\\", "/").rpartition("/")[2]) or "cell"
    return f"<{label} {cell.digest[:8]} {_word(namespace_id)}>"


def cell_label(file_name: str) -> str | None:
    """``cell [3]`` for a file name made by ``file_name_for``; None for every other file."""
    match = _FILE_NAME.fullmatch(file_name)
    return match["label"] if match and not match["module"] else None


def module_file_name(label: str, digest: str, namespace_id: str) -> str:
    """The file name of a shipped module's code in this namespace, as ``file_name_for`` for a cell's."""
    return f"<module {re.sub(r'[<>]', '', label)} {digest[:8]} {_word(namespace_id)}>"


def module_label(file_name: str) -> str | None:
    """``lib/tools.py`` for a file name made by ``module_file_name``; None for every other file."""
    match = _FILE_NAME.fullmatch(file_name)
    return match["label"] if match and match["module"] else None


def remember_label(cell: CellSource) -> None:
    """From now on ``label_of_text`` knows the cell by its text."""
    _labels[cell.digest] = cell.label


def label_of_text(text: str) -> str:
    """What the cell of this process's notebook with this text is called; ``cell`` where it is not known."""
    return _labels.get(make_source(text, label="").digest, "cell")


def register_source(file_name: str, text: str) -> None:
    """Let linecache know the text, so that tracebacks and inspect show its lines."""
    # An entry without a modification time is never checked against the disk.
    linecache.cache[file_name] = (len(text), None, text.splitlines(keepends=True), file_name)


def forget_sources(namespace_id: str) -> None:
    """Drop the texts of this namespace's cells and modules from linecache, when the namespace ends."""
    for file_name in file_names_of(namespace_id):
        linecache.cache.pop(file_name, None)


def file_names_of(namespace_id: str) -> list[str]:
    """The file names under which linecache knows this namespace's cells and modules, the newest last."""
    end = f" {_word(namespace_id)}>"
    return [
        name for name in list(linecache.cache) if name.endswith(end) and _FILE_NAME.fullmatch(name)
    ]


def _word(namespace_id: str) -> str:
    return re.sub(r"[^\w.-]", "_", namespace_id) or "_"


def parse_quietly(text: str, label: str) -> ast.Module:
    """The syntax tree, without the SyntaxWarnings that the peer will show anyway.

    Raises:
        SyntaxError: with the label as file name.
    """
    with _warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _parse(text, label)


def _parse(text: str, file_name: str) -> ast.Module:
    try:
        return ast.parse(text, file_name)
    except SyntaxError as error:
        raise _with_line(error, text) from None
    except ValueError as error:  # null bytes, on Python 3.11
        raise SyntaxError(str(error), (file_name, 1, 1, "")) from None
    except (RecursionError, MemoryError):
        raise SyntaxError("the cell is nested too deeply", (file_name, 1, 1, "")) from None


def _compile(tree: ast.Module, file_name: str, cell: CellSource) -> CompiledCell:
    flags = _future_flags(tree, cell.futures) | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = _AsMain().visit(tree)
    statements = tree.body
    last = None
    if statements and isinstance(statements[-1], ast.Expr) and not _ends_in_semicolon(cell.text):
        last = ast.Expression(statements[-1].value)
        statements = statements[:-1]
    body = ast.Module(statements, type_ignores=[]) if statements else None
    try:
        return CompiledCell(
            file_name=file_name,
            body=compile(body, file_name, "exec", flags, dont_inherit=True) if body else None,
            last=compile(last, file_name, "eval", flags, dont_inherit=True) if last else None,
        )
    except SyntaxError as error:
        raise _with_line(error, cell.text) from None
    except (RecursionError, MemoryError):
        raise SyntaxError("the cell is nested too deeply", (file_name, 1, 1, "")) from None


def _with_line(error: SyntaxError, text: str) -> SyntaxError:
    """The error with its source line: compile() leaves it out where it cannot find the file."""
    lines = text.splitlines()
    if not error.text and error.lineno and error.lineno <= len(lines):
        error.text = lines[error.lineno - 1]
    return error


def _future_flags(tree: ast.Module, futures: tuple[str, ...]) -> int:
    names = set(futures)
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            names.update(alias.name for alias in statement.names)
    flags = 0
    for name in names:
        flags |= getattr(getattr(__future__, name, None), "compiler_flag", 0)
    return flags


class _AsMain(ast.NodeTransformer):
    """Compares the constant "__main__" where the cell compares ``__name__``.

    Only comparisons: ``sys.modules[__name__]`` must find the namespace's own module.
    """

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        node.left = _as_main(node.left)
        node.comparators = [_as_main(item) for item in node.comparators]
        self.generic_visit(node)
        return node


def _as_main(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Name) and node.id == "__name__":
        return ast.copy_location(ast.Constant("__main__"), node)
    return node


def _ends_in_semicolon(text: str) -> bool:
    if ";" not in text:
        return False
    last = ""
    ignored = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in ignored:
            last = token.string
    return last == ";"


def _refuse_ipython(tree: ast.Module, cell: CellSource) -> None:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Call(func=ast.Name(id="get_ipython"), args=[]), attr=method
                ),
                args=[ast.Constant(value=str(first)), *rest],
            ) if method in _SHELL_CALLS | _MAGIC_CALLS:
                argument = rest[0].value if rest and isinstance(rest[0], ast.Constant) else ""
                raise ShippingError(
                    f"{cell.label}, line {node.lineno}: {_advice(method, first, str(argument))}"
                )


def _advice(method: str, first: str, argument: str) -> str:
    installs = f"{first} {argument}".split()[:2]
    if installs in (["pip", "install"], ["conda", "install"]):
        return (
            f"`{' '.join(installs)}` cannot travel to the peer. Install it there, from a shell or with "
            "import subprocess, sys; subprocess.run([sys.executable, '-m', 'pip', 'install', NAME])"
        )
    if method in _SHELL_CALLS:
        return (
            f"`!{first}` is IPython syntax, which the peer does not have. Write "
            f"import subprocess; print(subprocess.getoutput({first!r}))"
        )
    if first in ("matplotlib", "config") and method == "run_line_magic":
        return f"`%{first}` is IPython syntax; leave it out: figures are shown as they are made"
    if first.startswith("pinfo"):
        return (
            f"`{argument}?` is IPython syntax, which the peer does not have. Write help({argument})"
        )
    sign = "%%" if method == "run_cell_magic" else "%"
    return (
        f"`{sign}{first}` is IPython syntax, which the peer does not have. Put it in a cell of its own "
        "that runs in this notebook, or write it as plain Python"
    )
