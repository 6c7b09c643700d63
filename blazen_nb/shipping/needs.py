"""What a cell needs from its notebook, gathered from the objects behind the names; sends nothing."""

from __future__ import annotations

import builtins
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from blazen_nb.errors import EnvironmentMismatchError, ShippingError
from blazen_nb.shipping.bulk import Bulk
from blazen_nb.shipping.code import CodeBundle, Import, digest_of
from blazen_nb.shipping.diversion import Diversion
from blazen_nb.shipping.environment import python_minor
from blazen_nb.shipping.finding import Finder
from blazen_nb.shipping.missing import package_names
from blazen_nb.shipping.modules import SourceModule
from blazen_nb.shipping.names import CellNames
from blazen_nb.shipping.own import OwnSources
from blazen_nb.shipping.parts import VALUES_LIMIT, Part, in_order, mib, reach
from blazen_nb.shipping.sources import RecordedCells
from blazen_nb.shipping.values import EncodedValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The names a cell needs from its notebook, with what they need in turn."""

    roots: CellNames
    _parts: dict[str, Part]
    _own: OwnSources
    _modules: frozenset[str]
    """Own modules that the cell's own imports need, and those that changed since they were sent."""
    _module_problems: tuple[str, ...]
    _modules_there: Mapping[str, str]
    _peer_python: str
    _have: frozenset[str] = frozenset()
    _reached: dict[str, bool] = field(init=False)
    """The names in need; True where the cell cannot do without."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reached", reach(self.roots, self._parts, self._have))

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
        return {name: part.problem for name, part in self._failing()}

    @property
    def pushed(self) -> dict[str, Bulk]:
        """The values that travel by themselves, ahead of the cell."""
        return {name: part.bulk for name, part in self._chosen().items() if part.bulk is not None}

    @property
    def value_digests(self) -> dict[str, str]:
        """Digests of the pushed values, and of values with parts of the user's own classes: they say those, too."""
        chosen = self._chosen()
        units = {name: part.unit for name, part in chosen.items() if part.unit}
        definitions = CodeBundle(units=tuple(units.values())).digests
        digests = {}
        for name, part in chosen.items():
            classes = [definitions[each] for each in sorted(part.free) if each in definitions]
            classes += [source.digest for source in self._own.sources(part.modules)]
            if part.bulk is not None:
                digests[name] = digest_of(map(str.encode, [part.bulk.digest, *classes]))
            elif part.value is not None and classes:
                own = CodeBundle(values=((name, part.value),)).digest
                digests[name] = digest_of(map(str.encode, [own, *classes]))
        return digests

    @property
    def modules(self) -> tuple[SourceModule, ...]:
        """The own modules that must travel: those that the peer does not have as they are now."""
        needed = self._modules.union(*(part.modules for part in self._chosen().values()))
        return tuple(
            source
            for source in self._own.sources(needed)
            if self._modules_there.get(source.name) != source.digest
        )

    def without(self, names: Iterable[str]) -> Needs:
        """The needs that remain where the peer has these names already."""
        return replace(self, _have=self._have | frozenset(names))

    def ahead(self) -> Needs:
        """What must be on the peer before the pushed values can be opened there."""
        pushed = [self._parts[name] for name in self.pushed]
        return replace(
            self,
            roots=CellNames(free=frozenset().union(*(part.free for part in pushed))),
            _modules=frozenset().union(*(part.modules for part in pushed)),
        )

    def check(self) -> None:
        """Return where everything can travel.

        Raises:
            ShippingError: naming every name that cannot, and what to do.
            EnvironmentMismatchError: the same, where equal Python minors on both sides would do.
        """
        problems = [f"{name}: {reason}" for name, reason in self.unshippable.items()]
        problems += self._module_problems
        problems += [
            f"{name}: not defined in this notebook nor on the peer; define it, or import it in the cell"
            for name in self.unknown
        ]
        if not problems:
            problems += self._oversized()
        if not problems:
            return
        text = "this cell cannot travel to the peer:\n  " + "\n  ".join(problems)
        if any(part.is_mismatch for _, part in self._failing()):
            versions = f"This notebook runs Python {python_minor()}, the peer {self._peer_python}."
            raise EnvironmentMismatchError(f"{text}\n{versions}")
        raise ShippingError(text)

    def bundle(self, refs: Mapping[str, EncodedValue] | None = None) -> CodeBundle:
        """Everything in need as a bundle.

        Args:
            refs: For each of ``pushed`` the ref to it on the peer.

        Raises:
            ShippingError: as ``check``.
        """
        self.check()
        chosen = self._chosen()
        refs = refs or {}
        values = {name: part.value or refs.get(name) for name, part in chosen.items()}
        imports = {found for part in chosen.values() for found in part.imports}
        return CodeBundle(
            units=tuple(part.unit for part in chosen.values() if part.unit),
            imports=tuple(sorted(imports, key=str)),
            values=tuple((name, value) for name, value in values.items() if value is not None),
            order=in_order(chosen),
            modules=self.modules,
            value_digests=self.value_digests,
            packages=package_names(
                self._own.installed, same_minor=self._peer_python == python_minor()
            ),
        )

    def _failing(self) -> list[tuple[str, Part]]:
        return [
            (name, self._parts[name])
            for name, must in sorted(self._reached.items())
            if must and name in self._parts and self._parts[name].problem
        ]

    def _oversized(self) -> list[str]:
        values = {name: part.value.size for name, part in self._chosen().items() if part.value}
        modules = {source.name: len(source.text) for source in self.modules}
        total = sum(values.values()) + sum(modules.values())
        if total <= VALUES_LIMIT:
            return []
        size, name = max((size, name) for name, size in (*values.items(), *modules.items()))
        advice = (
            f"send it on purpose with --push {name}, or make it on the peer"
            if name in values
            else f"install {name.partition('.')[0]} on the peer and here, so that it is imported there"
        )
        weights = f"{mib(size)} of {mib(total)} in values and modules that the cell needs"
        return [
            f"{name}: {weights}, and at most {mib(VALUES_LIMIT)} go along by themselves: {advice}"
        ]

    def _chosen(self) -> dict[str, Part]:
        parts = {name: self._parts[name] for name in sorted(self._reached) if name in self._parts}
        return {name: part for name, part in parts.items() if not part.problem}


