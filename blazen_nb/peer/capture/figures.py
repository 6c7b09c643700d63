"""Figures of a step: its own pyplot state, shown as PNG when it ends or says ``show``, then closed.

pyplot keeps one table of figures for the process and picks numbers in it without a lock, so
steps that run at the same time would draw into, lose or show each other's figures. Inside a step
that table is the step's own, and the backend one that needs no screen. matplotlib is touched
only once user code has imported it.
"""

from __future__ import annotations

import functools
import io
import sys
import threading
import traceback
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from blazen_nb.peer.capture.patches import Patches
from blazen_nb.peer.capture.scope import Scope, current

_matplotlib_lock = threading.RLock()
"""matplotlib is not thread-safe: one step at a time registers or draws a figure."""


def follow_figures(patches: Patches) -> None:
    """Give every step its own pyplot figures, from the moment pyplot is imported."""
    patches.when_imported("matplotlib.pyplot", lambda module: _hook_pyplot(module, patches))


def renew_locks() -> None:
    """In a forked child: a lock that another thread held at the fork would stay locked for ever."""
    global _matplotlib_lock
    _matplotlib_lock = threading.RLock()


def show_figures(scope: Scope) -> None:
    """Display the step's open figures that it has not displayed itself, and close them all."""
    while scope.figures:
        _, manager = scope.figures.popitem(last=False)
        if not getattr(manager.canvas.figure, "_blazen_nb_shown", False):
            _show(scope, manager.canvas.figure)


def _show(scope: Scope, figure: Any) -> None:
    mark_shown(figure)
    try:
        bundle = figure_bundle(figure)
    except Exception:
        # Drawing runs user code (formatters, LaTeX); it must not change the step's outcome.
        scope.write("stderr", traceback.format_exc())
        return
    if bundle:
        scope.display("display", bundle)


def figure_bundle(figure: Any) -> dict[str, Any]:
    """The figure as Jupyter shows it, PNG and text; empty for a figure with nothing on it."""
    if not figure.axes and not figure.lines:
        return {}
    image = io.BytesIO()
    with _matplotlib_lock:
        figure.savefig(image, format="png", bbox_inches="tight")
    return {"image/png": b64encode(image.getvalue()).decode("ascii"), "text/plain": repr(figure)}


def is_figure(value: Any) -> bool:
    """Whether it is a matplotlib figure; False without importing anything where none can exist."""
    module = sys.modules.get("matplotlib.figure")
    # Another thread may be in the middle of importing it.
    return module is not None and isinstance(value, getattr(module, "Figure", ()))


def mark_shown(figure: Any) -> None:
    """The step displayed this figure itself: it is not shown again when the step ends."""
    figure._blazen_nb_shown = True


def _hook_pyplot(pyplot: ModuleType, patches: Patches) -> None:
    registry = pyplot._pylab_helpers.Gcf
    patches.attribute(registry, "figs", _FiguresByStep(registry.figs))
    patches.reroute(pyplot._get_backend_mod, _backend)
    patches.reroute(pyplot.figure, _figure)


def _backend(original: Callable[[], Any]) -> Any:
    return original() if current.get() is None else _step_backend()


def _figure(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if current.get() is None:
        return original(*args, **kwargs)
    # The next number is looked up first and taken later: two threads could get the same.
    with _matplotlib_lock:
        return original(*args, **kwargs)


@functools.cache
def _step_backend() -> Any:
    from matplotlib.backend_bases import FigureManagerBase, _Backend
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    class StepManager(FigureManagerBase):
        """Shows by displaying, where the base class would warn that it has no screen."""

        def show(self) -> None:
            scope = current.get()
            if scope is not None:
                _show(scope, self.canvas.figure)

    class StepCanvas(FigureCanvasAgg):
        manager_class = StepManager

    class StepBackend(_Backend):
        FigureCanvas = StepCanvas
        FigureManager = StepManager

        @classmethod
        def show(cls, *_args: Any, **_options: Any) -> None:
            scope = current.get()
            if scope is not None:
                show_figures(scope)

    return StepBackend


class _FiguresByStep:
    """Stands in for the dict of pyplot's figures: a step's own inside it, else the process's."""

    def __init__(self, elsewhere: OrderedDict[int, Any]) -> None:
        self._elsewhere = elsewhere

    def _here(self) -> OrderedDict[int, Any]:
        scope = current.get()
        return self._elsewhere if scope is None else scope.figures

    def __getitem__(self, number: int) -> Any:
        return self._here()[number]

    def __setitem__(self, number: int, manager: Any) -> None:
        self._here()[number] = manager

    def __delitem__(self, number: int) -> None:
        del self._here()[number]

    def __contains__(self, number: object) -> bool:
        return number in self._here()

    def __iter__(self) -> Iterator[int]:
        return iter(self._here())

    def __reversed__(self) -> Iterator[int]:
        yield from reversed(self._here())

    def __len__(self) -> int:
        return len(self._here())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._here(), name)
