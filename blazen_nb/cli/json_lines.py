"""A run told to a program: each update, and at last the result, as a line of JSON on stdout."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from blazen_nb.engine.result import WorkflowResult
from blazen_nb.errors import Failure
from blazen_nb.events import Event
from blazen_nb.updates import Update


class JsonTelling:
    """Writes updates to this process's stdout as they come. What is not JSON is told as Python shows it."""

    def tell(self, update: Update) -> None:
        """It is written: its kind, its number, and its fields."""
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(update).__name__).lower()
        told = {field.name: getattr(update, field.name) for field in fields(update)}
        _say({"kind": kind, **told})

    def result(self, result: WorkflowResult) -> None:
        """What the run gave is written."""
        _say({"kind": "result", "run_id": result.run_id, "result": result.result})


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, Event):
        return {"event_type": value.event_type, **value.to_dict()}
    if isinstance(value, Failure):
        return {
            "type_name": value.type_name,
            "message": value.message,
            "step_id": value.step_id,
            "traceback": value.traceback,
        }
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return repr(value)
