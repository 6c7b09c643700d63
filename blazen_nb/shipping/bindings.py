"""Which names hold what was imported from a module by name, and their exchange when that module has run again."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

Bound = tuple[str, str, str]
"""(name, module, attribute): ``from module import attribute as name``; the attribute ``*`` is all of them."""

_NAMESPACE = ""
"""The holder of the names that cells have imported."""


class Bindings:
    """The names that the modules and the cells of one namespace have imported from its modules.

    Args:
        module_dict: The namespace's own variables.
    """

    def __init__(self, module_dict: dict[str, Any]) -> None:
        self._module_dict = module_dict
        self._of: dict[str, set[Bound]] = {_NAMESPACE: set()}

    def of_cells(self, bound: Iterable[Bound]) -> None:
        """The namespace has these names too."""
        self._of[_NAMESPACE].update(bound)

    def of_module(self, module: str, bound: Iterable[Bound]) -> None:
        """A module has run, and has these names now."""
        self._of[module] = set(bound)

    def exchange(self, before: dict[tuple[str, str], Any]) -> list[tuple[str, Any, Any]]:
        """Put new values where names still hold the old ones, through modules that pass them on.

        Args:
            before: What (module, attribute) was.

        Returns:
            The names of the namespace among them, with the old value and the new one.
        """
        changed = {
            key: (old, new)
            for key, old in before.items()
            if (new := vars(sys.modules[key[0]]).get(key[1], old)) is not old
        }
        exchanged = []
        while changed:
            passed_on: dict[tuple[str, str], tuple[Any, Any]] = {}
            for holder, name, old, new in self._holding(changed):
                self._dict_of(holder)[name] = new
                if holder == _NAMESPACE:
                    exchanged.append((name, old, new))
                else:
                    passed_on[holder, name] = old, new
            changed = passed_on
        return exchanged

    def _holding(
        self, changed: dict[tuple[str, str], tuple[Any, Any]]
    ) -> list[tuple[str, str, Any, Any]]:
        """(holder, name, old, new) for all names that hold an old value because they imported it."""
        found = []
        for holder, bound in self._of.items():
            names = self._dict_of(holder)
            for (module, attribute), (old, new) in changed.items():
                starred = attribute if ("*", module, "*") in bound and attribute[:2] != "__" else ""
                mine = {name for name, *origin in bound if origin == [module, attribute]}
                found += [
                    (holder, name, old, new)
                    for name in mine | {starred}
                    if name in names and names[name] is old
                ]
        return found

    def _dict_of(self, holder: str) -> dict[str, Any]:
        if holder == _NAMESPACE:
            return self._module_dict
        module = sys.modules.get(holder)
        return vars(module) if module is not None else {}
