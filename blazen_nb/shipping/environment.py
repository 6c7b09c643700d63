"""What a side of the wire says about its Python; knows nothing of paths, hosts or users."""

from __future__ import annotations

import platform
import sys

from blazen_nb.errors import EnvironmentMismatchError


def python_minor() -> str:
    """The minor version of this Python, ``"3.11"``: between equal ones bytecode can travel."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def fingerprint() -> dict[str, str]:
    """What the other side may know of this process: versions and the kind of machine, no path and no name."""
    from blazen_nb import __version__

    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
        "blazen_nb": __version__,
    }


def require_same_minor(local: str, remote: str, what: str) -> None:
    """Return where both minors are equal; else refuse, because foreign bytecode crashes an interpreter.

    Raises:
        EnvironmentMismatchError: naming both versions and what could not travel.
    """
    if local != remote:
        raise EnvironmentMismatchError(
            f"{what} can only travel as bytecode, and that needs the same Python minor version: "
            f"this side runs {local}, the other {remote}. Define it in a cell or a .py file so that "
            f"its source can travel, or use Python {remote} on this side."
        )
