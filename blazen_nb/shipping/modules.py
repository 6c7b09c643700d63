"""The user's own modules on the peer: each namespace finds those that its notebook has sent, and no other does.

They stand in ``sys.modules`` below a package of the namespace's own, so that two notebooks may both have a
``helpers``, and pickle, dataclasses and type hints find their classes. An ``__import__`` in the builtins of the
namespace's code resolves ``import helpers`` to the namespace's own.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from threading import Lock
from types import CodeType, ModuleType
from typing import Any

from blazen_nb.engine.registry import OWN_MODULES
from blazen_nb.errors import ShippingError, text_of
from blazen_nb.shipping.bindings import Bindings
from blazen_nb.shipping.cell import module_file_name, parse_quietly, register_source
from blazen_nb.shipping.environment import no_python_here
from blazen_nb.shipping.imports import Imported, imports_in

_OWN_NAME = re.compile(rf"\bblazen_ns_\w+?{OWN_MODULES}\.")
_OWN_FILE = re.compile(r"<module ([^<>]+) [0-9a-f]{8} [^\s>]+>")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceModule:
    """A module of the user's own, as it travels."""

    name: str
    """Dotted."""
    text: str
    label: str
    """Its file, relative to the folder that it is found in: ``lib/tools.py``."""
    is_package: bool = False

    @property
    def digest(self) -> str:
        """Equal digests need not travel twice."""
        head = f"{self.name}\n{self.label}\n{self.is_package}\n"
        return hashlib.sha256((head + self.text).encode("utf-8", "surrogatepass")).hexdigest()


def notebook_name(text: str) -> str:
    """The text, with own modules of a namespace, and their files, called as in the notebook."""
    return _OWN_NAME.sub("", _OWN_FILE.sub(r"\1", text))


def own_modules(home: str) -> OwnModules | None:
    """The modules that this namespace's notebook has sent; None where there are none."""
    return _by_package.get(home + OWN_MODULES)


def own_modules_for(module_dict: dict[str, Any], namespace_id: str) -> OwnModules:
    """The same, made where there are none; from now on code of the namespace imports them."""
    home = str(module_dict.get("__name__", "__main__"))
    with _lock:
        known = _by_package.get(home + OWN_MODULES)
        if known is None:
            known = OwnModules(home, module_dict, namespace_id)
            _by_package[known.package] = known
            if _finder not in sys.meta_path:
                sys.meta_path.append(_finder)
        return known


def is_own(value: Any, home: str) -> bool:
    """Whether this function or class was defined by one of the namespace's own modules."""
    return str(getattr(value, "__module__", "")).startswith(f"{home}{OWN_MODULES}.")


def forget_modules(home: str) -> None:
    """The namespace has ended: its modules go."""
    package = home + OWN_MODULES
    if _by_package.pop(package, None) is not None:
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
            del sys.modules[name]


