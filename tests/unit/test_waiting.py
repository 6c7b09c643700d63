"""An interrupted cell that waits for a run: whether the run is told to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from blazen_nb.notebook.story import Story
from blazen_nb.notebook.view import NoView
from blazen_nb.notebook.wait import Watched, wait_for_ends
from blazen_nb.render.run_state import RunState


class Interrupted:
    """The handle of a run that tells nothing and never ends; the first wait for it is interrupted."""

    run_id = "0a1b2c3d-run"
    outcome = broken_since = None
    is_over = False

    def __init__(self) -> None:
        self.told: list[str] = []
        self._waits = 0

    def next_update(self, seconds: float) -> None:
        self._waits += 1
        if self._waits == 1:
            raise KeyboardInterrupt

    def cancel(self) -> None:
        self.told.append("cancel")

    def detach(self) -> None:
        self.told.append("detach")


def waited(is_leaving: Callable[[], bool]) -> tuple[list[str], str, RunState]:
    """What the run was told, what the cell says, and the state that its card shows."""
    handle: Any = Interrupted()
    state = RunState(run_id=handle.run_id, node_id="gpu0")
    with pytest.raises(KeyboardInterrupt) as caught:
        wait_for_ends([Watched(handle, Story(state, None, NoView([])))], is_leaving)
    return handle.told, str(caught.value), state


def test_a_kernel_that_ends_leaves_the_run_alone() -> None:
    told, said, state = waited(lambda: True)
    assert told == ["detach"]
    assert "run 0a1b2c3d-run on gpu0 goes on; %blazen_attach 0a1b2c" in said
    assert state.state == "detached"


def test_a_second_interrupt_that_comes_at_once_still_has_the_run_told_to_end() -> None:
    def pressed_again() -> bool:
        raise KeyboardInterrupt

    told, said, _ = waited(pressed_again)
    assert told == ["cancel", "detach"]
    assert "was told to end" in said


def test_an_interrupt_alone_has_the_run_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blazen_nb.notebook.wait.LAST_WORDS_SECONDS", 0.0)
    told, said, _ = waited(lambda: False)
    assert told == ["cancel", "detach"]
    assert "was told to end" in said
