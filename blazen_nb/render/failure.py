"""What went wrong in a run: where, which line of the cell, and the traceback of the peer."""

from __future__ import annotations

from blazen_nb.errors import Failure, FailureFrame
from blazen_nb.render.icons import StateName
from blazen_nb.render.markup import esc, fold, note
from blazen_nb.render.run_state import CELL_STEP, RunState
from blazen_nb.render.words import clip, first_line, plural, visible

_CONTEXT_BEFORE = 3
_CONTEXT_AFTER = 1
_FRAMES_LIMIT = 8
_TRACEBACK_HEAD = 20
_TRACEBACK_TAIL = 60
_NOTES_LIMIT = 3

ExcerptLine = tuple[str, str, bool]
"""Line number (with its cell where there are several), the line, and whether it is the one that failed."""


def failure_band(state: RunState, failure: Failure, look: StateName, *, excerpt: bool) -> str:
    """The band with the error, where it happened and the cell's lines; ``excerpt`` False leaves the lines out."""
    parts = [f"<p><strong>{esc(headline(failure, 300))}</strong></p>"]
    where = where_text(state, failure)
    if where:
        parts.append(f'<p class="bzn-m">{esc(where)}</p>')
    lines = excerpt_lines(state, failure) if excerpt else []
    if lines:
        parts.append(_excerpt_html(lines))
    parts += [
        f'<p class="bzn-after">{esc(first_line(text, 300))}</p>'
        for text in failure.notes[:_NOTES_LIMIT]
    ]
    hint = hint_text(state, failure)
    if hint:
        parts.append(f'<p class="bzn-m bzn-after">{esc(hint)}</p>')
    return note(look, "".join(parts))


def traceback_fold(failure: Failure) -> str:
    """The remote traceback in an open fold, its middle left out where it is very long."""
    text = visible(failure.traceback).rstrip()
    if not text:
        return ""
    lines = text.split("\n")
    gone = len(lines) - _TRACEBACK_HEAD - _TRACEBACK_TAIL
    if gone > 0:
        lines[_TRACEBACK_HEAD : _TRACEBACK_HEAD + gone] = [f"... {gone:,} lines left out"]
    frames = plural(len(failure.frames), "frame") if failure.frames else ""
    body = "\n".join(esc(clip(line, 500)) for line in lines)
    return fold("Remote traceback", frames, f'<pre class="bzn-log">{body}</pre>', is_open=True)


def headline(failure: Failure, limit: int) -> str:
    """``ZeroDivisionError: division by zero``, one line."""
    return first_line(visible(failure.headline), limit)


def where_text(state: RunState, failure: Failure, *, peer: bool = True) -> str:
    """``step embed, call 8, attempt 3, on gpu-box, cell [3] line 7``."""
    parts = []
    step = state.steps.get(failure.step_id or "")
    if failure.step_id and failure.step_id != CELL_STEP:
        parts.append(f"step {state.step_name(failure.step_id)}")
        if step is not None and step.failures and state.expected(step) > 1:
            parts.append(f"call {step.failures[-1].call:,}")
    if failure.attempt > 1:
        parts.append(f"attempt {failure.attempt}")
    if peer and state.node_id:
        parts.append(f"on {state.node_id}")
    frame = _hit(failure)
    if frame is not None:
        parts.append(f"{frame.label} line {frame.line}")
    return ", ".join(parts)


def hint_text(state: RunState, failure: Failure) -> str:
    """The run's closing message, where it says more than the error itself."""
    message = first_line(state.message, 300)
    said = f"{failure.headline}\n{failure.message}"
    return (
        ""
        if not message or message in said or (failure.message and failure.message in message)
        else message
    )


def excerpt_lines(state: RunState, failure: Failure) -> list[ExcerptLine]:
    """The failed line among its neighbours where the cell's text is known, else the cell lines on the way to it."""
    hit = _hit(failure)
    if hit is None:
        return []
    text = state.source.splitlines()
    known = hit.label == state.label and 0 < hit.line <= len(text)
    if known and hit.source and text[hit.line - 1].strip() == hit.source.strip():
        first = max(1, hit.line - _CONTEXT_BEFORE)
        numbers = range(first, min(len(text), hit.line + _CONTEXT_AFTER) + 1)
        return [(str(number), _line(text[number - 1]), number == hit.line) for number in numbers]
    frames = [frame for frame in failure.frames if frame.in_cell and frame.source][:_FRAMES_LIMIT]
    several = len({frame.label for frame in frames}) > 1
    return [
        (
            f"{frame.label} {frame.line}" if several else str(frame.line),
            _line(frame.source),
            frame is hit,
        )
        for frame in frames
    ]


def _hit(failure: Failure) -> FailureFrame | None:
    """The innermost frame in the user's own cells."""
    own = [frame for frame in failure.frames if frame.in_cell]
    return own[-1] if own else None


def _line(text: str) -> str:
    return clip(visible(text).expandtabs(4).rstrip(), 200)


def _excerpt_html(lines: list[ExcerptLine]) -> str:
    width = max(len(number) for number, _, _ in lines)
    body = []
    for number, text, hit in lines:
        gutter = f'<span class="who">{esc(number.rjust(width))}</span>  {esc(text)}'
        body.append(f'<span class="hit"><b>&gt;</b> {gutter}</span>' if hit else f"  {gutter}")
    return '<pre class="bzn-code">' + "\n".join(body) + "</pre>"