class OwnModules:
    """The own modules of one namespace."""

    def __init__(self, home: str, module_dict: dict[str, Any], namespace_id: str) -> None:
        self.package = home + OWN_MODULES
        self._namespace_id = namespace_id
        self._sources: dict[str, tuple[SourceModule, CodeType]] = {}
        self._stale: set[str] = set()
        """Modules that could not run again: what stands is from an older text."""
        self._bindings = Bindings(module_dict)
        self._builtins = ModuleType("builtins")
        # IPython gives it to the modules of a notebook, too.
        self._builtins.__dict__["display"] = module_dict.get("display")
        module_dict["__builtins__"] = self._builtins
        root = ModuleType(self.package)
        root.__path__ = []
        sys.modules[self.package] = root

    @property
    def digests(self) -> dict[str, str]:
        """What is here, by name."""
        return {
            name: "" if name in self._stale else source.digest
            for name, (source, _) in list(self._sources.items())
        }

    @property
    def sources(self) -> tuple[SourceModule, ...]:
        """What is here, in the order in which it came first."""
        return tuple(source for source, _ in list(self._sources.values()))

    def has(self, module: str) -> bool:
        """Whether the first part of this name is one of these, so that it is looked for nowhere else."""
        root = module.partition(".")[0]
        return root in self._sources

    def load(self, module: str) -> ModuleType:
        """The module of this name, imported.

        Raises:
            Exception: Whatever the module's own code raises.
        """
        return importlib.import_module(f"{self.package}.{module}")

    def bind(self, name: str, module: str, attribute: str) -> None:
        """The namespace has this attribute under this name, and is to have the new one when the module changes."""
        self._bindings.of_cells([(name, f"{self.package}.{module}", attribute)])

    def note_imports(self, imported: Iterable[Imported]) -> None:
        """A cell with these imports is about to run."""
        self._refresh()
        self._bindings.of_cells(self._bound(imported, package=""))

    def install(self, arrived: Sequence[SourceModule], python: str) -> list[tuple[str, Any, Any]]:
        """Take what arrived; a module that has run and is another now runs again, in the same module object.

        What other code has imported from it by name is exchanged for the new.

        Args:
            arrived: Those first that others import.
            python: The sender's Python minor.

        Returns:
            Names of the namespace that were exchanged, with the old value and the new one.

        Raises:
            EnvironmentMismatchError: It is no Python that this side knows.
            ShippingError: It fails when it runs again.
        """
        changed = []
        for source, code in [(source, self._compile(source, python)) for source in arrived]:
            if self.digests.get(source.name) != source.digest:
                self._sources[source.name] = source, code
                if f"{self.package}.{source.name}" in sys.modules:
                    changed.append(source)
        if not changed:
            return []
        self._stale.update(source.name for source in changed)
        before = {
            (f"{self.package}.{source.name}", attribute): value
            for source in changed
            for attribute, value in vars(sys.modules[f"{self.package}.{source.name}"]).items()
        }
        for source in changed:
            self._run_again(source)
            self._stale.discard(source.name)
        return self._bindings.exchange(before)

    def _compile(self, source: SourceModule, python: str) -> CodeType:
        file_name = module_file_name(source.label, source.digest, self._namespace_id)
        register_source(file_name, source.text)
        try:
            return compile(source.text, file_name, "exec", dont_inherit=True)
        except SyntaxError as error:
            raise no_python_here(source.label, error, python) from error

    def _run_again(self, source: SourceModule) -> None:
        try:
            importlib.reload(sys.modules[f"{self.package}.{source.name}"])
        except Exception as error:  # modules run code that may raise anything
            raise ShippingError(
                f"{source.label} has changed, and running it again on the peer failed: "
                f"{type(error).__name__}: {text_of(error)}"
            ) from error

    # What the finder and the code of the namespace ask for.

    def spec_of(self, full_name: str) -> ModuleSpec | None:
        """How to make the module of this name in ``sys.modules``."""
        found = self._sources.get(full_name.partition(".")[2])
        if found is None:
            return None
        return spec_from_loader(full_name, _Loader(self), is_package=found[0].is_package)

    def execute(self, module: ModuleType) -> None:
        """Run the module's code in it."""
        source, code = self._sources[module.__name__.partition(".")[2]]
        self._refresh()
        module.__dict__["__builtins__"] = self._builtins
        module.__file__ = code.co_filename
        package = module.__name__ if source.is_package else module.__name__.rpartition(".")[0]
        exec(code, module.__dict__)  # noqa: S102  running the user's module is the purpose
        imported = imports_in(parse_quietly(source.text, source.label))
        self._bindings.of_module(module.__name__, self._bound(imported, package=package))

    def _refresh(self) -> None:
        """Builtins that code here has added or changed are those of this namespace too."""
        self._builtins.__dict__.update(vars(builtins))
        self._builtins.__dict__["__import__"] = self._import

    def _bound(
        self, imported: Iterable[Imported], *, package: str
    ) -> Iterable[tuple[str, str, str]]:
        """(name, module, attribute) of what these statements bind from modules here."""
        for each in imported:
            module = each.absolute(package)
            if not each.module.startswith("."):
                module = f"{self.package}.{module}" if self.has(module) else ""
            for attribute, name in each.names if module and each.at_top else ():
                yield name, module, attribute

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """``__import__`` for the code of this namespace."""
        if level or not self.has(name):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        found = builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist or (), 0)
        return found if fromlist else sys.modules[f"{self.package}.{name.partition('.')[0]}"]


class _Loader(Loader):
    def __init__(self, own: OwnModules) -> None:
        self._own = own

    def exec_module(self, module: ModuleType) -> None:
        self._own.execute(module)


class _Finder(MetaPathFinder):
    """Finds the modules of all namespaces of this process, below the package of each."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        own = _by_package.get(fullname.partition(".")[0])
        return own.spec_of(fullname) if own is not None else None


_by_package: dict[str, OwnModules] = {}
_finder = _Finder()
_lock = Lock()
