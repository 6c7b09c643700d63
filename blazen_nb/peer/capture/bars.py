"""tqdm's bars of a step: one row of the run's picture while they move, a line of its stderr once they end.

It knows tqdm, which it touches only once user code has imported it, and no picture.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from blazen_nb.peer.capture.patches import Patches
from blazen_nb.peer.capture.scope import Scope, current
from blazen_nb.peer.capture.streams import leads_to_step

_Display = Callable[..., Any]


def follow_bars(patches: Patches) -> None:
    """Have the bars that a step makes show as its progress."""
    patches.when_imported("tqdm.std", lambda tqdm: _hook_bars(tqdm, patches))
    patches.when_imported("tqdm.notebook", lambda tqdm: _bars_as_text(tqdm, patches))


def leave_bars(scope: Scope) -> None:
    """Bars that the step has not closed say how far they came: an error stopped it, as a rule."""
    for bar in list(scope.bars):
        bar.sp.leave(bar)


class _StepPrinter:
    """Stands where a bar keeps the function that writes its line; belongs to the step that made the bar.

    tqdm's own thread redraws the bars of all steps, so the step cannot be told by who calls.
    """

    def __init__(self, scope: Scope, printer: Callable[[str], None]) -> None:
        self._scope = scope
        self._printer = printer
        self._label: str | None = None

    def __call__(self, text: str) -> None:
        token = current.set(self._scope)
        try:
            self._printer(text)
        finally:
            current.reset(token)

    def show(self, bar: Any) -> None:
        """The picture shows how far the bar is."""
        if self._label is None:
            self._label = self._scope.bars[bar] = _label(bar, set(self._scope.bars.values()))
        self._scope.progress(
            self._label, float(bar.n), None if bar.total is None else float(bar.total)
        )

    def leave(self, bar: Any) -> None:
        """The line stays in the step's output."""
        self(f"{bar}\n")
        self.forget(bar)

    def forget(self, bar: Any) -> None:
        """Another bar may have its name."""
        self._scope.bars.pop(bar, None)


def _label(bar: Any, taken: set[str]) -> str:
    """What the bar is called for good: another name would be another row, and descriptions change."""
    name = str(bar.desc or "").strip().removesuffix(":")
    number = 1
    while (label := name if number == 1 else f"{name} {number}".strip()) in taken:
        number += 1
    return label


def _hook_bars(tqdm: ModuleType, patches: Patches) -> None:
    base = tqdm.tqdm

    def status_printer(original: Callable[[Any], Callable[[str], None]], file: Any) -> Any:
        scope, printer = current.get(), original(file)
        is_ours = scope is not None and leads_to_step(getattr(file, "_wrapped", file), scope)
        return _StepPrinter(scope, printer) if scope is not None and is_ours else printer

    def display(
        original: _Display, bar: Any, msg: str | None = None, pos: int | None = None
    ) -> Any:
        printer = getattr(bar, "sp", None)
        if not isinstance(printer, _StepPrinter):
            return original(bar, msg, pos)
        printer.show(bar)
        if bar.disable:  # it is being closed, and with a text only where its line is to stay
            printer.forget(bar)
            return msg is None and original(bar, None, 0)
        return False  # nothing stands anywhere that would have to be wiped

    def clear(original: _Display, bar: Any, *args: Any, **kwargs: Any) -> None:
        if not isinstance(getattr(bar, "sp", None), _StepPrinter):
            original(bar, *args, **kwargs)

    patches.reroute(base.status_printer, status_printer)
    patches.reroute(base.display, display)
    patches.reroute(base.clear, clear)


def _bars_as_text(notebook: ModuleType, patches: Patches) -> None:
    """In a step a bar is no widget, also where the peer is a kernel: that would live here and show nowhere."""
    widget_bar, text_bar = notebook.tqdm_notebook, notebook.std_tqdm

    def new(cls: type[Any], *args: Any, **kwargs: Any) -> Any:
        if current.get() is None:
            return text_bar.__new__(cls, *args, **kwargs)
        return text_bar(*args, **{k: v for k, v in kwargs.items() if k != "display"})

    patches.attribute(widget_bar, "__new__", staticmethod(new))
