"""The steps of a run as a table: one row a step with a timeline, or with counts where there are many calls."""

from __future__ import annotations

import math
from collections.abc import Iterable

from blazen_nb.events import START
from blazen_nb.render.icons import LOOKS, StateName, label
from blazen_nb.render.markup import esc, row, section, table
from blazen_nb.render.run_state import RunState
from blazen_nb.render.step_state import SLOTS_LIMIT, Bar, StepState
from blazen_nb.render.words import clip, first_line, plural, seconds, short_type

ROWS_LIMIT = 40
LOOK_LIMIT = 8
_MANY_CALLS = 32
_AXIS_ENDS = (1, 2, 4, 8, 12, 20, 30, 40, 60, 90, 120, 180, 240, 360, 480, 600)
_CENTRE = 13.5
"""Middle of a timeline that is 27 units high."""
_URGENT = ("failed", "timed_out", "retrying", "waiting", "running")


def steps_section(state: RunState, now: float, *, slots: bool) -> str:
    """The table as sections of the card; ``slots`` adds a row for each call that runs, for live pictures."""
    steps = state.shown_steps
    if not steps:
        return ""
    shown = pick_steps(state, ROWS_LIMIT)
    rest = rest_text(state, shown)
    more = f'<p class="bzn-m bzn-more">{esc(rest)}</p>' if rest else ""
    if any(step.crowded or state.expected(step) > _MANY_CALLS for step in steps):
        return section(_counts_table(state, shown) + more) + _look_section(state, steps, now)
    return section(_time_table(state, shown, now, slots=slots) + more)


def pick_steps(state: RunState, limit: int) -> list[StepState]:
    """At most ``limit`` steps in graph order: all, or the ones that need a look and then the first."""
    steps = state.shown_steps
    if len(steps) <= limit:
        return steps
    urgent = [step for step in steps if state.step_look(step) in _URGENT]
    chosen = {step.step_id: None for step in urgent} | {step.step_id: None for step in steps}
    kept = set(list(chosen)[:limit])
    return [step for step in steps if step.step_id in kept]


def rest_text(state: RunState, shown: list[StepState]) -> str:
    """``and 960 more steps: 900 succeeded, 60 queued``; empty where all are shown."""
    here = {step.step_id for step in shown}
    rest = [step for step in state.shown_steps if step.step_id not in here]
    if not rest:
        return ""
    counts: dict[str, int] = {}
    for step in rest:
        word = LOOKS[state.step_look(step)].word.lower()
        counts[word] = counts.get(word, 0) + 1
    return f"and {plural(len(rest), 'more step')}: " + ", ".join(
        f"{count:,} {word}" for word, count in counts.items()
    )


def axis_end(elapsed: float) -> float:
    """A round end of the time axis: it stays put for a while instead of moving with every update."""
    for end in _AXIS_ENDS:
        if elapsed <= end:
            return end
    return math.ceil(elapsed / 600) * 600


def calls_text(state: RunState, step: StepState) -> str:
    """``5 of 8`` for a fan-out, else the number of calls that ended well."""
    expected = state.expected(step)
    return f"{step.done:,} of {expected:,}" if expected > 1 else f"{step.done}"


def _time_table(state: RunState, steps: list[StepState], now: float, *, slots: bool) -> str:
    elapsed = state.elapsed(now)
    end = axis_end(elapsed)
    many = any(state.expected(step) > 1 or step.retries for step in steps)
    heads = [("Step", "128px", ""), ("State", "148px", "")]
    if many:
        heads += [("Calls", "84px", "r"), ("Retries", "64px", "r bzn-x")]
    heads += [("Time", "76px", "r"), (_axis(end), "", "l")]
    rows = []
    for step in steps:
        rows.append(_step_row(state, step, elapsed, end, many=many))
        if slots and state.outcome is None and state.expected(step) > 1:
            rows += _slot_rows(step, elapsed, end, many=many)
    return table("Steps", heads, rows)


def _step_row(state: RunState, step: StepState, now: float, end: float, *, many: bool) -> str:
    look = state.step_look(step)
    cells = [(label(look, _state_text(state, step, look), now), "")]
    if many:
        cells += [
            (calls_text(state, step), "r"),
            (f"{step.retries:,}", "r bzn-x" if step.retries else "r z bzn-x"),
        ]
    cells += [(seconds(step.time(now)), "r"), (_track(step.bars, now, end), "l")]
    return row(state.step_name(step.step_id), cells)


def _state_text(state: RunState, step: StepState, look: StateName) -> str:
    if look == "queued" and not state.expected(step):
        waits = [short_type(event_type) for event_type in step.accepts if event_type != START]
        return clip("Waits for " + " or ".join(waits), 40) if waits else ""
    if look == "retrying" and len(step.open) == 1:
        entry = next(iter(step.open.values()))
        return "" if entry.resting else f"Attempt {entry.attempt}"
    return ""


def _slot_rows(step: StepState, now: float, end: float, *, many: bool) -> list[str]:
    rows = []
    for call in step.slots[:SLOTS_LIMIT]:
        bars = [bar for bar in step.bars if bar.call == call]
        entry = step.open.get(call)
        if entry is None:
            outcome = bars[-1].outcome if bars else None
            look: StateName = outcome or "succeeded"
            cells = [(label(look, "", now), "")]
            time = (bars[-1].end or now) - bars[0].start if bars else None
        else:
            text = f"Attempt {entry.attempt}" if entry.attempt > 1 and not entry.resting else ""
            look = "retrying" if entry.resting or entry.attempt > 1 else "running"
            cells = [(label(look, text, now), "")]
            time = now - entry.since
        cells += [("", ""), ("", "bzn-x")] if many else []
        cells += [(seconds(time), "r"), (_track(bars, now, end, lanes=1), "l")]
        rows.append(row(f"call {call:,}", cells, "sub"))
    return rows


