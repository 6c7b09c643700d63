"""The run card: parts for a live view, and one complete piece of HTML for what is saved; no script, no ids."""

from __future__ import annotations

import time

from blazen_nb.render.devices import devices_fold, devices_section
from blazen_nb.render.failure import failure_band, traceback_fold
from blazen_nb.render.graph import run_edges, run_graph
from blazen_nb.render.icons import LOOKS, StateName, pill
from blazen_nb.render.layout import START_NODE, STOP_NODE
from blazen_nb.render.markup import SEPARATOR, card, esc, fold, head, note
from blazen_nb.render.meters import log_html, output_section, output_summary, progress_section
from blazen_nb.render.run_state import RunState
from blazen_nb.render.style import style_tag
from blazen_nb.render.table import calls_text, steps_section
from blazen_nb.render.words import amount, clip, first_line, plural, seconds, short_run, short_type

EVENT_LINES = 30


def live_parts(state: RunState, now: float, *, output: bool | None = None) -> dict[str, str]:
    """The HTML of each part of a live card: head, steps, meters, output, status; send the ones that changed.

    ``now`` is seconds since the run started, by the reader's clock. ``output`` None leaves the printed lines
    out of a plain cell's card: they are the cell's ordinary output.
    """
    elapsed = state.elapsed(now)
    shows_output = not state.is_cell if output is None else output
    return {
        "head": _header(state, elapsed, slot=state.outcome is None) + _band(state, excerpt=True),
        "steps": run_graph(state, elapsed) + steps_section(state, elapsed, slots=True),
        "meters": progress_section(state) + devices_section(state.devices),
        "output": output_section(state) if shows_output else "",
        "status": f'<div class="bzn-sr" role="status">{esc(status_text(state))}</div>',
    }


def static_card(state: RunState, *, excerpt: bool = True, output: bool | None = None) -> str:
    """The whole card as HTML that needs nothing else: style, folds, no script.

    ``excerpt`` False leaves out the failed lines and the traceback,
    for a cell whose own error output shows them. ``output`` is as in ``live_parts``.
    """
    elapsed = state.elapsed(state.last_at)
    shows_output = not state.is_cell if output is None else output
    parts = [style_tag(), _header(state, elapsed, slot=False), _band(state, excerpt=excerpt)]
    if state.failure is not None and excerpt:
        parts.append(traceback_fold(state.failure))
    parts += [_steps_fold(state, elapsed), devices_fold(state.devices)]
    if shows_output and state.log.total:
        parts.append(fold("Output", output_summary(state), log_html(state, state.log.kept())))
    return card(
        "".join(parts), f"Run of {state.name} on {state.node_id}: {LOOKS[state.state].word}"
    )


def status_text(state: RunState) -> str:
    """``Running on gpu-box, embed 5 of 8``: what a screen reader says when a state changes."""
    busy = [
        f"{state.step_name(step.step_id)} {calls_text(state, step)}"
        if state.expected(step) > 1
        else state.step_name(step.step_id)
        for step in state.shown_steps
        if step.open
    ]
    where = f" on {state.node_id}" if state.node_id else ""
    return clip(", ".join([LOOKS[state.state].word + where, *busy]), 160)


def _header(state: RunState, elapsed: float, *, slot: bool) -> str:
    about = f"on {state.node_id}" if state.node_id else ""
    clock = "" if state.state == "queued" else seconds(elapsed)
    first = head(pill(state.state, elapsed), clip(state.name, 80), about, clock, slot=slot)
    facts = [f"run {short_run(state.run_id)}"] if state.run_id else []
    if state.label and state.label != state.name:
        facts.append(state.label)
    if state.started_at is not None:
        facts.append("started " + time.strftime("%H:%M:%S", time.localtime(state.started_at)))
    facts += [*state.meta, *_usage(state)]
    second = SEPARATOR.join(f"<span>{esc(fact)}</span>" for fact in facts)
    return first + (f'<div class="bzn-meta">{second}</div>' if facts else "")


def _usage(state: RunState) -> list[str]:
    facts = []
    if state.usage.total_tokens:
        facts.append(plural(state.usage.total_tokens, "token"))
    if state.usage.cost_usd:
        facts.append(f"{state.usage.cost_usd:,.4f} USD")
    return facts


def _band(state: RunState, *, excerpt: bool) -> str:
    """What needs to be known before anything else; empty where all is well."""
    if state.failure is not None and state.outcome is not None:
        return failure_band(state, state.failure, state.outcome, excerpt=excerpt)
    lines = state.notices
    is_away = state.state == "reconnecting"
    look: StateName = state.state if is_away else state.notice_look or state.state
    if state.outcome not in (None, "succeeded") and state.message:
        lines.append(state.message)
    if state.outcome is None:
        lines += list(state.questions.values())[:3]
    lines = list(dict.fromkeys(first_line(line, 300) for line in lines))
    if not lines:
        return ""
    rest = "".join(f'<p class="bzn-m">{esc(line)}</p>' for line in lines[1:])
    return note(look, f"<p><strong>{esc(lines[0])}</strong></p>{rest}")


def _steps_fold(state: RunState, elapsed: float) -> str:
    """Graph, table and events in one fold: closed after a good end, open where something is to be seen."""
    table = steps_section(state, elapsed, slots=False)
    if not table:
        return ""
    good = state.outcome == "succeeded"
    graph = run_graph(state, elapsed)
    events = "\n".join(esc(line) for line in _event_lines(state))
    listed = f'<div class="bzn-s"><div class="bzn-cap"><b>Events</b></div><pre class="bzn-log">{events}</pre></div>'
    body = f'<div class="bzn-in">{graph}{table}{listed if events and good else ""}</div>'
    return fold("Steps", _steps_summary(state), body, is_open=not good)


def _steps_summary(state: RunState) -> str:
    steps = state.shown_steps
    if state.outcome == "succeeded":
        parts = [plural(len(steps), "step"), plural(sum(step.calls for step in steps), "call")]
        retries, events = sum(step.retries for step in steps), sum(state.emitted.values())
        parts += [plural(retries, "retry", "retries")] if retries else []
        return ", ".join([*parts, plural(events, "event")] if events else parts)
    looks = [state.step_look(step) for step in steps]
    parts = [f"{looks.count('succeeded'):,} of {len(steps):,} succeeded"]
    for step, look in zip(steps, looks, strict=True):
        if look not in ("succeeded", "queued", "skipped") and len(parts) < 3:
            counts = f" at {calls_text(state, step)} calls" if state.expected(step) > 1 else ""
            parts.append(f"{state.step_name(step.step_id)} {LOOKS[look].word.lower()}{counts}")
    return ", ".join(parts)


def _event_lines(state: RunState) -> list[str]:
    """``Chunk x8   split to embed``, one line for each way that events took, then the ones that were streamed."""
    ways = []
    for edge in run_edges(state):
        if edge.source == START_NODE:
            ways.append(("StartEvent", f"to {state.step_name(edge.target)}"))
        elif edge.target == STOP_NODE:
            ways.append(("StopEvent", f"from {state.step_name(edge.source)}"))
        else:
            to = f"{state.step_name(edge.source)} to {state.step_name(edge.target)}"
            ways += [(_counted(name, count), to) for name, count in edge.events if count]
    ways += [
        (_counted(short_type(name), count), "streamed")
        for name, count in state.published.most_common(8)
    ]
    width = max((len(name) for name, _ in ways), default=0)
    return [f"{name:<{width}}  {way}" for name, way in ways[:EVENT_LINES]]


def _counted(name: str, count: int) -> str:
    return f"{name} x{amount(count)}" if count > 1 else name
