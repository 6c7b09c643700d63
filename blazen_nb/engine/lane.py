"""What a run asks of the lanes that run its attempts, and of the host that gives it lanes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from blazen_nb.engine.step import Step
from blazen_nb.engine.ticks import Attempt

if TYPE_CHECKING:
    from blazen_nb.engine.run import Run


class Lane(Protocol):
    """What runs attempts one after the other: a task or a worker thread."""

    def keeps(self, step: Step) -> bool:
        """Whether this lane can go on with the step itself."""

    def abort(self, attempt_id: int) -> None:
        """Tell the attempt to stop, if it is still the one that runs."""

    def interrupt(self, attempt_id: int) -> None:
        """Raise an exception in it, if it is still the one that runs."""

    def making_room(self) -> AbstractContextManager[object]:
        """Within the block its attempt only waits, on whatever thread: others may run in place of its own."""

    def abandon(self, attempt_id: int) -> None:
        """Leave it behind and replace the thread that it holds."""


class LaneHost(Protocol):
    """Gives attempts lanes."""

    def spawn(self, run: Run, attempts: Sequence[Attempt]) -> None:
        """Have each of them run in a lane of its own, soon; from any thread."""
