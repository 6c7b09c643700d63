"""Progress bars and printed lines of a run, as sections of its card."""

from __future__ import annotations

from collections.abc import Sequence

from blazen_nb.render.markup import esc, section
from blazen_nb.render.output_log import LogLine
from blazen_nb.render.run_state import CELL_STEP, ProgressRow, RunState
from blazen_nb.render.words import amount, clip, plural, seconds

PROGRESS_ROWS = 3
LOG_ROWS = 8
_LOG_ROW_HEIGHT = 18


def progress_section(state: RunState) -> str:
    """The bars of what is being worked on, at most three, and how many more there are."""
    rows = list(state.progress.values())
    shown = _pick(rows)
    more = len(rows) - len(shown)
    body = "".join(_bar(state, entry) for entry in shown)
    if more:
        body += f'<p class="bzn-m bzn-more">and {more:,} more</p>'
    return section(body)


def output_section(state: RunState) -> str:
    """The last lines, in a place whose height does not change once there is a first line."""
    lines = state.log.last(LOG_ROWS)
    if not lines:
        return ""
    shown = (
        f"{plural(state.log.total, 'line')}, last {len(lines)} shown"
        if state.log.total > len(lines)
        else ""
    )
    return section(log_html(state, lines, rows=LOG_ROWS), "Output", shown, "bzn-inset")


def output_summary(state: RunState) -> str:
    """``214 lines``, and how many of them the picture still holds."""
    saved = sum(line.stream != "cut" for line in state.log.kept())
    lines = plural(state.log.total, "line")
    return lines if saved >= state.log.total else f"{lines}, first and last {saved // 2} kept"


def log_html(state: RunState, lines: Sequence[LogLine], *, rows: int | None = None) -> str:
    """The lines under each other, each with who wrote it and a ``!`` where it went to stderr."""
    names = ["" if state.is_cell else _writer(state, line) for line in lines]
    width = max(map(len, names), default=0)
    body = []
    for name, line in zip(names, lines, strict=True):
        gutter = f'<span class="who">{esc(name.ljust(width))}</span> ' if width else ""
        text = esc(line.text)
        if line.stream == "stderr":
            body.append(f'{gutter}<span class="err">! {text}</span>')
        elif line.stream == "cut":
            body.append(f'{gutter}<span class="who">  {text}</span>')
        else:
            body.append(f"{gutter}  {text}")
    fixed = f' style="height:{_LOG_ROW_HEIGHT * rows}px"' if rows else ""
    return f'<pre class="bzn-log{" fix" if rows else ""}"{fixed}>' + "\n".join(body) + "</pre>"


def _writer(state: RunState, line: LogLine) -> str:
    if not line.step_id:
        return ""
    step = state.steps.get(line.step_id)
    name = clip(state.step_name(line.step_id), 24)
    many = step is not None and line.step_id != CELL_STEP and state.expected(step) > 1
    return f"{name} {line.call}" if many else name


def _pick(rows: list[ProgressRow]) -> list[ProgressRow]:
    """Unfinished ones first, then the newest; shown in the order in which they began."""
    ranked = [entry for entry in rows if not entry.complete]
    ranked = [*ranked, *(entry for entry in reversed(rows) if entry.complete)][:PROGRESS_ROWS]
    return [entry for entry in rows if entry in ranked]


def _bar(state: RunState, entry: ProgressRow) -> str:
    who = "" if state.is_cell else _writer(state, LogLine(entry.step_id, entry.call, "log", ""))
    tone = "ok" if entry.complete else "run"
    if entry.total:
        share = min(1.0, max(0.0, entry.done / entry.total))
        said, percent = f"{amount(entry.done)} of {amount(entry.total)}", f"{int(share * 100)}%"
        aria = f'aria-valuemin="0" aria-valuemax="{entry.total:g}" aria-valuenow="{entry.done:g}" '
    else:
        share, said, percent, aria = 0.0, amount(entry.done), "", ""
    return (
        f'<div class="bzn-pg bzn-{tone}" role="progressbar" aria-label="{esc(f"{who} {entry.label}".strip())}" '
        f'{aria}aria-valuetext="{said}"><span><span class="bzn-m">{esc(who)}</span> {esc(entry.label)}</span> '
        f'<span class="bzn-bar"><i style="width:{share:.1%}"></i></span> <span class="r">{percent}</span> '
        f'<span class="r">{said} <span class="bzn-m bzn-x">{_pace(entry)}</span></span></div>'
    )


def _pace(entry: ProgressRow) -> str:
    rate = entry.rate
    if rate is None or entry.complete:
        return ""
    speed = f"{rate:.1f} /s" if rate < 99.5 else f"{rate:,.0f} /s"
    if entry.total is None:
        return speed
    left = (entry.total - entry.done) / rate
    return f"{speed}, {seconds(max(1.0, round(left))).replace('.00', '').replace('.0', '')} left"
