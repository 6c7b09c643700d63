"""Tells installed modules from the user's own, by where Python finds them; names the package that a module is in."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_PACKAGES = {
    "Crypto": "pycryptodome",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "jose": "python-jose",
    "magic": "python-magic",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""Where a module is in a package of another name, and this side does not have it to say so itself."""

_known: set[str] = set()
"""Roots once found installed; one that is not may be installed later."""


def is_installed(module: str) -> bool:
    """True for a module of the standard library or of an installed package, which the peer can have too."""
    root = module.partition(".")[0]
    if root == "blazen_nb" or root in sys.stdlib_module_names or root in _known:
        return True
    if _is_in_site_packages(root) or root in _distributed():
        _known.add(root)
        return True
    return False


def package_of(root: str) -> str:
    """The name under which this module is installed: ``scikit-learn`` for ``sklearn``."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution(root)
        return root
    except (PackageNotFoundError, ValueError):
        return next(iter(_distributed().get(root, ())), _PACKAGES.get(root, root))


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
    return False


@cache
def _distributed() -> Mapping[str, Sequence[str]]:
    """The packages of every module, those installed in development mode too, whose files are anywhere.

    Looked up once a process: it reads the records of all that is installed.
    """
    from importlib.metadata import packages_distributions

    return packages_distributions()
