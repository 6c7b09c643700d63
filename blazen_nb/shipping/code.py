"""A bundle of definitions, imports and values: what a cell needs from its notebook, and its arrival on the peer."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from blazen_nb.errors import BlazenError, ShippingError, text_of
from blazen_nb.shipping.cell import compile_cell, file_name_for, make_source, run_sync
from blazen_nb.shipping.diversion import OpenLeaf
from blazen_nb.shipping.environment import no_python_here, python_minor
from blazen_nb.shipping.missing import missing_module, note_packages
from blazen_nb.shipping.modules import SourceModule, own_modules, own_modules_for
from blazen_nb.shipping.sources import SourceUnit
from blazen_nb.shipping.values import EncodedValue, decode

Import = tuple[str, str, str | None]
"""(name, module, attribute): ``from module import attribute as name``; the module itself where it is None.

With an empty name the module is imported and bound to nothing (``import xml.etree.ElementTree`` beside ``xml``);
the module ``__main__`` is the namespace itself, for a second name of a definition."""

_ARRIVED = "__blazen_arrived__"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBundle:
    """What travels ahead of a cell."""

    units: tuple[SourceUnit, ...] = ()
    imports: tuple[Import, ...] = ()
    values: tuple[tuple[str, EncodedValue], ...] = ()
    order: tuple[str, ...] = ()
    """Names of units, values and second names in the order in which they need each other."""
    python: str = field(default_factory=python_minor)
    """The sender's Python minor version."""
    modules: tuple[SourceModule, ...] = ()
    """Modules of the user's own, those first that others import."""
    pushed: frozenset[str] = frozenset()
    """Names that are set whatever code on the peer has assigned to them."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Import names of packages that are installed under another name; see ``missing.note_packages``."""
    value_digests: Mapping[str, str] = field(default_factory=dict)
    """Digests of values where they are of more than the value's own bytes: of the classes of its parts, too."""

    @property
    def digests(self) -> dict[str, str]:
        """A digest of each name's part: equal digests need not travel twice."""
        parts: dict[str, list[bytes]] = {}
        for name, module, attribute in self.imports:
            parts[name or module] = [b"import", module.encode(), (attribute or "").encode()]
        for unit in self.units:
            parts[unit.name] = [b"unit", unit.label.encode(), unit.text.encode("utf-8", "replace")]
        for name, value in self.values:
            leaves = [part for tag, payload in value.leaves for part in (tag.encode(), payload)]
            parts[name] = [b"value", value.json, *leaves]
        own = {name: digest_of(pieces) for name, pieces in parts.items()}
        return {**own, **self.value_digests}

    @property
    def digest(self) -> str:
        """A digest of the whole bundle."""
        return digest_of(
            [f"{name}={digest}".encode() for name, digest in sorted(self.digests.items())]
        )


@dataclass(frozen=True, slots=True)
class _Arrival:
    digest: str
    value: Any
    stays: bool
    """A pushed value: it is used as it stands until it is pushed again."""


def install_bundle(
    bundle: CodeBundle,
    module_dict: dict[str, Any],
    *,
    namespace_id: str,
    trusted: bool,
    open_leaf: OpenLeaf | None = None,
) -> set[str]:
    """Put what arrived into the namespace; returns the names that were set.

    A name whose part is already there unchanged stays as it is. A name that code on this peer assigned wins over
    what arrives, unless that was pushed. An own module that changed runs again, and names that came from it are set.

    Args:
        open_leaf: Finds the objects that refs among the values stand for.

    Raises:
        ShippingError: a module is missing here, a definition fails, a value is from an untrusted side.
        EncodeError: a value is damaged.
    """
    arrivals: dict[str, _Arrival] = module_dict.setdefault(_ARRIVED, {})
    note_packages(module_dict, bundle.packages)
    names_set = _install_modules(bundle, module_dict, namespace_id, arrivals)
    digests = bundle.digests
    values = {name for name, _ in bundle.values}
    makers = _makers(bundle, module_dict, namespace_id, trusted, open_leaf)
    for name, make in makers.items():
        arrival = arrivals.get(name)
        stands = arrival is not None and module_dict.get(name, arrivals) is arrival.value
        if stands and arrival is not None and arrival.digest == digests[name]:
            continue
        if name in module_dict and not stands and name not in bundle.pushed:
            continue
        module_dict[name] = value = make()
        arrivals[name] = _Arrival(digests[name], value, name in bundle.pushed and name in values)
        names_set.add(name)
    return names_set


def arrived_digests(module_dict: dict[str, Any]) -> dict[str, str]:
    """Digests of the names that stand as they arrived; a name that code here assigned since is not among them."""
    return {name: arrival.digest for name, arrival in _standing(module_dict)}


