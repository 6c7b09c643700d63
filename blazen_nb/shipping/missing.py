"""A module that the peer does not have: which package it is in, and how to install it there."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from typing import Any

from blazen_nb.shipping.environment import python_minor
from blazen_nb.shipping.installed import package_of
from blazen_nb.shipping.modules import notebook_name, own_modules

_PACKAGES = "__blazen_packages__"


def package_names(modules: set[str], *, same_minor: bool) -> dict[str, str]:
    """What the other side is told of these modules, should it lack one: where the name alone does not say it.

    Args:
        modules: Dotted names.
        same_minor: Whether the other side has the same standard library.
    """
    told: dict[str, str] = {}
    for root in sorted({module.partition(".")[0] for module in modules}):
        if root not in sys.stdlib_module_names:
            package = package_of(root)
            if package != root:
                told[root] = package
        elif not same_minor:
            told[root] = ""
    return told


def note_packages(module_dict: dict[str, Any], packages: Mapping[str, str]) -> None:
    """Remember in a namespace what its notebook calls these packages."""
    if packages:
        module_dict.setdefault(_PACKAGES, {}).update(packages)


def missing_module(error: ModuleNotFoundError, home: str) -> str:
    """What to do about a module that is missing on this peer; empty where there is nothing to say.

    Args:
        home: The namespace whose code wanted it; ``__main__`` is no peer's.
    """
    if home == "__main__" or not error.name:
        return ""
    name = notebook_name(error.name)
    root = name.partition(".")[0]
    own = own_modules(home)
    if own is not None and own.has(root):
        return (
            f"{name} is a module of the notebook's own that did not come along, because no import statement names it: "
            f"write `import {name}` in the cell"
        )
    if _is_here(root):
        return f"The peer has {root}, but another version than the notebook's: it has no {name}."
    packages: dict[str, str] = (
        vars(sys.modules[home]).get(_PACKAGES, {}) if home in sys.modules else {}
    )
    package = packages[root] if root in packages else package_of(root)
    if not package:
        return f"{root} is of the notebook's standard library; Python {python_minor()} on the peer has it no more."
    within = "" if package == root else f" It is in the package {package}."
    return (
        f"{root} is not installed in the peer's Python {python_minor()}.{within} Install it there with a cell:\n"
        "    %%blazen_remote\n"
        "    import subprocess, sys\n"
        f'    subprocess.run([sys.executable, "-m", "pip", "install", "{package}"], check=True)'
    )


def _is_here(root: str) -> bool:
    try:
        return root in sys.modules or importlib.util.find_spec(root) is not None
    except (ImportError, ValueError):
        return False
