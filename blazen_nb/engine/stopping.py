"""How attempts that are at work are told to stop: politely, then with an exception, then they are left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from blazen_nb.engine.context import Context
from blazen_nb.engine.lane import Lane
from blazen_nb.engine.ticks import Attempt
from blazen_nb.engine.timers import Clock

INTERRUPT_SECONDS = 0.2
"""How long a step that was told to stop may look at ``ctx.cancelled`` before an exception is raised in it."""

AtWork = Mapping[int, tuple[Lane, Context]]
"""The lanes that are at work, and what their steps were given, by attempt ID."""


def abort(
    at_work: AtWork, attempt: Attempt, clock: Clock, never_began: Callable[[], object]
) -> None:
    """Tell the attempt to stop; ``never_began`` is called where no lane has begun it, and none will any more."""
    entry = at_work.get(attempt.attempt_id)
    if entry is None:
        never_began()
        return
    lane, context = entry
    context.mark_cancelled()
    lane.abort(attempt.attempt_id)
    clock.call_later(
        INTERRUPT_SECONDS, partial(_interrupt, at_work, lane, attempt.attempt_id, clock)
    )


def _interrupt(at_work: AtWork, lane: Lane, attempt_id: int, clock: Clock) -> None:
    lane.interrupt(attempt_id)
    # Once is not always enough: what hits a finalizer is swallowed there, and the step goes on.
    if attempt_id in at_work:
        clock.call_later(INTERRUPT_SECONDS, partial(_interrupt, at_work, lane, attempt_id, clock))


def abandon(at_work: AtWork, attempt: Attempt) -> None:
    """Leave it behind; whatever thread it blocks is replaced."""
    entry = at_work.get(attempt.attempt_id)
    if entry is not None:
        entry[0].abandon(attempt.attempt_id)
