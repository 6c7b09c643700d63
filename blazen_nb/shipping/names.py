"""Which names a cell reads from outside, found in its source alone; looks at no object."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass

from blazen_nb.shipping.cell import parse_quietly
from blazen_nb.shipping.imports import Imported, imports_in
from blazen_nb.shipping.scopes import Top

_ALWAYS_THERE = frozenset(dir(builtins)) | {
    "__annotations__", "__builtins__", "__class__", "__doc__", "__file__", "__loader__", "__name__",
    "__package__", "__spec__", "display", "exit", "get_ipython", "quit",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CellNames:
    """What a cell reads and binds at its top level."""

    free: frozenset[str] = frozenset()
    """Names that it needs from outside."""
    maybe: frozenset[str] = frozenset()
    """Names that it could need: bound on some path only, in a lazy annotation, after a star import, a builtin."""
    first: frozenset[str] = frozenset()
    """The part of ``free`` and ``maybe`` that is read while the cell itself runs, not in a function's body."""
    bound: frozenset[str] = frozenset()
    """Names that it binds on some path."""
    dotted: frozenset[str] = frozenset()
    """Attribute chains that start at a name from outside: ``xml.etree.ElementTree.parse``."""
    imports: tuple[Imported, ...] = ()
    """What its import statements name, those inside functions too."""


def read_names(text: str, *, futures: Iterable[str] = ()) -> CellNames:
    """What this source reads and binds at its top level.

    Args:
        text: The source of a cell or a definition.
        futures: ``__future__`` features in force besides those it imports.

    Raises:
        SyntaxError: the source does not parse.
    """
    tree = parse_quietly(text, "cell")
    top = Top(lazy_annotations="annotations" in {*futures, *_futures_in(tree)})
    try:
        top.run(tree.body)
    except RecursionError:
        raise SyntaxError("the cell is nested too deeply", ("cell", 1, 1, "")) from None
    return _sort_out(top, imports_in(tree))


def _futures_in(tree: ast.Module) -> set[str]:
    return {
        alias.name
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        for alias in statement.names
    }


def _sort_out(top: Top, imports: tuple[Imported, ...]) -> CellNames:
    certain = top.state.certain
    bound = top.touched | top.bound_by_functions
    late = top.later - certain
    late_maybe = late if top.has_star else late & bound
    read = top.first | late
    free = (top.free | (late - late_maybe)) - _ALWAYS_THERE
    maybe = (top.uncertain | late_maybe | (top.lazy - certain) | (read & _ALWAYS_THERE)) - free
    return CellNames(
        free=frozenset(free),
        maybe=frozenset(maybe),
        first=frozenset(top.first),
        bound=frozenset(bound),
        dotted=frozenset(chain for chain in top.dotted if chain.partition(".")[0] in free | maybe),
        imports=imports,
    )
