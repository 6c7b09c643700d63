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
        raise bytecode_refusal(what, f"this side runs {local}, the other {remote}")


def bytecode_refusal(what: str, versions: str = "") -> EnvironmentMismatchError:
    """For a function or class by value, between two Python minors.

    Args:
        what: Names it.
        versions: Those of both sides, where they are known.
    """
    both = f": {versions}" if versions else " on both sides"
    return EnvironmentMismatchError(
        f"{what} can only travel as bytecode, and that needs the same Python minor version{both}. "
        "Define it with def or class at the top level of a cell or a .py file, so that its source can travel."
    )


def no_python_here(what: str, error: SyntaxError, theirs: str) -> EnvironmentMismatchError:
    """For source that compiled on the other side, and does not here.

    Args:
        what: Names the source.
        theirs: The other side's Python minor.
    """
    return EnvironmentMismatchError(
        f"{what}, line {error.lineno}, is no valid Python on the peer: {error.msg}. "
        f"The notebook runs Python {theirs}, the peer {python_minor()}."
    )
