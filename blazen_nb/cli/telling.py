"""A run told in a terminal: what it prints where it printed it, and briefly on stderr what else happens."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from blazen_nb.engine.result import WorkflowResult
from blazen_nb.render.run_state import CELL_STEP
from blazen_nb.render.words import amount, clip, plural, seconds, short_run, visible
from blazen_nb.updates import (
    Accepted,
    Displayed,
    Ended,
    EventPublished,
    InputClosed,
    InputRequested,
    Output,
    OutputCut,
    Paused,
    Progressed,
    StepEnded,
    StepStarted,
    Update,
)

_LONGEST_LINE = 400
_BAR_SECONDS = 1.0
"""How often a bar is told, where it moves on faster than anybody reads."""


class Telling:
    """Writes updates to this process's stdout and stderr as they come."""

    def __init__(self) -> None:
        self._line_is_open = False
        """Whether the last thing on stderr has no line end yet."""
        self._bars: dict[tuple[str, int, str], float] = {}
        """When each was told last, on the peer's clock."""

    def tell(self, update: Update) -> None:
        """It is written."""
        match update:
            case Output():
                self._write(update)
            case Displayed(action="display"):
                self._show(update.data)
            case Progressed() if not self._is_news(update):
                return
            case _:
                note = _note(update)
                if note:
                    self._note(note)

    def result(self, result: WorkflowResult) -> None:
        """What the run gave is written, a cell's as a notebook shows it."""
        if result.display is not None:
            self._show(result.display[0])
        else:
            _say(json_or_repr(result.result))

    def _write(self, update: Output) -> None:
        stream = sys.stdout if update.stream == "stdout" else sys.stderr
        stream.write(update.text)
        stream.flush()
        if stream is sys.stderr:
            self._line_is_open = not update.text.endswith("\n")

    def _show(self, data: dict[str, Any]) -> None:
        text = data.get("text/plain")
        if text:
            _say(str(text))
        others = [kind for kind in data if kind != "text/plain"]
        if others:
            self._note(f"shown in a notebook as {', '.join(others)}")

    def _note(self, text: str) -> None:
        start = "\n-- " if self._line_is_open else "-- "
        self._line_is_open = False
        line = clip(visible(text).replace("\n", " "), _LONGEST_LINE)
        sys.stderr.write(f"{start}{line}\n")
        sys.stderr.flush()

    def _is_news(self, bar: Progressed) -> bool:
        key = (bar.step_id, bar.call, bar.label)
        last = self._bars.get(key)
        if last is not None and bar.done != bar.total and bar.at - last < _BAR_SECONDS:
            return False
        self._bars[key] = bar.at
        return True


def json_or_repr(value: Any) -> str:
    """The value as JSON, where it is; else as Python shows it."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return repr(value)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _note(update: Update) -> str:
    """What is told of an update that is no output; empty where nothing is."""
    match update:
        case Accepted():
            since = datetime.fromtimestamp(update.started_at).isoformat(" ", "seconds")
            run = short_run(update.run_id)
            return f"{update.workflow_name} on {update.node_id}, run {run}, started {since}"
        case StepStarted() if update.step_id != CELL_STEP:
            return f"{_call(update)} started"
        case StepEnded() if update.step_id != CELL_STEP:
            how = f"{update.outcome.replace('_', ' ')} after {seconds(update.duration)}"
            return f"{_call(update)} {how}" + (f": {update.error}" if update.error else "")
        case EventPublished():
            return repr(update.event)
        case Progressed():
            total = "" if update.total is None else f" of {amount(update.total)}"
            return f"{_name(update.step_id)} {update.label} {amount(update.done)}{total}"
        case OutputCut():
            lines = plural(update.lines, "line")
            return f"{lines}, {update.characters:,} characters left out here; --log FILE has them"
        case InputRequested():
            return f"asks: {update.prompt} (%blazen_attach in a notebook answers)"
        case InputClosed():
            return f"the question is closed: {update.how.replace('_', ' ')}"
        case Paused():
            return "paused" if update.paused else "goes on"
        case Ended():
            return f"{update.outcome.replace('_', ' ')} after {seconds(update.duration)}"
    return ""


def _call(update: StepStarted | StepEnded) -> str:
    call = f" call {update.call}" if update.call > 1 else ""
    attempt = f" attempt {update.attempt}" if update.attempt > 1 else ""
    return f"{_name(update.step_id)}{call}{attempt}"


def _name(step_id: str) -> str:
    return step_id.rpartition("::")[2]
