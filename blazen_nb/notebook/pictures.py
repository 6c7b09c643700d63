"""What a view draws: one run, or one on several peers; the parts of a live card, and the bundle that stays."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from blazen_nb.render.card import live_parts, static_card
from blazen_nb.render.panes import live_panes, static_panes
from blazen_nb.render.run_state import RunState
from blazen_nb.render.text import stable_text, terminal_text


class Picture(Protocol):
    """What a view draws."""

    def parts(self) -> dict[str, str]:
        """The HTML of each part of the live card, as things are now."""

    def final(self) -> dict[str, Any]:
        """The bundle that stays, as things are now."""

    def stable(self) -> dict[str, Any]:
        """The bundle that is the same at every execution."""


class _Watch:
    """Seconds since a run started, by this kernel's clock: the peer's may differ."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._began: float | None = None

    def elapsed(self) -> float:
        now = time.monotonic()
        if self._began is None and self._state.started_at is not None:
            # A run that was started long ago: what its updates say of its age is the best there is.
            self._began = now - self._state.last_at
        return 0.0 if self._began is None else now - self._began


class RunPicture:
    """One run.

    Args:
        output: Whether its printed lines are part of the picture; None: those of a workflow's steps.
        excerpt: Whether the lines that failed are; else they are left to the cell's own error output.
    """

    def __init__(self, state: RunState, *, output: bool | None, excerpt: bool) -> None:
        self._state = state
        self._output = output
        self._excerpt = excerpt
        self._watch = _Watch(state)

    def parts(self) -> dict[str, str]:
        """See Picture."""
        return live_parts(self._state, self._watch.elapsed(), output=self._output)

    def final(self) -> dict[str, Any]:
        """See Picture."""
        html = static_card(self._state, excerpt=self._excerpt, output=self._output)
        return {"text/html": html, "text/plain": terminal_text(self._state)}

    def stable(self) -> dict[str, Any]:
        """See Picture."""
        return {"text/plain": stable_text(self._state)}


class PanesPicture:
    """One run on each of several peers."""

    def __init__(self, states: Sequence[RunState]) -> None:
        self._states = states
        self._watches = [_Watch(state) for state in states]

    def parts(self) -> dict[str, str]:
        """See Picture."""
        return live_panes(self._states, [watch.elapsed() for watch in self._watches])

    def final(self) -> dict[str, Any]:
        """See Picture."""
        text = "\n".join(terminal_text(state) for state in self._states)
        return {"text/html": static_panes(self._states), "text/plain": text}

    def stable(self) -> dict[str, Any]:
        """See Picture."""
        return {"text/plain": "\n".join(stable_text(state) for state in self._states)}
