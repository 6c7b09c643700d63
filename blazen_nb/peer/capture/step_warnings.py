"""Warnings of a step: each reaches it once per place, whatever other steps were warned of before.

It knows the registries of ``warnings`` and the step's scope, not where ``sys.stderr`` leads.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any, TextIO

from blazen_nb.peer.capture.patches import Patches
from blazen_nb.peer.capture.scope import Scope, current


def route_warnings(patches: Patches) -> None:
    """Have warnings inside a step written to the step's stderr."""
    elsewhere = warnings.showwarning

    def showwarning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        scope = current.get()
        if scope is None or file is not None:
            elsewhere(message, category, filename, lineno, file, line)
        elif _is_news(scope, str(message), category, filename, lineno):
            sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    patches.attribute(warnings, "showwarning", showwarning)


def _is_news(scope: Scope, text: str, category: type[Warning], filename: str, lineno: int) -> bool:
    """Whether the step should see this warning.

    Python notes in the registry of the module that it has warned at this place, once for the
    process, and would swallow the next step's equal warning. So the note moves to the step. Where
    there is none, the filter said "always".
    """
    registry = _registry_of(filename, lineno)
    if registry is None or registry.pop((text, category, lineno), None) is None:
        return True
    return scope.warns_first((text, category, filename, lineno))


def _registry_of(filename: str, lineno: int) -> dict[Any, Any] | None:
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_filename == filename and frame.f_lineno == lineno:
            registry = frame.f_globals.get("__warningregistry__")
            return registry if isinstance(registry, dict) else None
    return None
