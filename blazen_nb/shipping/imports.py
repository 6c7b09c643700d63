"""The import statements in a source text, also those inside functions; resolves nothing and runs nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import resolve_name

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One module that a statement imports."""

    module: str
    """Dotted; with the dots of a relative import in front."""
    names: tuple[tuple[str, str], ...] = ()
    """Of ``from module import name as bound``: pairs of both; empty for ``import module``."""
    optional: bool = False
    """The source goes on where there is no such module."""
    at_top: bool = True
    """Runs with the text, not when a function is called."""

    def absolute(self, package: str) -> str:
        """The module's full name for a source in this package; empty where it leads out of every package."""
        try:
            return resolve_name(self.module, package)
        except ImportError:
            return ""


def imports_in(tree: ast.Module) -> tuple[Imported, ...]:
    """All imports of the text, but those for type checkers only."""
    return tuple(_imports(tree, optional=False, at_top=True))


def _imports(node: ast.AST, *, optional: bool, at_top: bool) -> Iterator[Imported]:
    for block in _BLOCKS:
        for inner in getattr(node, block, ()):
            within = optional or (block == "body" and _goes_on_without(node))
            if block == "body" and isinstance(node, ast.If) and _is_for_checkers(node.test):
                continue
            yield from _of_statement(inner, within, at_top)
            is_scope = isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            yield from _imports(inner, optional=within, at_top=at_top and not is_scope)


def _of_statement(node: ast.AST, optional: bool, at_top: bool) -> Iterator[Imported]:
    match node:
        case ast.Import(names=aliases):
            for alias in aliases:
                yield Imported(module=alias.name, optional=optional, at_top=at_top)
        case ast.ImportFrom(module=module, names=aliases, level=level):
            yield Imported(
                module="." * level + (module or ""),
                names=tuple((alias.name, alias.asname or alias.name) for alias in aliases),
                optional=optional,
                at_top=at_top,
            )


def _goes_on_without(node: ast.AST) -> bool:
    """Whether an ImportError in this statement's body ends there."""
    if isinstance(node, (ast.Try, ast.TryStar)):
        return any(handler.type is None or _names_caught(handler.type) for handler in node.handlers)
    if isinstance(node, (ast.With, ast.AsyncWith)):
        calls = [item.context_expr for item in node.items]
        return any(
            isinstance(call, ast.Call)
            and _last_name(call.func) == "suppress"
            and any(map(_names_caught, call.args))
            for call in calls
        )
    return False


def _names_caught(node: ast.expr) -> bool:
    classes = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(_last_name(each) in _CAUGHT for each in classes)


def _is_for_checkers(test: ast.expr) -> bool:
    return _last_name(test) == "TYPE_CHECKING"


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
