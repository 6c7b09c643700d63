"""Finds the user's own modules, as their files are now, and the own modules that those import; imports nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import decode_source
from pathlib import Path
from typing import Any

from blazen_nb.errors import ShippingError
from blazen_nb.shipping.cell import parse_quietly
from blazen_nb.shipping.imports import Imported, imports_in
from blazen_nb.shipping.installed import is_installed
from blazen_nb.shipping.modules import SourceModule


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A module's file as it was read."""

    stamp: tuple[int, int]
    source: SourceModule
    imports: tuple[Imported, ...]


_read: dict[str, _Read] = {}
"""By file: a package of many modules is not read and parsed anew for every cell."""


class OwnSources:
    """The user's own modules at one moment."""

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}
        self._found: dict[str, _Read] = {}
        self._direct: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        """Modules that each must have, and those that it can do without."""
        self.installed: set[str] = set()
        """Installed modules that were asked for, or are imported by those that were found."""

    def is_own(self, module: str) -> bool:
        """Whether the first part of the name is a module of the user's own."""
        root = module.partition(".")[0]
        if not root or is_installed(root):
            self.installed.add(module)
            return False
        spec = self._spec(root)
        return spec is not None and not _is_mere_folder(spec)

    def imported_by(self, imported: Iterable[Imported], package: str = "") -> frozenset[str]:
        """The own modules that a source with these imports needs, with all they need in turn.

        Args:
            imported: The imports.
            package: The package of the source.

        Raises:
            ShippingError: One of them has no source, or no valid one; the message names it.
        """
        must, may = self._asked(imported, package)
        return self._with_needs(must, may)

    def with_needs(self, module: str) -> frozenset[str]:
        """An own module and all that it needs; errors as for ``imported_by``."""
        return self._with_needs(_with_parents(module), ())

    def sources(self, modules: Iterable[str]) -> tuple[SourceModule, ...]:
        """The modules of these names, which were found before, those first that others import."""
        wanted = sorted(modules)
        order: dict[str, None] = {}
        visited: set[str] = set()

        def place(name: str) -> None:
            if name in visited or name not in self._direct:
                return
            visited.add(name)
            for group in self._direct[name]:
                for need in sorted(group):
                    place(need)
            order[name] = None

        for name in wanted:
            place(name)
        return tuple(self._found[name].source for name in order if name in set(wanted))

    def current(self, module: str) -> SourceModule | None:
        """The own module of this name as it is now; None where it is gone.

        Raises:
            ShippingError: It has no valid source.
        """
        if not self.is_own(module) or self._spec(module) is None:
            return None
        return self._get(module).source

    def _with_needs(self, must: Iterable[str], may: Iterable[str]) -> frozenset[str]:
        reached, optional = self._reached(must)
        optional |= set(may)
        while optional:
            name = optional.pop()
            if name in reached:
                continue
            with suppress(ShippingError):  # the source that imports it goes on without
                more, others = self._reached({name})
                optional |= others - reached - more
                reached |= more
        return frozenset(reached)

    def _reached(self, names: Iterable[str]) -> tuple[set[str], set[str]]:
        """These modules and all that they must have; and what they can do without."""
        reached: set[str] = set()
        optional: set[str] = set()
        waiting = set(names)
        while waiting:
            name = waiting.pop()
            reached.add(name)
            needs, others = self._direct_needs(name)
            waiting |= needs - reached
            optional |= others
        return reached, optional

    def _direct_needs(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        if name not in self._direct:
            found = self._get(name)
            package = name if found.source.is_package else name.rpartition(".")[0]
            self._direct[name] = self._asked(found.imports, package)
        return self._direct[name]

    def _asked(
        self, imported: Iterable[Imported], package: str
    ) -> tuple[frozenset[str], frozenset[str]]:
        must: set[str] = set()
        may: set[str] = set()
        for each in imported:
            (may if each.optional else must).update(self._modules_of(each, package))
        return frozenset(must), frozenset(may - must)

    def _modules_of(self, imported: Imported, package: str) -> Iterator[str]:
        """The own modules that one import runs: the module, those around it, and submodules it takes by name."""
        module = imported.absolute(package)
        if not module or not self.is_own(module):
            return
        yield from (name for name in _with_parents(module) if self._spec(name) is not None)
        for attribute, _ in imported.names:
            names = self._all_of(module) if attribute == "*" else (attribute,)
            for name in names:
                if self._spec(f"{module}.{name}") is not None:
                    yield f"{module}.{name}"

    def _all_of(self, module: str) -> Iterable[str]:
        """Names in ``__all__`` of a package that is loaded: a star import runs the submodules among them."""
        listed: Any = getattr(sys.modules.get(module), "__all__", ())
        return [name for name in listed if isinstance(name, str)]

    def _get(self, name: str) -> _Read:
        if name not in self._found:
            spec = self._spec(name)
            if spec is None:
                raise ShippingError(f"{name}: there is no such module here")
            self._found[name] = _read_module(name, spec)
        return self._found[name]

    def _spec(self, name: str) -> ModuleSpec | None:
        if name not in self._specs:
            self._specs[name] = self._look_for(name)
        return self._specs[name]

    def _look_for(self, name: str) -> ModuleSpec | None:
        loaded: ModuleSpec | None = getattr(sys.modules.get(name), "__spec__", None)
        if loaded is not None:
            return loaded
        parent = name.rpartition(".")[0]
        path: list[str] | None = None
        if parent:
            around = self._spec(parent)
            if around is None or around.submodule_search_locations is None:
                return None
            path = list(around.submodule_search_locations)
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            found: ModuleSpec | None = find_spec(name, path, None) if find_spec else None
            if found is not None:
                return found
        return None


def _is_mere_folder(spec: ModuleSpec) -> bool:
    """A folder without Python in it, which Python takes for a package: no reason to hide a module of the peer."""
    if spec.origin is not None or spec.submodule_search_locations is None:
        return False
    folders = [Path(folder) for folder in spec.submodule_search_locations]
    return not any(
        found
        for folder in folders
        for pattern in ("*.py", "*/*.py")
        for found in folder.glob(pattern)
    )


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _read_module(name: str, spec: ModuleSpec) -> _Read:
    is_package = spec.submodule_search_locations is not None
    label = name.replace(".", "/") + ("/__init__.py" if is_package else ".py")
    origin = spec.origin or ""
    if origin in ("", "namespace") and is_package:
        empty = SourceModule(name=name, text="", label=label, is_package=True)
        return _Read(stamp=(0, 0), source=empty, imports=())
    stamp = _stamp(origin)
    known = _read.get(origin)
    if known is not None and known.stamp == stamp and known.source.name == name:
        return known
    source = SourceModule(
        name=name, text=_text(name, spec, origin), label=label, is_package=is_package
    )
    try:
        imports = imports_in(parse_quietly(source.text, label))
    except SyntaxError as error:
        raise ShippingError(
            f"{name}: {label}, line {error.lineno}, is no valid Python: {error.msg}"
        ) from error
    _read[origin] = made = _Read(stamp=stamp, source=source, imports=imports)
    return made


def _stamp(origin: str) -> tuple[int, int]:
    try:
        stat = Path(origin).stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _text(name: str, spec: ModuleSpec, origin: str) -> str:
    try:
        if origin.endswith(".py"):
            return decode_source(Path(origin).read_bytes())
        get_source: Any = getattr(spec.loader, "get_source", None)
        text: str | None = get_source(name) if get_source else None
    except (OSError, SyntaxError, UnicodeError, ImportError) as error:
        raise ShippingError(
            f"{name}: the file of this module of your own cannot be read: {type(error).__name__}"
        ) from error
    if text is None:
        raise ShippingError(
            f"{name}: a module of your own that has no source which could travel (a C extension, or made by code): "
            "install it on the peer and here, with pip, so that it is imported there"
        )
    return text