def is_there(module_dict: dict[str, Any], names: Iterable[str]) -> set[str]:
    """Those of the names that a cell can use as they are: assigned by code here, or pushed.

    What arrived otherwise may have changed in the notebook since, and comes again.
    """
    coming = {name for name, arrival in _standing(module_dict) if not arrival.stays}
    return {name for name in names if name in module_dict and name not in coming}


def forget_replaced(module_dict: dict[str, Any]) -> None:
    """Let go of what arrived under names that code has deleted or assigned anew."""
    arrivals: dict[str, _Arrival] = module_dict.get(_ARRIVED, {})
    for name in arrivals.keys() - dict(_standing(module_dict)):
        del arrivals[name]


def _standing(module_dict: dict[str, Any]) -> list[tuple[str, _Arrival]]:
    arrivals: dict[str, _Arrival] = module_dict.get(_ARRIVED, {})
    return [
        (name, arrival)
        for name, arrival in list(arrivals.items())  # another thread may be adding to them
        if module_dict.get(name, arrivals) is arrival.value
    ]


def _install_modules(
    bundle: CodeBundle,
    module_dict: dict[str, Any],
    namespace_id: str,
    arrivals: dict[str, _Arrival],
) -> set[str]:
    if not bundle.modules:
        return set()
    own = own_modules_for(module_dict, namespace_id)
    exchanged = own.install(bundle.modules, bundle.python)
    for name, old, new in exchanged:
        arrival = arrivals.get(name)
        if arrival is not None and arrival.value is old:
            arrivals[name] = replace(arrival, value=new)
    return {name for name, _, _ in exchanged}


def _makers(
    bundle: CodeBundle,
    module_dict: dict[str, Any],
    namespace_id: str,
    trusted: bool,
    open_leaf: OpenLeaf | None,
) -> dict[str, Callable[[], Any]]:
    """How to make each name's object, in the order in which they need each other."""
    makers: dict[str, Callable[[], Any]] = {}
    second_names: dict[str, Callable[[], Any]] = {}
    home = str(module_dict.get("__name__", "__main__"))
    for name, module, attribute in bundle.imports:
        if module == "__main__" and attribute:
            second_names[name] = partial(_second_name, name, module_dict, attribute)
        elif name:
            makers[name] = partial(_import, module, attribute, home, name)
        else:
            _import(module, None, home)
    parts = dict(second_names)
    for unit in bundle.units:
        parts[unit.name] = partial(_define, unit, module_dict, namespace_id, bundle.python)
    for name, value in bundle.values:
        parts[name] = partial(_open, name, value, trusted, home, open_leaf)
    makers.update((name, parts[name]) for name in bundle.order if name in parts)
    for name, make in parts.items():
        makers.setdefault(name, make)
    return makers


def _second_name(name: str, module_dict: dict[str, Any], first: str) -> Any:
    if first not in module_dict:
        raise ShippingError(f"{name} stands for {first}, which did not arrive with it")
    return module_dict[first]


def _import(module: str, attribute: str | None, home: str, name: str = "") -> Any:
    what = f"{attribute} from {module}" if attribute else module
    own = own_modules(home)
    try:
        if own is not None and own.has(module):
            found: Any = own.load(module)
            if attribute and name:
                own.bind(name, module, attribute)
        else:
            found = importlib.import_module(module)
        for part in attribute.split(".") if attribute else ():
            found = getattr(found, part)
        return found
    except ModuleNotFoundError as error:
        raise ShippingError(
            missing_module(error, home) or f"the peer has no module {error.name or module!r}"
        ) from error
    except AttributeError as error:
        raise ShippingError(
            f"the peer's {module} has no {attribute}: it is another version than the notebook's"
        ) from error
    except Exception as error:  # modules run code that may raise anything
        raise ShippingError(
            f"importing {what} failed on the peer: {type(error).__name__}: {text_of(error)}"
        ) from error


def _define(unit: SourceUnit, module_dict: dict[str, Any], namespace_id: str, python: str) -> Any:
    cell = make_source(unit.text, label=unit.label, futures=unit.futures)
    try:
        run_sync(compile_cell(cell, file_name_for(cell, namespace_id)), module_dict)
        return module_dict[unit.name]
    except SyntaxError as error:
        raise no_python_here(f"{unit.name}, {unit.label}", error, python) from error
    except Exception as error:  # decorators and base classes run code that may raise anything
        raise ShippingError(
            f"{unit.name} ({unit.label}) could not be defined on the peer: {type(error).__name__}: {text_of(error)}"
        ) from error


def _open(
    name: str, value: EncodedValue, trusted: bool, home: str, open_leaf: OpenLeaf | None
) -> Any:
    try:
        return decode(value, trusted=trusted, home=home, open_leaf=open_leaf)
    except BlazenError as error:
        raise type(error)(f"{name}: {error}") from error


def digest_of(pieces: Iterable[bytes]) -> str:
    """SHA-256 of these pieces, in hex."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "big"))
        digest.update(piece)
    return digest.hexdigest()
