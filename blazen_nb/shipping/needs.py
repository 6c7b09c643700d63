"""What a cell needs from its notebook, gathered from the objects behind the names; sends nothing."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from blazen_nb.errors import BlazenError, LimitError, ShippingError
from blazen_nb.shipping.code import CodeBundle, Import
from blazen_nb.shipping.diversion import Diversion
from blazen_nb.shipping.installed import is_installed
from blazen_nb.shipping.names import CellNames, read_names
from blazen_nb.shipping.pickling import find_object
from blazen_nb.shipping.sources import RecordedCells, SourceUnit, find_source
from blazen_nb.shipping.values import EncodedValue, encode

VALUES_LIMIT = 10 << 20
"""What small values may weigh together; more than this must be pushed on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one name stands for, and what that needs in turn."""

    unit: SourceUnit | None = None
    imports: tuple[Import, ...] = ()
    value: EncodedValue | None = None
    problem: str = ""
    """Why it cannot travel."""
    free: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    first: frozenset[str] = frozenset()
    """The needs that must be there before this one is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The names a cell needs from its notebook, with what they need in turn."""

    roots: CellNames
    _parts: dict[str, _Part]
    _have: frozenset[str] = frozenset()
    _reached: dict[str, bool] = field(init=False)
    """The names in need; True where the cell cannot do without."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reached", _reach(self.roots, self._parts, self._have))

    @property
    def names(self) -> frozenset[str]:
        """All names in need, those that cannot travel too."""
        return frozenset(self._reached)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names that are nowhere in the notebook."""
        return tuple(
            sorted(name for name, must in self._reached.items() if must and name not in self._parts)
        )

    @property
    def unshippable(self) -> dict[str, str]:
        """Names that are there but cannot travel, and why."""
        return {
            name: self._parts[name].problem
            for name, must in sorted(self._reached.items())
            if must and name in self._parts and self._parts[name].problem
        }

    def without(self, names: Iterable[str]) -> Needs:
        """The needs that remain where the peer has these names already."""
        return replace(self, _have=self._have | frozenset(names))

    def check(self) -> None:
        """Return where everything can travel.

        Raises:
            ShippingError: naming every name that cannot, and what to do.
        """
        problems = [f"{name}: {reason}" for name, reason in self.unshippable.items()]
        problems += [
            f"{name}: not defined in this notebook nor on the peer; define it, or import it in the cell"
            for name in self.unknown
        ]
        values = {name: part.value.size for name, part in self._chosen().items() if part.value}
        if not problems and sum(values.values()) > VALUES_LIMIT:
            largest = max(values, key=lambda name: values[name])
            problems.append(
                f"{largest}: {_mib(values[largest])} of {_mib(sum(values.values()))} in values that the "
                f"cell reads, and at most {_mib(VALUES_LIMIT)} go along by themselves: "
                f"send it on purpose with --push {largest}, or make it on the peer"
            )
        if problems:
            raise ShippingError("this cell cannot travel to the peer:\n  " + "\n  ".join(problems))

    def bundle(self) -> CodeBundle:
        """Everything in need as a bundle.

        Raises:
            ShippingError: as ``check``.
        """
        self.check()
        chosen = self._chosen()
        return CodeBundle(
            units=tuple(part.unit for part in chosen.values() if part.unit),
            imports=tuple(
                sorted({found for part in chosen.values() for found in part.imports}, key=str)
            ),
            values=tuple((name, part.value) for name, part in chosen.items() if part.value),
            order=_in_order(chosen),
        )

    def _chosen(self) -> dict[str, _Part]:
        parts = {name: self._parts[name] for name in sorted(self._reached) if name in self._parts}
        return {name: part for name, part in parts.items() if not part.problem}


def find_needs(
    names: CellNames | Iterable[str],
    user_ns: Mapping[str, Any],
    *,
    cells: RecordedCells,
    same_minor: bool = True,
    home: str = "__main__",
    diversion: Diversion | None = None,
) -> Needs:
    """What these names stand for in the notebook, with all they need in turn.

    Modules become imports; functions and classes of installed modules too; those of cells become source; what
    remains becomes a value. Nothing is raised for a name that cannot travel: ``Needs.check`` does that, when it
    is known what the peer has.

    Args:
        names: What ``read_names`` found, or plain names.
        user_ns: The notebook's namespace.
        cells: The cells that ran in the notebook.
        same_minor: Whether the peer runs this Python minor; only then may bytecode travel.
        home: The name of the notebook's module.
        diversion: Lets refs among the values travel as refs.
    """
    roots = names if isinstance(names, CellNames) else CellNames(free=frozenset(names))
    finder = _Finder(user_ns, cells, same_minor, home, diversion)
    finder.dotted.update(roots.dotted)
    parts: dict[str, _Part] = {}
    waiting = sorted(roots.free | roots.maybe)
    while waiting:
        name = waiting.pop()
        if name in parts or name not in user_ns or _is_shells_own(name, user_ns[name]):
            continue
        parts[name] = finder.find(name, user_ns[name])
        waiting += sorted(parts[name].free | parts[name].maybe)
    for name, part in parts.items():  # chains are complete only now
        if isinstance(user_ns[name], ModuleType) and not part.problem:
            parts[name] = replace(part, imports=(*part.imports, *finder.submodules(name)))
    return Needs(roots=roots, _parts=parts)


class _Finder:
    def __init__(
        self,
        user_ns: Mapping[str, Any],
        cells: RecordedCells,
        same_minor: bool,
        home: str,
        diversion: Diversion | None,
    ) -> None:
        self._user_ns = user_ns
        self._cells = cells
        self._same_minor = same_minor
        self._home = home
        self._diversion = diversion
        self._units: dict[str, SourceUnit | None] = {}
        self.dotted: set[str] = set()

    def find(self, name: str, value: Any) -> _Part:
        if isinstance(value, ModuleType):
            if is_installed(value.__name__):
                return _Part(imports=((name, value.__name__, None),))
            return _Part(problem=_own_module(value.__name__))
        module: Any = getattr(value, "__module__", None)
        qualname: Any = getattr(value, "__qualname__", None)
        if _is_importable(value, module, qualname) and module != self._home:
            if is_installed(module):
                return _Part(imports=((name, module, qualname),))
            return _Part(problem=_own_module(module))
        unit = self.unit(name)
        if unit is not None and unit.name != name:
            return _Part(
                imports=((name, "__main__", unit.name),),
                free=frozenset({unit.name}),
                first=frozenset({unit.name}),
            )
        return self._definition(unit) if unit is not None else self._value(name, value)

    def unit(self, name: str) -> SourceUnit | None:
        """The source behind a name of the notebook, where what it defines is what the name stands for."""
        if name not in self._units:
            value = self._user_ns.get(name)
            unit = find_source(value, self._cells) if callable(value) else None
            if unit is not None and self._user_ns.get(unit.name) is not value:
                unit = None
            self._units[name] = unit
        return self._units[name]

    def __contains__(self, name: object) -> bool:
        """Whether this name of the notebook travels as source, so that values may name it."""
        return isinstance(name, str) and self.unit(name) is not None

    def submodules(self, name: str) -> list[Import]:
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
        return found

    def _definition(self, unit: SourceUnit) -> _Part:
        names = read_names(unit.text, futures=unit.futures)
        self.dotted.update(names.dotted)
        own = {unit.name}
        return _Part(
            unit=unit, free=names.free - own, maybe=names.maybe - own, first=names.first - own
        )

    def _value(self, name: str, value: Any) -> _Part:
        nbytes = getattr(value, "nbytes", 0)
        if isinstance(nbytes, int) and nbytes > VALUES_LIMIT:
            return _Part(problem=_too_large(name, _mib(nbytes)))
        try:
            encoded = encode(
                value,
                same_minor=self._same_minor,
                home=self._home,
                named=self,
                limit=VALUES_LIMIT,
                defining=name,
                diversion=self._diversion,
            )
        except LimitError:
            return _Part(problem=_too_large(name, f"more than {_mib(VALUES_LIMIT)}"))
        except BlazenError as error:
            return _Part(problem=str(error))
        references = frozenset(found for found in encoded.references if found in self)
        return _Part(value=encoded, free=references, first=references)


def _reach(roots: CellNames, parts: Mapping[str, _Part], have: Container[str]) -> dict[str, bool]:
    reached: dict[str, bool] = {}
    waiting = [(name, True) for name in roots.free] + [(name, False) for name in roots.maybe]
    while waiting:
        name, must = waiting.pop()
        part = parts.get(name)
        if name in have or reached.get(name, False) or (name in reached and not must):
            continue
        if not must and (part is None or part.problem):
            continue
        reached[name] = must
        if part is not None:
            waiting += [(need, must) for need in part.free] + [(need, False) for need in part.maybe]
    return reached


def _in_order(parts: Mapping[str, _Part]) -> tuple[str, ...]:
    """Definitions first, values after, but always what is needed at once before what needs it."""
    order: dict[str, None] = {}
    open_names: set[str] = set()

    def place(name: str) -> None:
        if name in order or name in open_names or name not in parts:
            return
        open_names.add(name)
        for need in sorted(parts[name].first):
            place(need)
        order[name] = None

    for name in sorted(parts, key=lambda name: (parts[name].value is not None, name)):
        place(name)
    return tuple(order)


def _is_shells_own(name: str, value: Any) -> bool:
    """What IPython puts into every notebook: the peer's namespace has its own, or none."""
    if name.startswith("__") and name.endswith("__"):
        return True
    if name not in ("open", "exit", "quit", "display", "get_ipython"):
        return False
    module = str(getattr(value, "__module__", None) or type(value).__module__)
    return module.partition(".")[0] in ("IPython", "ipykernel") or getattr(
        builtins, name, None
    ) is getattr(value, "__wrapped__", value)


def _is_importable(value: Any, module: Any, qualname: Any) -> bool:
    return (
        isinstance(module, str)
        and isinstance(qualname, str)
        and find_object(module, qualname) is value
    )


def _own_module(module: str) -> str:
    root = module.partition(".")[0]
    return (
        f"comes from {root}, a module of your own outside site-packages, which does not travel: "
        "install it on the peer, or put its code into a cell"
    )


def _too_large(name: str, size: str) -> str:
    return (
        f"{size}, too large to go along by itself: send it on purpose with --push {name}, "
        "or make it in a cell on the peer"
    )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
