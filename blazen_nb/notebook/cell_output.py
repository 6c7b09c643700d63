"""Where a remote cell's prints and displays appear: in the cell, as if it had run here; knows no run and no peer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from blazen_nb.notebook.front_end import publish
from blazen_nb.render.words import short_run
from blazen_nb.updates import Displayed, Output, OutputCut


class CellOutput:
    """The running cell's streams and displays, written by the cell's own thread only.

    Output of another thread lands in whichever cell runs at that moment.

    Args:
        shell: The IPython shell.
        after_clear: Called once the cell's outputs were cleared.
    """

    def __init__(self, shell: Any, after_clear: Callable[[], None]) -> None:
        self._shell = shell
        self._after_clear = after_clear
        self._clear_waits = False
        self._stream = ""

    def write(self, output: Output) -> None:
        """What the update says is in the cell's stream; log lines go where logging writes, to stderr."""
        self._clear_if_waiting()
        name = "stdout" if output.stream == "stdout" else "stderr"
        if name != self._stream:
            self.flush()  # each stream has a buffer of its own, and the order is told by what is sent first
            self._stream = name
        getattr(sys, name).write(output.text)

    def cut(self, cut: OutputCut) -> None:
        """The cell says how much is missing here."""
        amount = f"{cut.lines:,} lines" if cut.lines > 1 else f"{cut.characters:,} characters"
        log = f"%blazen_attach {short_run(cut.run_id)} --log FILE"
        self.flush()
        sys.stderr.write(
            f"\n[{amount} of output left out: too fast to show; {log} saves all of it]\n"
        )

    def show(self, shown: Displayed) -> None:
        """The display, its update, or the clear has happened in the cell."""
        if shown.action == "clear":
            self._clear(wait=shown.wait)
            return
        self._clear_if_waiting()
        self.flush()
        publish(
            shown.data,
            shown.metadata,
            display_id=shown.display_id,
            update=shown.action == "update",
        )

    def flush(self) -> None:
        """What was written so far is on its way to the front end."""
        sys.stdout.flush()
        sys.stderr.flush()

    def _clear(self, *, wait: bool) -> None:
        # The front end would take the next output of this cell for the awaited one, even the card's.
        self._clear_waits = wait
        if not wait:
            self._clear_now(wait=False)

    def _clear_if_waiting(self) -> None:
        if self._clear_waits:
            self._clear_waits = False
            self._clear_now(wait=True)

    def _clear_now(self, *, wait: bool) -> None:
        self.flush()
        self._shell.display_pub.clear_output(wait=wait)
        self._after_clear()
