"""Finds what the names of a notebook stand for, object by object, and how each travels; sends nothing."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from blazen_nb.errors import (
    BlazenError,
    EnvironmentMismatchError,
    LimitError,
    ShippingError,
)
from blazen_nb.shipping.bulk import encode_bulk
from blazen_nb.shipping.code import Import
from blazen_nb.shipping.diversion import Diversion
from blazen_nb.shipping.installed import is_installed
from blazen_nb.shipping.names import read_names
from blazen_nb.shipping.own import OwnSources
from blazen_nb.shipping.parts import VALUES_LIMIT, Part, mib
from blazen_nb.shipping.pickling import find_object
from blazen_nb.shipping.sources import RecordedCells, SourceUnit, find_source
from blazen_nb.shipping.values import encode


class Finder:
    """Makes the parts of one notebook.

    Args:
        user_ns: The notebook's namespace.
        cells: The cells that ran in it.
        own: The user's own modules.
        same_minor: Whether the peer runs this Python minor; only then may bytecode travel.
        home: The name of the notebook's module.
        diversion: Lets refs among the values travel as refs.
        push: Names whose values travel ahead, however large they are.
    """

    def __init__(
        self,
        user_ns: Mapping[str, Any],
        *,
        cells: RecordedCells,
        own: OwnSources,
        same_minor: bool,
        home: str,
        diversion: Diversion | None,
        push: Container[str],
    ) -> None:
        self._user_ns = user_ns
        self._cells = cells
        self._own = own
        self._same_minor = same_minor
        self._home = home
        self._diversion = diversion
        self._push = push
        self._units: dict[str, SourceUnit | None] = {}
        self.dotted: set[str] = set()
        """Attribute chains in the sources that were found, and of the cell."""

    def find(self, name: str, value: Any) -> Part:
        """What the name stands for."""
        try:
            return self._found(name, value)
        except EnvironmentMismatchError as error:
            return Part(problem=str(error), is_mismatch=True)
        except LimitError:
            return Part(problem=_too_large(name, f"more than {mib(VALUES_LIMIT)}"))
        except BlazenError as error:
            return Part(problem=str(error))

    def submodules(self, name: str) -> tuple[Import, ...]:
        """Imports for ``xml.etree.ElementTree.parse``, where only ``xml`` is bound."""
        found: list[Import] = []
        for chain in self.dotted:
            first, *rest = chain.split(".")
            module = self._user_ns[name].__name__ if first == name else ""
            for part in rest if module else ():
                module = f"{module}.{part}"
                if module not in sys.modules:
                    break
                found.append(("", module, None))
        return tuple(found)

    def _found(self, name: str, value: Any) -> Part:
        if isinstance(value, ModuleType):
            return self._import(name, value.__name__, None)
        module: Any = getattr(value, "__module__", None)
        if isinstance(module, str) and module not in (self._home, "__main__"):
            attribute = self._attribute(value, module)
            if attribute:
                return self._import(name, module, attribute)
        unit = self.unit(name)
        if unit is not None and unit.name != name:
            return Part(
                imports=((name, "__main__", unit.name),),
                free=frozenset({unit.name}),
                first=frozenset({unit.name}),
            )
        if unit is not None:
            return self._definition(unit)
        return self._pushed(value) if self._goes_ahead(name, value) else self._value(name, value)

    def _import(self, name: str, module: str, attribute: str | None) -> Part:
        modules: frozenset[str] = frozenset()
        if self._own.is_own(module):
            modules = self._own.with_needs(module)
        elif not is_installed(module):
            raise ShippingError(
                f"comes from the module {module}, which has no file that could travel: "
                "put its code into a cell or a .py file, or install it on the peer"
            )
        return Part(imports=((name, module, attribute),), modules=modules)

    def _attribute(self, value: Any, module: str) -> str:
        """Under which name the module has this value; empty where it has not."""
        qualname: Any = getattr(value, "__qualname__", None)
        found = find_object(module, qualname) if isinstance(qualname, str) else None
        if found is value and found is not None:
            return str(qualname)
        if not isinstance(value, (FunctionType, type)) or not self._own.is_own(module):
            return ""
        if type(found) is type(
            value
        ):  # from before the module ran again here: the peer gets it as it is now
            return str(qualname)
        names = vars(sys.modules[module]) if module in sys.modules else {}
        return next((name for name, each in names.items() if each is value), "")

    def unit(self, name: str) -> SourceUnit | None:
        """The source behind a name of the notebook, where what it defines is what the name stands for."""
        if name not in self._units:
            value = self._user_ns.get(name)
            of_cells = getattr(value, "__module__", None) in (self._home, "__main__")
            unit = find_source(value, self._cells) if callable(value) and of_cells else None
            if unit is not None and self._user_ns.get(unit.name) is not value:
                unit = None
            self._units[name] = unit
        return self._units[name]

    def __contains__(self, name: object) -> bool:
        """Whether this name of the notebook travels as source, so that values may name it."""
        return isinstance(name, str) and self.unit(name) is not None

    def _definition(self, unit: SourceUnit) -> Part:
        names = read_names(unit.text, futures=unit.futures)
        self.dotted.update(names.dotted)
        own = {unit.name}
        return Part(
            unit=unit,
            modules=self._own.imported_by(names.imports),
            free=names.free - own,
            maybe=names.maybe - own,
            first=names.first - own,
        )

    def _goes_ahead(self, name: str, value: Any) -> bool:
        return name in self._push and (self._diversion is None or not self._diversion.take(value))

    def _pushed(self, value: Any) -> Part:
        bulk = encode_bulk(value, same_minor=self._same_minor, home=self._home, current=True)
        return Part(
            bulk=bulk, free=self._named(bulk.references), modules=self._modules_of(bulk.modules)
        )

    def _value(self, name: str, value: Any) -> Part:
        nbytes = getattr(value, "nbytes", 0)
        if isinstance(nbytes, int) and nbytes > VALUES_LIMIT:
            return Part(problem=_too_large(name, mib(nbytes)))
        encoded = encode(
            value,
            same_minor=self._same_minor,
            home=self._home,
            named=self,
            limit=VALUES_LIMIT,
            defining=name,
            diversion=self._diversion,
            current=True,
        )
        references = self._named(encoded.references)
        modules = self._modules_of(encoded.modules)
        return Part(value=encoded, modules=modules, free=references, first=references)

    def _named(self, references: Iterable[str]) -> frozenset[str]:
        return frozenset(found for found in references if found in self)

    def _modules_of(self, pickled: Iterable[str]) -> frozenset[str]:
        """Own modules that a value's pickles refer to."""
        own = filter(self._own.is_own, pickled)
        return frozenset().union(*map(self._own.with_needs, own))


def _too_large(name: str, size: str) -> str:
    return (
        f"{size}, too large to go along by itself: send it on purpose with --push {name}, "
        "or make it in a cell on the peer"
    )
