"""Events: the messages between steps. They know their type name and fields, nothing of runs or wires.

Events route by ``event_type``, a string, never by class identity: an instance made before its cell was re-run
still finds the step that accepts it.
"""

from __future__ import annotations

import copy
import inspect
import json
from contextvars import ContextVar
from typing import Any, ClassVar

START = "blazen::StartEvent"
STOP = "blazen::StopEvent"
INPUT_REQUEST = "blazen::InputRequestEvent"
INPUT_RESPONSE = "blazen::InputResponseEvent"

EVENT_TYPE_TAKEN = (
    "event_type is the event's type and cannot be a field; give the field another name"
)

current_step: ContextVar[Any] = ContextVar("blazen_nb_current_step", default=None)
"""The Context of the step that is running here, None outside of steps; the engine sets it.

Its ``kept`` is what keeps the live objects that steps put into events, where the run wants them kept.
"""

_SCALARS = frozenset({str, int, float, bool, type(None)})


def is_json(value: Any) -> bool:
    """True where JSON gives back an equal value of the same type: str, int, float, bool, None, list, dict with str keys.

    A tuple or an int key is not JSON here: it would come back as something else.
    """
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is list:
        return all(is_json(item) for item in value)
    if kind is dict:
        return all(type(key) is str and is_json(item) for key, item in value.items())
    return False


class Event:
    """A message between steps: a type name and fields.

    ``Event("Name", a=1)`` makes one by name; a subclass is named after its class, and its annotated class
    attributes are defaults. Fields are attributes. A value that is not JSON may be given only inside a running
    step, where events pass by identity; elsewhere it is a TypeError.

    Example:
        >>> class Chunk(Event):
        ...     text: str
        ...     size: int = 4
        >>> Chunk(text="ab").to_dict()
        {'size': 4, 'text': 'ab'}
        >>> Event("Chunk", text="ab").event_type
        'Chunk'
    """

    __slots__ = ("__dict__", "event_type")

    event_type: str
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "event_type" not in cls.__dict__:
            cls.event_type = cls.__name__
        own = inspect.get_annotations(cls)
        slots = {"event_type", *cls.__dict__.get("__slots__", ())}
        cls._defaults = {
            **cls._defaults,
            **{
                name: cls.__dict__[name]
                for name in own
                if name in cls.__dict__ and name not in slots
            },
        }

    def __init__(self, event_type: str | None = None, /, **fields: Any) -> None:
        if type(self) is Event:
            if not isinstance(event_type, str):
                raise TypeError('Event needs a type name: Event("Name", field=value)')
            self.event_type = event_type
        elif event_type is not None and event_type != type(self).event_type:
            raise TypeError(f"{type(self).__name__} takes its fields by keyword only")
        if "event_type" in fields:
            raise TypeError(EVENT_TYPE_TAKEN)
        step = current_step.get()
        if step is not None:
            if step.kept is not None:
                step.kept.keep(fields)
        else:
            for name, value in fields.items():
                if not is_json(value):
                    raise TypeError(
                        f"field {name!r} of {self.event_type} is a {type(value).__name__}, not JSON: "
                        "live objects cannot be put into an event outside an active workflow step"
                    )
        for name, value in self._defaults.items():
            # A default list or dict is the event's own, or appending to one event's would change the next.
            own = type(value) in (list, dict) and is_json(value)
            self.__dict__[name] = copy.deepcopy(value) if own else value
        self.__dict__.update(fields)

    @classmethod
    def _from_fields(cls, event_type: str, fields: dict[str, Any]) -> Event:
        """An event with these fields as they are, unchecked: for values that already crossed the wire.

        Called on a subclass the type name is the subclass's own; on Event it is ``event_type``.
        """
        event = object.__new__(cls)
        if cls is Event:
            event.event_type = event_type
        event.__dict__ = fields
        return event

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        fields = ", ".join(self.__dict__) or "none"
        raise AttributeError(f"{self.event_type} has no field {name!r}; its fields: {fields}")

    def to_dict(self) -> dict[str, Any]:
        """A new dict of the fields."""
        return dict(self.__dict__)

    @property
    def data_json(self) -> str:
        """The fields as JSON text."""
        return json.dumps(self.__dict__, ensure_ascii=False, separators=(",", ":"))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        if type(self) is Event:
            return f"Event({self.event_type!r}{', ' if fields else ''}{fields})"
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return self.event_type == other.event_type and self.__dict__ == other.__dict__

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._from_fields, (self.event_type, dict(self.__dict__))


class StartEvent(Event):
    """Starts a workflow; its fields are the workflow's input."""

    event_type = START


class StopEvent(Event):
    """Ends a workflow; ``result`` is the workflow's result."""

    event_type = STOP
    result: Any = None
    __slots__ = ("received_json",)
    received_json: str | None

    @property
    def data_json(self) -> str:
        """The result as JSON text: as it was received where it came over the wire, else encoded now."""
        text: str | None = getattr(self, "received_json", None)
        return (
            text
            if text is not None
            else json.dumps(self.result, ensure_ascii=False, separators=(",", ":"))
        )


class InputRequestEvent(Event):
    """Asks a person; the run waits for the answer to ``request_id``."""

    event_type = INPUT_REQUEST
    request_id: str = ""
    prompt: str = ""
    metadata: Any = None


class InputResponseEvent(Event):
    """A person's answer to an InputRequestEvent."""

    event_type = INPUT_RESPONSE
    request_id: str = ""
    response: Any = None


def event_from_wire(event_type: str, fields: dict[str, Any]) -> Event:
    """The event of this type name: a built-in class for the four built-in names, else a plain Event."""
    return _BUILT_IN.get(event_type, Event)._from_fields(event_type, fields)


_BUILT_IN: dict[str, type[Event]] = {
    cls.event_type: cls for cls in (StartEvent, StopEvent, InputRequestEvent, InputResponseEvent)
}
