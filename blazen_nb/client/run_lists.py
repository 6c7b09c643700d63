"""Which of the runs that a peer knows a caller means: by state, name and time, or by how an ID starts; asks nobody."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias, get_args

from blazen_nb.errors import ValidationError
from blazen_nb.updates import LiveState, Outcome
from blazen_nb.wire.v1 import kernel_pb2 as pb

State: TypeAlias = Literal[LiveState, Outcome]
"""What a run does, or how it ended."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
STATES: tuple[State, ...] = (*get_args(LiveState), *get_args(Outcome))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """A run that a peer knows, running or ended."""

    run_id: str
    workflow_name: str
    """Of a cell: its label, ``cell [3]``."""
    state: State
    started_at: float
    """The peer's wall clock, seconds since the epoch."""
    duration: float
    """Seconds, until now where it runs."""
    client: str = ""
    """Who started it, by its own name."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it runs, waits or is queued any more."""
        return self.state in get_args(Outcome)


Wanted: TypeAlias = Callable[[RunInfo], bool]


def wanted(
    state: str | Collection[str] | None = None,
    workflow: str | None = None,
    since: datetime | timedelta | None = None,
    *,
    now: Callable[[], float] = time.time,
) -> Wanted:
    """Whether a run is one of those that are asked for; what is None does not matter.

    Args:
        state: In one of these states.
        workflow: Of exactly this name.
        since: Started then or later; a timedelta is back from now.

    Raises:
        ValidationError: There is no such state.
    """
    states = {state} if isinstance(state, str) else set(state or STATES)
    for unknown in sorted(states - set(STATES)):
        raise ValidationError(f"a run is never {unknown!r}; it is one of {', '.join(STATES)}")
    earliest = moment_of(since, now)
    return lambda run: (
        run.state in states and workflow in (None, run.workflow_name) and run.started_at >= earliest
    )


def moment_of(since: datetime | timedelta | None, now: Callable[[], float] = time.time) -> float:
    """The moment in seconds since the epoch; a timedelta is back from now, and None is before everything.

    Raises:
        ValidationError: It is none of these.
    """
    match since:
        case None:
            return float("-inf")
        case timedelta():
            return now() - since.total_seconds()
        case datetime():
            return since.timestamp()
    raise ValidationError(f"since is a datetime or a timedelta, not {since!r}")


def since_of(text: str) -> datetime | timedelta:
    """``90s``, ``15m``, ``2h`` or ``3d`` ago, or a date and time as ISO 8601 has it, without a zone this machine's.

    Raises:
        ValidationError: It is neither.
    """
    unit = _UNITS.get(text[-1:])
    try:
        return timedelta(**{unit: float(text[:-1])}) if unit else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValidationError(
            f"{text!r} is no time: 90s, 15m, 2h or 3d (ago), or 2026-01-31T12:00"
        ) from None


def runs_of(listed: pb.RunList) -> list[RunInfo]:
    """The runs in a peer's answer; keys that this version does not know are left out."""
    known = RunInfo.__dataclass_fields__
    said: list[dict[str, Any]] = json.loads(listed.json)
    return [RunInfo(**{key: run[key] for key in run if key in known}) for run in said]


def is_whole_id(run_id: str) -> bool:
    """Whether it is a run's ID, and not only how one starts."""
    return isinstance(run_id, str) and len(run_id.replace("-", "")) == 32


def the_one(start: str, runs: Iterable[RunInfo]) -> str:
    """The ID of the only run whose ID starts like this.

    Raises:
        ValidationError: There is none, or more than one.
    """
    found = [run.run_id for run in runs if run.run_id.startswith(start)] if start else []
    if len(found) != 1:
        many = "more than one run starts" if found else "no run starts"
        raise ValidationError(
            f"{many} with {start!r}; runs(), %blazen_runs and blazen-nb runs list them"
        )
    return found[0]
