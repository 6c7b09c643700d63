"""The code of functions that stand in a peer's namespace, so that another namespace can have them: a way back."""

from __future__ import annotations

import linecache
from collections.abc import Iterable
from dataclasses import replace
from types import ModuleType
from typing import Any

from blazen_nb.engine.registry import OWN_MODULES
from blazen_nb.shipping.cell import cell_label, file_names_of
from blazen_nb.shipping.code import CodeBundle, Import
from blazen_nb.shipping.modules import own_modules
from blazen_nb.shipping.needs import find_needs
from blazen_nb.shipping.sources import RecordedCells


def code_again(
    names: Iterable[str], module_dict: dict[str, Any], *, home: str, given: Iterable[str]
) -> CodeBundle:
    """What these names of a namespace stand for, with all they need in turn, as it is now.

    Args:
        home: The namespace's module name.
        given: Names that every namespace has.

    Raises:
        ShippingError: Something that they need cannot be kept; the message names it.
    """
    names_given = set(given)
    scope = {
        name: value
        for name, value in list(module_dict.items())
        if not name.startswith("__") and name not in names_given
    }
    imports = [found for name in scope if (found := _from_own(name, scope[name], home)) is not None]
    for name, _, _ in imports:
        del scope[name]
    own = own_modules(home)
    needs = find_needs(names, scope, cells=_cells_of(home), home=home)
    bundle = needs.without([*names_given, *(name for name, _, _ in imports)]).bundle()
    used = needs.names | set(names)
    return replace(
        bundle,
        imports=(*bundle.imports, *(each for each in imports if each[0] in used)),
        modules=own.sources if own is not None else (),
    )


def _from_own(name: str, value: Any, home: str) -> Import | None:
    """How this name was imported from a module that the notebook has sent."""
    package = f"{home}{OWN_MODULES}."
    if isinstance(value, ModuleType):
        module = value.__name__
        return (name, module.removeprefix(package), None) if module.startswith(package) else None
    module = str(getattr(value, "__module__", ""))
    attribute = getattr(value, "__qualname__", None)
    if not module.startswith(package) or not isinstance(attribute, str):
        return None
    return name, module.removeprefix(package), attribute


def _cells_of(home: str) -> RecordedCells:
    """The cells and definitions that have arrived in the namespace: a class without methods knows no file."""
    cells = RecordedCells()
    for file_name in file_names_of(home):
        cells.add("".join(linecache.getlines(file_name)), label=cell_label(file_name) or "cell")
    return cells
