"""What stands between what happens in a run and its rules, where all that happens is kept first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from blazen_nb.engine.state import StateNamespace
from blazen_nb.engine.ticks import Tick

if TYPE_CHECKING:
    from blazen_nb.engine.run import Run


class Gate(Protocol):
    """Keeps the ticks of one run before it applies them."""

    @property
    def store(self) -> StateNamespace:
        """The state that the run's steps share."""

    def holds(self, run: Run, tick: Tick) -> bool:
        """Whether the tick has to wait; ``run.feed(tick, kept=True)`` follows once it is kept, from any thread.

        Ticks that were held are fed one at a time and in the order in which they came.
        """
