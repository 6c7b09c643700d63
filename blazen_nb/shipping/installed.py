"""Tells installed modules from the user's own, by where Python finds them."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from functools import cache
from pathlib import Path


def is_installed(module: str) -> bool:
    """True for a module of the standard library or of an installed package, which the peer can have too."""
    root = module.partition(".")[0]
    return root == "blazen_nb" or root in sys.stdlib_module_names or _is_in_site_packages(root)


@cache
def _is_in_site_packages(root: str) -> bool:
    try:
        spec = importlib.util.find_spec(root)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""]
    folders = {sysconfig.get_path(key) for key in ("purelib", "platlib", "stdlib", "platstdlib")}
    for place in places:
        parts = Path(place).parts
        if "site-packages" in parts or "dist-packages" in parts:
            return True
        if any(place.startswith(folder) for folder in folders if folder):
            return True
    return _is_distributed(root)


def _is_distributed(root: str) -> bool:
    """True for a package installed in development mode, whose files are anywhere."""
    from importlib.metadata import packages_distributions

    return root in packages_distributions()