def _axis(end: float) -> str:
    """Labels by the style sheet: where that is stripped, no stray numbers are left in the head."""
    ticks = [f"{value:g} s" if end <= 60 else seconds(value) for value in (end / 2, end)]
    spans = "".join(f'<span data-l="{tick}"></span>' for tick in ("0", *ticks))
    return f'<span class="bzn-ax" aria-hidden="true">{spans}</span>'


def _track(bars: Iterable[Bar], now: float, end: float, lanes: int = SLOTS_LIMIT) -> str:
    """The attempts as bars, one path a tone; lanes show what ran at once, a failed attempt ends in an upright tick."""
    bars = list(bars)
    count = min(lanes, max((bar.lane for bar in bars), default=0) + 1)
    thick = {1: 8, 2: 6, 3: 4, 4: 3}[count]
    paths: dict[str, str] = {}
    ticks = ""
    for bar in bars:
        y = _CENTRE + (bar.lane % count - (count - 1) / 2) * (thick + 2)
        x0 = 1000 * bar.start / end
        x1 = min(1000.0, 1000 * (now if bar.end is None else bar.end) / end)
        tone = _bar_tone(bar)
        paths[tone] = paths.get(tone, "") + f"M{x0:.0f} {y:.1f}h{max(3.0, x1 - x0):.0f}"
        if tone == "bad":
            ticks += f"M{max(x1, x0 + 3) - 1:.0f} {y - 6:.1f}v12"
    drawn = "".join(
        f'<path class="bzn-{tone}" d="{path}" stroke-width="{thick}"/>'
        for tone, path in paths.items()
    )
    drawn += f'<path class="bzn-bad" d="{ticks}" stroke-width="3"/>' if ticks else ""
    return f'<svg class="bzn-tl" viewBox="0 0 1000 27" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'


def _bar_tone(bar: Bar) -> str:
    if bar.outcome is None:
        return "warn" if bar.attempt > 1 else "run"
    return "bad" if bar.outcome == "retrying" else LOOKS[bar.outcome].tone


def _counts_table(state: RunState, steps: list[StepState]) -> str:
    heads = [("Step", "128px", "")]
    heads += [(title, "62px", "r") for title in ("Done", "Running", "Queued", "Failed")]
    heads += [("Median", "72px", "r"), ("Longest", "72px", "r bzn-x"), ("Share", "", "s")]
    rows = []
    for step in steps:
        running = len(step.open)
        left = state.expected(step) - step.done - step.failed - step.cancelled - running
        counts = (step.done, running, max(0, left), step.failed)
        cells = [(f"{count:,}", "r" if count else "r z") for count in counts]
        cells += [
            (seconds(step.sample.median), "r"),
            (seconds(step.sample.longest or None), "r bzn-x"),
        ]
        cells.append(
            (_share_bar(step.done, step.failed, step.cancelled, running, max(0, left)), "s")
        )
        rows.append(row(state.step_name(step.step_id), cells))
    return table("Steps", heads, rows)


def _share_bar(succeeded: int, failed: int, cancelled: int, running: int, left: int) -> str:
    """Calls by state; one call among a thousand is still wide enough to be seen."""
    counts = {
        "bzn-ok": succeeded,
        "bzn-bad": failed,
        "bzn-idle": cancelled,
        "bzn-run": running,
        "rest": left,
    }
    parts = [(kind, count) for kind, count in counts.items() if count]
    total = sum(count for _, count in parts)
    x, drawn, least = 0.0, "", 9.0
    for kind, count in parts:
        width = least + (1000 - least * len(parts)) * count / total
        drawn += f'<path class="{kind}" d="M{x:.0f} 3h{width:.0f}" stroke-width="6"/>'
        x += width
    return f'<svg class="bzn-share" viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'


_LookRow = tuple[str, StateName, str, float, str]
"""A call, its state, words for the state, its time so far, and why it is listed."""


def _look_section(state: RunState, steps: list[StepState], now: float) -> str:
    """The calls that need a look: failed, then tried again, then the ones that have run longest."""
    rows = _look_rows(state, steps, state.elapsed(now))[:LOOK_LIMIT]
    if not rows:
        return ""
    lines = [
        row(
            name,
            [
                (label(look, text, now), ""),
                (seconds(time), "r"),
                (esc(first_line(why, 160)), "z s"),
            ],
        )
        for name, look, text, time, why in rows
    ]
    heads = [("Call", "128px", ""), ("State", "152px", ""), ("Time", "72px", "r"), ("Why", "", "s")]
    failed, running = sum(step.failed for step in steps), sum(len(step.open) for step in steps)
    shown = ", ".join(
        f"{count:,} {word}" for count, word in ((failed, "failed"), (running, "running")) if count
    )
    return section(table("Calls that need a look", heads, lines), "Running and failed", shown)


def _look_rows(state: RunState, steps: list[StepState], elapsed: float) -> list[_LookRow]:
    failed: list[_LookRow] = []
    again: list[_LookRow] = []
    late: list[_LookRow] = []
    for step in steps:
        name = state.step_name(step.step_id)
        bad: StateName = "timed_out" if step.timed_out else "failed"
        failed += [
            (f"{name} {call.call:,}", bad, "", call.time, call.error) for call in step.failures
        ]
        for entry in step.open.values():
            who, time = f"{name} {entry.call:,}", elapsed - entry.since
            if entry.attempt > 1 or entry.resting:
                text = "" if entry.resting else f"Attempt {entry.attempt}"
                again.append((who, "retrying", text, time, entry.error))
            else:
                late.append((who, "running", "", time, "longest now"))
    late.sort(key=lambda found: -found[3])
    return [*failed, *again, *late[:2]]
