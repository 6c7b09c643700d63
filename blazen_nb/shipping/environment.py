"""What a side of the wire says about its Python; knows nothing of paths, hosts or users."""

from __future__ import annotations

import sys

from blazen_nb.errors import EnvironmentMismatchError


def python_minor() -> str:
    """The minor version of this Python, ``"3.11"``: between equal ones bytecode can travel."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


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
