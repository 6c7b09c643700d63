"""A run as plain text: the stable form says the same at every execution, the terminal form adds times and the run ID."""

from __future__ import annotations

from blazen_nb.render.failure import excerpt_lines, headline, where_text
from blazen_nb.render.icons import LOOKS
from blazen_nb.render.run_state import RunState
from blazen_nb.render.step_state import StepState
from blazen_nb.render.table import pick_steps, rest_text
from blazen_nb.render.words import clip, first_line, seconds, short_run, visible

WIDTH = 99
STEP_LINES = 14
EXCERPT_LINES = 5


def stable_text(state: RunState) -> str:
    """The run without anything that differs from one execution to the next, for saved notebooks and their tests."""
    return "\n".join([_first(state), *_steps(state, None), *_failure(state)])


def terminal_text(state: RunState, now: float | None = None) -> str:
    """The run with its times and its ID; ``now`` (seconds since its start) matters only while it goes on."""
    elapsed = state.elapsed(state.last_at if now is None else now)
    facts = [seconds(elapsed)] if state.started_at is not None or state.outcome else []
    facts += [f"run {short_run(state.run_id)}"] if state.run_id else []
    lines = [
        clip(", ".join([_first(state), *facts]), WIDTH),
        *_steps(state, elapsed),
        *_failure(state),
    ]
    said = (
        ""
        if state.failure is not None or state.outcome == "succeeded"
        else state.message or state.notice
    )
    return "\n".join([*lines, f"  {first_line(visible(said), WIDTH - 2)}"] if said else lines)


def run_phrase(state: RunState) -> str:
    """``index_docs on gpu-box``."""
    name = clip(visible(state.name), 48)
    return f"{name} on {clip(visible(state.node_id), 32)}" if state.node_id else name


def _first(state: RunState) -> str:
    return f"{run_phrase(state)}: {LOOKS[state.state].word.lower()}"


def _steps(state: RunState, elapsed: float | None) -> list[str]:
    steps = pick_steps(state, STEP_LINES)
    names = [clip(visible(state.step_name(step.step_id)), 40) for step in steps]
    wide = max(map(len, names), default=0)
    lines = [
        _step(state, step, name.ljust(wide), elapsed)
        for step, name in zip(steps, names, strict=True)
    ]
    rest = rest_text(state, steps)
    return [*lines, clip(f"  {rest}", WIDTH)] if rest else lines


def _step(state: RunState, step: StepState, name: str, elapsed: float | None) -> str:
    parts = [f"  {name}", LOOKS[state.step_look(step)].word.lower()]
    expected = state.expected(step)
    if expected > 1:
        parts.append(f"{step.done:,} of {expected:,}")
    time = seconds(step.time(elapsed)) if elapsed is not None else ""
    return clip("  ".join([*parts, time] if time else parts), WIDTH)


def _failure(state: RunState) -> list[str]:
    if state.failure is None:
        return []
    lines = [f"  {headline(state.failure, WIDTH - 2)}"]
    where = visible(where_text(state, state.failure, peer=False))
    lines += [clip(f"  in {where}", WIDTH)] if where else []
    excerpt = excerpt_lines(state, state.failure)[-EXCERPT_LINES:]
    wide = max((len(number) for number, _, _ in excerpt), default=0)
    for number, text, hit in excerpt:
        lines.append(
            clip(f"  {'>' if hit else ' '} {visible(number).rjust(wide)}  {text}".rstrip(), WIDTH)
        )
    return lines
