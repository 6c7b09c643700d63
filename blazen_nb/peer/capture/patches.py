"""What the capture changes in other modules, remembered so that all of it can be taken back.

It knows how to change and restore, also at the moment a module is first imported, and nothing of
what is changed.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

_log = logging.getLogger(__name__)
_ABSENT: Any = object()


def _trampoline(*args: Any, _blazen_nb_route: Callable[..., Any], **kwargs: Any) -> Any:
    return _blazen_nb_route(*args, **kwargs)


class Patches:
    """The changes made so far; ``undo`` takes them back, last first."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def on_undo(self, action: Callable[[], None]) -> None:
        """Have ``action`` called by ``undo``."""
        self._undo.append(action)

    def attribute(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute; ``undo`` restores it unless someone else has replaced it since."""
        before = vars(owner).get(name, _ABSENT)
        setattr(owner, name, value)

        def restore() -> None:
            if vars(owner).get(name) is not value:
                return
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

        self._undo.append(restore)

    def reroute(self, function: Any, route: Callable[..., Any]) -> None:
        """Make every call of ``function`` a call of ``route(original, *args, **kwargs)``.

        The code object is exchanged, not the name: references that others hold are rerouted, too.
        """
        code, defaults, keywords = function.__code__, function.__defaults__, function.__kwdefaults__
        original = FunctionType(code, function.__globals__, function.__name__, defaults)
        original.__kwdefaults__ = keywords

        def routed(*args: Any, **kwargs: Any) -> Any:
            return route(original, *args, **kwargs)

        # Defaults first, and merged: a call on another thread finds its own before and after.
        function.__kwdefaults__ = {**(keywords or {}), "_blazen_nb_route": routed}
        function.__code__ = _trampoline.__code__

        def restore() -> None:
            function.__code__ = code
            function.__kwdefaults__ = keywords

        self._undo.append(restore)

    def when_imported(self, module_name: str, hook: Callable[[ModuleType], None]) -> None:
        """Have ``hook(module)`` called once the module is imported, at once if it already is.

        A hook that does not fit the installed version is logged: the user's import goes on.
        """
        if module_name in sys.modules:
            # Not sys.modules[...]: this waits where another thread is still executing the module.
            _apply(hook, importlib.import_module(module_name))
            return
        finder = _PostImportFinder(module_name, hook)
        sys.meta_path.insert(0, finder)
        self._undo.append(finder.withdraw)

    def undo(self) -> None:
        """Take every change back."""
        while self._undo:
            self._undo.pop()()


def _apply(hook: Callable[[ModuleType], None], module: ModuleType) -> None:
    try:
        hook(module)
    except Exception:  # Whatever another version of it lacks, it must not break an import.
        _log.warning("output of %s is not captured in this version", module.__name__, exc_info=True)


class _PostImportFinder(MetaPathFinder):
    """Finds one module through the other finders, and has its loader call the hook afterwards."""

    def __init__(self, module_name: str, hook: Callable[[ModuleType], None]) -> None:
        self._module_name = module_name
        self._hook: Callable[[ModuleType], None] | None = hook

    def withdraw(self) -> None:
        """Call the hook no more, not even for an import under way."""
        self._hook = None
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._module_name:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    self._extend(spec.loader)
                return spec
        return None

    def _extend(self, loader: Loader) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            if self._hook is not None:
                _apply(self._hook, module)

        # On the instance, not around it: tracebacks and resources ask the module for its loader.
        loader.__dict__["exec_module"] = exec_module
