"""One run on several peers: a card with one header and a pane for each peer; pure, like the card of a single run."""

from __future__ import annotations

from collections.abc import Sequence

from blazen_nb.render.card import status_text
from blazen_nb.render.devices import devices_line
from blazen_nb.render.failure import failure_band
from blazen_nb.render.icons import StateName, label, pill
from blazen_nb.render.markup import card, esc, fold, head, muted, note
from blazen_nb.render.meters import log_html, output_summary, progress_section
from blazen_nb.render.run_state import RunState
from blazen_nb.render.step_state import StepState
from blazen_nb.render.style import style_tag
from blazen_nb.render.table import calls_text, pick_steps, rest_text
from blazen_nb.render.words import clip, first_line, plural, seconds, short_run

PANE_LINES = 3
_PANE_STEPS = 12
_ORDER: tuple[StateName, ...] = (
    "waiting", "running", "reconnecting", "paused", "queued", "failed", "timed_out", "lost", "cancelled", "detached",
)  # fmt: skip
"""What the whole is called where its runs differ: the first of these that one of them is."""


def live_panes(states: Sequence[RunState], elapsed: Sequence[float]) -> dict[str, str]:
    """The HTML of each part of a live card: head, panes, status.

    Args:
        elapsed: Seconds since each run started, by the reader's clock.
    """
    times = [state.elapsed(now) for state, now in zip(states, elapsed, strict=True)]
    ended = all(state.outcome is not None for state in states)
    return {
        "head": _header(states, times, slot=not ended),
        "panes": _panes(states, times, lines=True),
        "status": f'<div class="bzn-sr" role="status">{esc("; ".join(map(status_text, states)))}</div>',
    }


def static_panes(states: Sequence[RunState]) -> str:
    """The whole card as HTML that needs nothing else: style, folds, no script."""
    times = [state.elapsed(state.last_at) for state in states]
    parts = [style_tag(), _header(states, times, slot=False), _panes(states, times, lines=False)]
    for state in states:
        if state.log.total:
            said = log_html(state, state.log.kept())
            parts.append(fold(f"Output on {state.node_id}", output_summary(state), said))
    return card("".join(parts), f"Run of {states[0].name} on {plural(len(states), 'peer')}")


def state_of_all(states: Sequence[RunState]) -> StateName:
    """The state of the whole: what still goes on, else what went wrong, else succeeded."""
    found = {state.state for state in states}
    return next((each for each in _ORDER if each in found), "succeeded")


def _header(states: Sequence[RunState], times: list[float], *, slot: bool) -> str:
    state, longest = state_of_all(states), max(times)
    about = f"on {', '.join(each.node_id for each in states)}"
    clock = "" if state == "queued" else seconds(longest)
    first = head(pill(state, longest), clip(states[0].name, 80), clip(about, 80), clock, slot=slot)
    facts = "".join(f"<span>{esc(fact)}</span>" for fact in states[0].meta)
    return first + (f'<div class="bzn-meta">{facts}</div>' if facts else "")


def _panes(states: Sequence[RunState], times: list[float], *, lines: bool) -> str:
    panes = (_pane(state, now, lines=lines) for state, now in zip(states, times, strict=True))
    return f'<div class="bzn-panes">{"".join(panes)}</div>'


def _pane(state: RunState, now: float, *, lines: bool) -> str:
    clock = "" if state.state == "queued" else seconds(now)
    top = (
        f'<div class="bzn-pane-h">{label(state.state)} <b>{esc(state.node_id)}</b> '
        f'<span class="bzn-r">{esc(clock)}</span></div>'
    )
    body = [
        top,
        _steps(state, now),
        progress_section(state),
        devices_line(state.devices),
        _band(state),
    ]
    if lines and state.log.total:
        last = state.log.last(PANE_LINES)
        body.append(f'<div class="bzn-inset">{log_html(state, last, rows=PANE_LINES)}</div>')
    run = (
        f'<p class="bzn-m bzn-more">run {esc(short_run(state.run_id))}</p>' if state.run_id else ""
    )
    named = esc(f"Run on {state.node_id}")
    return f'<div class="bzn-pane" role="group" aria-label="{named}">{"".join(body)}{run}</div>'


def _steps(state: RunState, now: float) -> str:
    shown = pick_steps(state, _PANE_STEPS)
    rows = [
        f"<p>{label(state.step_look(step))} {esc(state.step_name(step.step_id))} "
        f"{muted(_facts(state, step, now))}</p>"
        for step in shown
    ]
    rest = rest_text(state, shown)
    return "".join(rows) + (f'<p class="bzn-m">{esc(rest)}</p>' if rest else "")


def _facts(state: RunState, step: StepState, now: float) -> str:
    calls = calls_text(state, step) if state.expected(step) > 1 else ""
    return ", ".join(filter(None, [calls, seconds(step.time(now))]))


def _band(state: RunState) -> str:
    if state.failure is not None and state.outcome is not None:
        return failure_band(state, state.failure, state.outcome, excerpt=False)
    said = [*state.notices, state.message if state.outcome != "succeeded" else ""]
    said += list(state.questions.values())[:3] if state.outcome is None else []
    lines = [f"<p>{esc(first_line(line, 200))}</p>" for line in dict.fromkeys(filter(None, said))]
    return note(state.state, "".join(lines)) if lines else ""
