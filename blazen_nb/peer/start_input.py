"""A run's input as the event that its steps begin with."""

from __future__ import annotations

from typing import Any

from blazen_nb.errors import ValidationError
from blazen_nb.events import EVENT_TYPE_TAKEN, StartEvent


def start_event(value: Any) -> StartEvent:
    """A StartEvent with this input: an object's fields, no fields for null, else the single field ``input``.

    Raises:
        ValidationError: A field would hide the event's type.
    """
    if value is None:
        return _start({})
    return _start(
        value
        if isinstance(value, dict) and all(isinstance(k, str) for k in value)
        else {"input": value}
    )


def _start(fields: dict[str, Any]) -> StartEvent:
    if "event_type" in fields:
        raise ValidationError(EVENT_TYPE_TAKEN)
    event = StartEvent._from_fields("", fields)
    assert isinstance(event, StartEvent)
    return event
