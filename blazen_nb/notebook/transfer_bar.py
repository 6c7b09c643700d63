"""The bar of a value that takes long between this kernel and a peer, as an output of the cell that waits for it."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

from blazen_nb.client.transfer_progress import Progress
from blazen_nb.notebook.front_end import publish
from blazen_nb.render.static import is_static
from blazen_nb.render.transfer import transfer_html

SHOWN_AFTER = 0.5
"""Seconds; a bar that flashes by says nothing."""


def show_transfer(progress: Progress) -> TransferBar | None:
    """The bar of a transfer; None where none is to be seen."""
    # What another thread publishes lands in whichever cell runs at that moment.
    if is_static() or threading.current_thread() is not threading.main_thread():
        return None
    return TransferBar(progress)


class TransferBar:
    """Shows nothing before half a second has passed."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._began = time.monotonic()
        self._display_id = ""

    def update(self) -> None:
        """See Shown."""
        if time.monotonic() - self._began >= SHOWN_AFTER and self._progress.total:
            self._publish(has_ended=False)

    def end(self) -> None:
        """See Shown: what stays is how much came, and how fast."""
        if self._display_id:
            self._publish(has_ended=True)

    def _publish(self, *, has_ended: bool) -> None:
        progress, taken = self._progress, time.monotonic() - self._began
        html = transfer_html(
            progress.name, progress.done, progress.total, taken, has_ended=has_ended
        )
        is_shown = bool(self._display_id)
        self._display_id = self._display_id or f"blazen-transfer-{uuid4().hex}"
        data = {"text/html": html, "text/plain": progress.name}
        publish(data, display_id=self._display_id, update=is_shown)
