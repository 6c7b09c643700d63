"""The cell waits for its run: updates in, picture and outputs forth, an interrupt cancels; ships nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from blazen_nb.notebook.cell_output import CellOutput
from blazen_nb.notebook.shown_errors import interrupt
from blazen_nb.notebook.view import View
from blazen_nb.render.run_state import CELL_STEP, RunState
from blazen_nb.updates import Displayed, Ended, InputRequested, Output, OutputCut, Update

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.sync_handle import RunHandle

POLL_SECONDS = 0.1
LAST_WORDS_SECONDS = 5.0
"""How long an interrupted cell waits for the run's end."""


class Story:
    """A run as its cell tells it: one state for the picture, the cell's outputs for the rest."""

    def __init__(self, state: RunState, output: CellOutput, view: View) -> None:
        self.state = state
        self._output = output
        self._view = view

    def begin(self) -> None:
        """The cell shows that its run is about to start."""
        self._view.open()

    def take(self, update: Update) -> None:
        """The update is in the picture or in the cell's outputs."""
        match update:
            case Output() if not self._in_card(update.step_id):
                self._output.write(update)
                return
            case OutputCut() if not self._in_card(update.step_id):
                self._output.cut(update)
                return
            case Displayed():
                self._output.show(update)
        self.state.apply(update)
        if isinstance(update, InputRequested):
            self._view.asked(update)
        self._view.refresh()

    def idle(self) -> None:
        """Nothing came for a moment."""
        self._output.flush()
        self._view.refresh(changed=False)

    def _in_card(self, step_id: str) -> bool:
        # A cell's top level prints into the cell; its steps do where there is no card for them.
        return self._view.prints_in_card and step_id != CELL_STEP


def wait_for_end(handle: RunHandle, story: Story) -> None:
    """Return once the run has ended, however it did.

    The first interrupt cancels the run and waits a little for its end, a second one leaves at once.

    Raises:
        KeyboardInterrupt: It was interrupted; the cells queued behind this one must not run.
    """
    try:
        story.begin()
        _follow(handle, story, deadline=None)
    except KeyboardInterrupt:
        raise _cancelled(handle, story) from None
    except Exception:
        # Of the front end, such as one that cannot ask. Nobody would wait for the run any more.
        handle.cancel()
        raise


def _follow(handle: RunHandle, story: Story, *, deadline: float | None) -> bool:
    """Tell the story to its end; False where the deadline came first."""
    while True:
        update = handle.next_update(POLL_SECONDS)
        if update is not None:
            story.take(update)
            if isinstance(update, Ended):
                return True
        elif handle.outcome is not None:
            return True  # the connection broke: there will be no last word
        else:
            story.idle()
        if deadline is not None and time.monotonic() > deadline:
            return False


def _cancelled(handle: RunHandle, story: Story) -> KeyboardInterrupt:
    """The run is told to end; the interrupt to raise says what became of it."""
    state = story.state
    try:
        handle.cancel()
        state.notice = "Interrupted: cancelling the run on the peer"
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        ended = _follow(handle, story, deadline=deadline)
    except KeyboardInterrupt:
        ended = False
    where = f"on {state.node_id}" if state.node_id else "on its peer"
    if ended:
        state.notice = "Interrupted from the notebook"
        said = f"the run {where} ended: {(handle.outcome or state.outcome or 'cancelled').replace('_', ' ')}"
    else:
        state.live = "detached"
        state.notice = f"Left before its end was confirmed; run {handle.run_id}"
        said = (
            f"run {handle.run_id} was told to end, and {where} it has not confirmed that yet; "
            "the peer's log and describe() name it by this ID"
        )
    return interrupt(said)
