"""How a magic's error looks in its cell: a few lines without the frames of this package; raises nothing."""

from __future__ import annotations

from functools import partial
from typing import Any

from blazen_nb.errors import BlazenError, ValidationError


class CellSyntaxError(ValidationError):
    """A syntax error in a cell that was to run on a peer, with the lines in which IPython shows it."""

    lines: list[str]

    def _brief_lines(self) -> list[str]:
        return self.lines


def shown(error: BlazenError) -> BlazenError:
    """The same error; IPython shows its message, or the peer's traceback, and no frames of this kernel."""
    error.shown_briefly = True
    return error


def syntax_error(error: SyntaxError, label: str, shell: Any) -> ValidationError:
    """A cell's syntax error as IPython shows one: a SyntaxError itself would bring frames of this package."""
    said = CellSyntaxError(f"{error.msg} ({label}, line {error.lineno}); nothing was sent")
    said.lines = list(shell.SyntaxTB.structured_traceback(type(error), error, []))
    return said


def interrupt(message: str) -> KeyboardInterrupt:
    """A KeyboardInterrupt that IPython shows in one line."""
    error = KeyboardInterrupt(message)
    lines = [f"KeyboardInterrupt: {message}"]
    error._render_traceback_ = partial(list, lines)  # type: ignore[attr-defined]  # IPython asks for it
    return error


def shown_interrupt(error: KeyboardInterrupt) -> KeyboardInterrupt:
    """The interrupt as IPython is to show it; one that says nothing yet came before the cell waited for its run."""
    if hasattr(error, "_render_traceback_"):
        return error
    return interrupt("no run was waited for yet; one that had been sent was told to end")
