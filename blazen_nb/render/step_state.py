"""One step's part of a run, folded from its attempts: counts for any number of calls, bars for the first ones."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Literal

from blazen_nb.render.icons import StateName
from blazen_nb.updates import Outcome, StepEnded, StepStarted

BARS_LIMIT = 128
SLOTS_LIMIT = 4
FAILURES_LIMIT = 8
_SAMPLE_LIMIT = 512

BarEnd = Literal["succeeded", "failed", "retrying", "timed_out", "cancelled"]


@dataclass(slots=True)
class Bar:
    """One attempt in the timeline."""

    lane: int
    call: int
    attempt: int
    start: float
    end: float | None = None
    """None while it runs."""
    outcome: BarEnd | None = None


@dataclass(slots=True)
class OpenCall:
    """A call that has not ended; between two attempts it is ``resting``."""

    call: int
    lane: int
    since: float
    attempt: int = 1
    resting: bool = False
    error: str = ""
    """What its last attempt failed with."""


@dataclass(frozen=True, slots=True)
class FailedCall:
    """A call that failed for good."""

    call: int
    attempt: int
    time: float
    error: str


@dataclass(slots=True)
class Sample:
    """Durations, thinned evenly so that any number of calls fits."""

    values: list[float] = field(default_factory=list)
    longest: float = 0.0
    _stride: int = field(default=1, init=False)
    _seen: int = field(default=0, init=False)

    def add(self, value: float) -> None:
        """The sample knows of one more duration."""
        self.longest = max(self.longest, value)
        if self._seen % self._stride == 0:
            self.values.append(value)
            if len(self.values) == _SAMPLE_LIMIT:
                self.values = self.values[::2]
                self._stride *= 2
        self._seen += 1

    @property
    def median(self) -> float | None:
        """The middle duration; None before the first."""
        return sorted(self.values)[len(self.values) // 2] if self.values else None


@dataclass(slots=True)
class StepState:
    """What the pictures need of one step."""

    step_id: str
    accepts: tuple[str, ...] = ()
    emits: tuple[str, ...] = ()
    calls: int = 0
    """Calls started."""
    done: int = 0
    """Calls that ended well."""
    failed: int = 0
    """Calls that failed or timed out for good."""
    timed_out: bool = False
    cancelled: int = 0
    retries: int = 0
    open: dict[int, OpenCall] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)
    crowded: bool = False
    """More attempts than the timeline holds."""
    slots: list[int] = field(default_factory=list)
    """The last call of each lane, at most four: as many rows as ran at once, never fewer again."""
    sample: Sample = field(default_factory=Sample)
    failures: deque[FailedCall] = field(default_factory=lambda: deque(maxlen=FAILURES_LIMIT))
    emitted: Counter[str] = field(default_factory=Counter)
    consumed: Counter[str] = field(default_factory=Counter)
    first_at: float | None = None
    last_at: float = 0.0
    _running_bars: dict[int, Bar] = field(default_factory=dict, init=False)

    def start(self, update: StepStarted) -> None:
        """An attempt runs from here on."""
        entry = self.open.get(update.call)
        if entry is None:
            entry = OpenCall(update.call, self._free_lane(), update.at)
            self.open[update.call] = entry
            self.calls = max(self.calls, update.call)
            self.consumed[update.event_type] += 1
        if update.attempt > 1:
            self.retries += 1
        entry.attempt, entry.resting = update.attempt, False
        self.first_at = update.at if self.first_at is None else self.first_at
        self.last_at = max(self.last_at, update.at)
        self._take_slot(entry)
        if len(self.bars) < BARS_LIMIT:
            bar = Bar(entry.lane, update.call, update.attempt, update.at)
            self.bars.append(bar)
            self._running_bars[update.call] = bar
        else:
            self.crowded = True

    def end(self, update: StepEnded) -> None:
        """The attempt ended; the call with it, unless it is tried again."""
        self.last_at = max(self.last_at, update.at)
        self._close_bar(update.call, update.at, update.outcome)
        if update.outcome == "retrying":
            entry = self.open.get(update.call)
            if entry is not None:
                entry.resting, entry.error = True, update.error
            return
        entry = self.open.pop(update.call, None)
        self.calls = max(self.calls, update.call)
        self.emitted.update(update.emitted)
        if update.outcome == "succeeded":
            self.done += 1
            self.sample.add(update.duration)
        elif update.outcome == "cancelled":
            self.cancelled += 1
        else:
            self.failed += 1
            self.timed_out = update.outcome == "timed_out"
            time = update.at - entry.since if entry else update.duration
            self.failures.append(FailedCall(update.call, update.attempt, time, update.error))

    def interrupted(self) -> None:
        """The peer was restarted: what was in flight begins again, as a later attempt of the same call."""
        for call, entry in self.open.items():
            self._close_bar(call, self.last_at, "retrying")
            entry.resting = True

    def close(self, at: float) -> None:
        """The run ended: what was still open ended with it."""
        for call in list(self.open):
            self._close_bar(call, at, "cancelled")
            self.cancelled += 1
            self.last_at = max(self.last_at, at)
        self.open.clear()

    def time(self, now: float) -> float | None:
        """Seconds from the first start to the last end, to ``now`` while it runs; None before it started."""
        if self.first_at is None:
            return None
        return max(now if self.open else 0.0, self.last_at) - self.first_at

    def state(self, expected: int, run: Outcome | None) -> StateName:
        """The step as a whole; ``expected`` is how many calls its events ask for, ``run`` how the run ended."""
        if self.open:
            resting = all(entry.resting for entry in self.open.values())
            again = self.calls == 1 and any(entry.attempt > 1 for entry in self.open.values())
            return "retrying" if resting or again else "running"
        if self.failed:
            return "timed_out" if self.timed_out else "failed"
        if not self.calls:
            return "skipped" if run else "queued"
        if self.cancelled or (run not in (None, "succeeded") and self.done < expected):
            return "cancelled"
        return "running" if run is None and self.done < expected else "succeeded"

    def _free_lane(self) -> int:
        taken = {entry.lane for entry in self.open.values()}
        return next(lane for lane in range(len(taken) + 1) if lane not in taken)

    def _take_slot(self, entry: OpenCall) -> None:
        if entry.lane < len(self.slots):
            self.slots[entry.lane] = entry.call
        elif entry.lane < SLOTS_LIMIT:
            self.slots.append(entry.call)

    def _close_bar(self, call: int, at: float, outcome: BarEnd) -> None:
        bar = self._running_bars.pop(call, None)
        if bar is not None:
            bar.end, bar.outcome = at, outcome
