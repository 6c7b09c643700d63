"""Finds the source of functions and classes that notebook cells defined; knows linecache, no IPython."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from types import FunctionType
from typing import Any

from blazen_nb.shipping.cell import (
    CellSource,
    cell_label,
    label_of_text,
    make_source,
    parse_quietly,
    remember_label,
)

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_FUTURE_ANNOTATIONS = 0x1000000
"""``CO_FUTURE_ANNOTATIONS``, which inspect does not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUnit:
    """The source of one definition, on the lines that it has in its cell."""

    name: str
    text: str
    label: str
    """The cell it comes from: ``cell [2]``."""
    kind: str = "definition"
    futures: tuple[str, ...] = ()
    """``__future__`` features it was compiled with."""


class RecordedCells:
    """The cells that ran in this notebook, by the names they define."""

    def __init__(self) -> None:
        self._by_name: dict[str, CellSource] = {}

    def add(self, text: str, *, label: str) -> None:
        """Remember a cell that is about to run; ``text`` as IPython compiles it. A broken cell is passed over."""
        try:
            tree = parse_quietly(text, label)
        except SyntaxError:
            return
        cell = make_source(text, label=label)
        remember_label(cell)
        for statement, _ in _statements(tree):
            for name in _defined_names(statement):
                self._by_name[name] = cell

    def source_of(self, name: str) -> CellSource | None:
        """The last cell that defines this name at its top level."""
        return self._by_name.get(name)


def find_source(value: Any, cells: RecordedCells) -> SourceUnit | None:
    """The source of a function or class, under its own name; None where it does not stand alone.

    Decorators belong to it, and a decorated function is found through ``__wrapped__``. Closures, and whatever
    was defined inside a function, do not stand alone.
    """
    if isinstance(value, type):
        return _class_source(value, cells)
    function = value
    for _ in range(20):
        if not hasattr(function, "__wrapped__"):
            break
        function = function.__wrapped__
    if not isinstance(function, FunctionType) or function.__closure__:
        return None
    return _function_source(function)


def _function_source(function: FunctionType) -> SourceUnit | None:
    code = function.__code__
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    futures = ("annotations",) if code.co_flags & _FUTURE_ANNOTATIONS else ()
    for statement, is_inside in _statements(_tree(text)):
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if statement.name == code.co_name and _first_line(statement) == code.co_firstlineno:
                    return _unit(
                        statement.name,
                        text,
                        statement,
                        is_inside,
                        _label(code.co_filename, text),
                        futures,
                    )
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda(lineno=line)):
                if code.co_name == "<lambda>" and line == code.co_firstlineno:
                    return _unit(
                        name,
                        text,
                        statement,
                        is_inside,
                        _label(code.co_filename, text),
                        futures,
                    )
    return None


def _class_source(cls: type, cells: RecordedCells) -> SourceUnit | None:
    if "." in cls.__qualname__:
        return None
    for file_name, text in _texts_of(cls, cells):
        found = [
            (statement, is_inside)
            for statement, is_inside in _statements(_tree(text))
            if isinstance(statement, ast.ClassDef) and statement.name == cls.__name__
        ]
        if found:
            return _unit(cls.__name__, text, *found[-1], _label(file_name, text), ())
    return None


def _texts_of(cls: type, cells: RecordedCells) -> Iterator[tuple[str, str]]:
    """Texts that could define the class, the surest first: a class itself does not know its file."""
    for member in vars(cls).values():
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(function, FunctionType) and function.__qualname__.startswith(
            f"{cls.__name__}."
        ):
            file_name = function.__code__.co_filename
            yield file_name, "".join(linecache.getlines(file_name, function.__globals__))
    recorded = cells.source_of(cls.__name__)
    if recorded:
        yield "", recorded.text
    script = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if script:
        yield script, "".join(linecache.getlines(script))


def _tree(text: str) -> ast.Module:
    try:
        return parse_quietly(text, "cell")
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def _statements(tree: ast.AST, is_inside: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """All statements of the top level, also those inside of if, try, with and loops (then ``True``)."""
    for block in _BLOCKS:
        for statement in getattr(tree, block, ()):
            if isinstance(statement, ast.stmt):
                yield statement, is_inside
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _statements(statement, True)


def _defined_names(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
    return []


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _unit(
    name: str, text: str, statement: ast.stmt, is_inside: bool, label: str, futures: tuple[str, ...]
) -> SourceUnit:
    first = _first_line(statement)
    if isinstance(statement, ast.Assign):
        chunk = ast.get_source_segment(text, statement) or ""
        padding = "\n" * (first - 1)
    else:
        lines = text.splitlines(keepends=True)[first - 1 : statement.end_lineno]
        chunk = "".join(lines)
        # An indented definition needs a block around it; the line above it is free, a block began there.
        padding = "\n" * (first - 2) + "if True:\n" if is_inside else "\n" * (first - 1)
    return SourceUnit(name=name, text=padding + chunk, label=label, futures=futures)


def _label(file_name: str, text: str) -> str:
    known = cell_label(file_name) or label_of_text(text)
    is_script = known == "cell" and file_name.endswith(".py") and "ipykernel_" not in file_name
    return PurePath(file_name).name if is_script else known
