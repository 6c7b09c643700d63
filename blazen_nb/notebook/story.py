"""A run as its cell tells it: one state for the picture, the cell's outputs for the rest; waits for nothing."""

from __future__ import annotations

import time

from blazen_nb.notebook.cell_output import CellOutput
from blazen_nb.notebook.device_watch import DeviceWatch
from blazen_nb.notebook.view import View
from blazen_nb.render.run_state import CELL_STEP, RunState
from blazen_nb.updates import Displayed, InputRequested, Output, OutputCut, Update


class Story:
    """What becomes of a run's updates.

    Args:
        output: The outputs of the running cell; None where there is none to print into, and all shows in the card.
        where: Where printed lines go: ``auto``, ``cell`` or ``card``.
        devices: Learns how busy the peer is; None where nothing shows it.
    """

    def __init__(
        self,
        state: RunState,
        output: CellOutput | None,
        view: View,
        where: str = "auto",
        devices: DeviceWatch | None = None,
    ) -> None:
        self.state = state
        self._output = output
        self._view = view
        self._where = where
        self._devices = devices

    def begin(self) -> None:
        """The cell shows that its run is about to start."""
        self._view.open()

    def take(self, update: Update) -> None:
        """The update is in the picture or in the cell's outputs."""
        self._look_at_devices()
        came_back = self.state.broken_at is not None
        self.state.broken_at = None
        if self._is_printed(update):
            # Else the picture of a cell that prints without a pause would stand still.
            self._view.refresh(changed=came_back)
            return
        self.state.apply(update)
        if isinstance(update, InputRequested):
            self._view.asked(self.state, update)
        self._view.refresh()

    def _is_printed(self, update: Update) -> bool:
        """Whether the update is in the cell's outputs and not in the picture."""
        output = self._output
        if output is None:
            return False
        match update:
            case Output() if not self._in_card(update.step_id):
                output.write(update)
                return True
            case OutputCut() if not self._in_card(update.step_id):
                output.cut(update)
                return True
            case Displayed():
                output.show(update)
        return False

    def idle(self, broken_since: float | None = None) -> None:
        """Nothing came for a moment.

        Args:
            broken_since: ``time.monotonic()`` when the connection broke, where it has and may come back.
        """
        if (broken_since is None) != (self.state.broken_at is None):
            away = 0.0 if broken_since is None else time.monotonic() - broken_since
            self.state.broken_at = None if broken_since is None else time.time() - away
        self._look_at_devices()
        if self._output is not None:
            self._output.flush()
        self._view.refresh(changed=False)

    def _look_at_devices(self) -> None:
        if self._devices is not None:
            self._devices.look()

    def _in_card(self, step_id: str) -> bool:
        if not self._view.shows_output or self._where == "cell":
            return False
        return self._where == "card" or step_id != CELL_STEP