def find_needs(
    names: CellNames | Iterable[str],
    user_ns: Mapping[str, Any],
    *,
    cells: RecordedCells,
    peer_python: str = "",
    home: str = "__main__",
    diversion: Diversion | None = None,
    push: Container[str] = (),
    modules_there: Mapping[str, str] | None = None,
) -> Needs:
    """What these names stand for in the notebook, with all they need in turn.

    Installed modules become imports, and functions and classes of them too; modules of the user's own travel as
    source; functions and classes of cells become source; what remains becomes a value. Nothing is raised for a name
    that cannot travel: ``Needs.check`` does that, when it is known what the peer has.

    Args:
        names: What ``read_names`` found, or plain names.
        user_ns: The notebook's namespace.
        cells: The cells that ran in the notebook.
        peer_python: The peer's Python minor, default this one: bytecode travels between equal ones.
        home: The name of the notebook's module.
        diversion: Lets refs among the values travel as refs.
        push: Names among these whose values travel ahead of the cell, however large they are.
        modules_there: Digests of own modules that the peer has; the changed ones go again, needed or not.
    """
    roots = names if isinstance(names, CellNames) else CellNames(free=frozenset(names))
    peer_python = peer_python or python_minor()
    own = OwnSources()
    finder = Finder(
        user_ns,
        cells=cells,
        own=own,
        same_minor=peer_python == python_minor(),
        home=home,
        diversion=diversion,
        push=push,
    )
    finder.dotted.update(roots.dotted)
    modules, problems = _modules_of(roots, own, modules_there or {})
    return Needs(
        roots=roots,
        _parts=_find_parts(roots, user_ns, finder, own),
        _own=own,
        _modules=modules,
        _module_problems=problems,
        _modules_there=modules_there or {},
        _peer_python=peer_python,
    )


def _find_parts(
    roots: CellNames, user_ns: Mapping[str, Any], finder: Finder, own: OwnSources
) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    waiting = sorted(roots.free | roots.maybe)
    while waiting:
        name = waiting.pop()
        if name in parts or name not in user_ns or _is_shells_own(name, user_ns[name]):
            continue
        parts[name] = finder.find(name, user_ns[name])
        waiting += sorted(parts[name].free | parts[name].maybe)
    for name, part in parts.items():  # chains are complete only now
        if isinstance(user_ns[name], ModuleType) and not part.problem:
            parts[name] = _with_submodules(part, finder.submodules(name), own)
    return parts


def _with_submodules(part: Part, imports: tuple[Import, ...], own: OwnSources) -> Part:
    try:
        own_ones = [own.with_needs(module) for _, module, _ in imports if own.is_own(module)]
    except ShippingError as error:
        return Part(problem=str(error))
    return replace(part, imports=(*part.imports, *imports), modules=part.modules.union(*own_ones))


def _modules_of(
    roots: CellNames, own: OwnSources, there: Mapping[str, str]
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Own modules that the cell imports and those that changed, with all they need; and what cannot travel of them."""
    modules: set[str] = set()
    problems: dict[str, None] = {}
    for imported in roots.imports:
        try:
            modules |= own.imported_by([imported])
        except ShippingError as error:
            problems[str(error)] = None
    for module, digest in sorted(there.items()):
        try:
            current = own.current(module)
            if current is not None and current.digest != digest:
                modules |= own.with_needs(module)
        except ShippingError as error:
            problems[str(error)] = None
    return frozenset(modules), tuple(problems)


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
