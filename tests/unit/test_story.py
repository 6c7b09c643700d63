"""What becomes of a run's updates in its cell: the picture goes on while the run prints."""

from __future__ import annotations

import time
from typing import Any

from blazen_nb.notebook.story import Story
from blazen_nb.render.run_state import CELL_STEP, RunState
from blazen_nb.updates import Output


class Seen:
    """A view and a cell's outputs that remember what they were told."""

    shows_output = True

    def __init__(self) -> None:
        self.refreshed: list[bool] = []
        self.written: list[str] = []

    def refresh(self, *, changed: bool = True) -> None:
        self.refreshed.append(changed)

    def write(self, update: Output) -> None:
        self.written.append(update.text)

    def flush(self) -> None:
        """Nothing is held back."""


def line(seq: int) -> Output:
    return Output(run_id="r", seq=seq, step_id=CELL_STEP, call=1, stream="stdout", text=f"{seq}\n")


def test_the_picture_is_looked_at_with_every_line_and_says_that_the_connection_is_back() -> None:
    state, seen = RunState(node_id="gpu0"), Seen()
    output: Any = seen
    view: Any = seen
    story = Story(state, output, view)
    story.take(line(1))
    story.idle(time.monotonic())
    assert state.state == "reconnecting"
    story.take(line(2))
    story.take(line(3))
    assert state.broken_at is None
    assert seen.written == ["1\n", "2\n", "3\n"]
    assert seen.refreshed == [False, False, True, False]
