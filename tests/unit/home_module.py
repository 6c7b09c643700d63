"""A module that stands for the one in which a notebook, or a peer's namespace, runs its cells."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator


@contextlib.contextmanager
def home_module(name: str) -> Iterator[types.ModuleType]:
    """An empty module of this name, importable for as long as it is needed."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    try:
        yield module
    finally:
        del sys.modules[name]
