"""A step: a function that accepts events, as ``@step`` makes it. It knows its function, not the runs it is in."""

from __future__ import annotations

import ast
import functools
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, overload

from blazen_nb.engine.retry import NO_RETRY, RetryConfig
from blazen_nb.errors import ValidationError
from blazen_nb.events import START, Event


class Step:
    """A registered step; calling it calls the function, so it can be tested as one.

    Attributes are read-only by convention. ``accepts`` and ``emits`` are event type names.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        step_id: str,
        accepts: tuple[str, ...],
        emits: tuple[str, ...],
        max_concurrency: int = 0,
        timeout: float | None = None,
        retry: RetryConfig | None = None,
    ) -> None:
        self.function = function
        self.step_id = step_id
        self.accepts = accepts
        self.emits = emits
        self.max_concurrency = max_concurrency
        self.timeout = timeout
        self.retry = retry
        self.is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - asks about the method, not callability
        )
        self.call = _caller(function)
        """``call(ctx, event)``, whatever the function's own parameters are."""
        # The function's own attributes (a decorator's ``retry``) must not replace the step's.
        functools.update_wrapper(self, function, updated=())

    @property
    def name(self) -> str:
        """The step ID without its module."""
        return self.step_id.rpartition("::")[2]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns: a step can be tested as one."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return (
            f"Step({self.step_id}: {' | '.join(self.accepts)} -> {' | '.join(self.emits) or '?'})"
        )


@overload
def step(
    function: Callable[..., Any],
    /,
    *,
    id: str | None = None,
    accepts: Sequence[str | type[Event]] | None = None,
    emits: Sequence[str | type[Event]] | None = None,
    max_concurrency: int = 0,
    timeout: float | timedelta | None = None,
    retry: RetryConfig | int | None = None,
) -> Step: ...
@overload
def step(
    function: None = None,
    /,
    *,
    id: str | None = None,
    accepts: Sequence[str | type[Event]] | None = None,
    emits: Sequence[str | type[Event]] | None = None,
    max_concurrency: int = 0,
    timeout: float | timedelta | None = None,
    retry: RetryConfig | int | None = None,
) -> Callable[[Callable[..., Any]], Step]: ...
def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    id: str | None = None,
    accepts: Sequence[str | type[Event]] | None = None,
    emits: Sequence[str | type[Event]] | None = None,
    max_concurrency: int = 0,
    timeout: float | timedelta | None = None,
    retry: RetryConfig | int | None = None,
) -> Step | Callable[[Callable[..., Any]], Step]:
    """A step made of a sync or async function, registered under its ID in this process (or the cell's namespace).

    The function takes ``(ctx, event)``, or only one of them, and returns an Event, a list of Events (fan-out) or
    None. What it accepts is read from the event parameter's annotation; ``Event`` or none means StartEvent.

    Args:
        id: The step ID; default ``module::name``.
        accepts: Event types that start it, by name or class.
        emits: Event types it returns; only drawings and ``Workflow.check()`` use this. Read from the return
            annotation where not given.
        max_concurrency: How many attempts of this step run at once within a run; 0 = no limit.
        timeout: Seconds an attempt may take; default the workflow's, 0 = no limit.
        retry: A RetryConfig, or the number of retries; default the workflow's.

    Raises:
        ValidationError: The function cannot be a step.
    """
    make = functools.partial(
        _make_step,
        step_id=id,
        accepts=accepts,
        emits=emits,
        max_concurrency=max_concurrency,
        timeout=timeout,
        retry=retry,
    )
    return make if function is None else make(function)


def _make_step(
    function: Callable[..., Any],
    *,
    step_id: str | None,
    accepts: Sequence[str | type[Event]] | None,
    emits: Sequence[str | type[Event]] | None,
    max_concurrency: int,
    timeout: float | timedelta | None,
    retry: RetryConfig | int | None,
) -> Step:
    from blazen_nb.engine.registry import current_registry

    if isinstance(function, Step):
        function = function.function
    if not callable(function):
        raise ValidationError(f"a step is made of a function, not of a {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ValidationError(
            f"{function.__name__} is a generator; return a list of events, or ctx.send_event() them"
        )
    registry = current_registry()
    hints = _hints(function)
    made = Step(
        function,
        step_id=step_id or registry.default_step_id(function),
        accepts=_names(accepts) if accepts is not None else _accepted(function, hints),
        emits=_names(emits) if emits is not None else _event_types(hints.get("return")),
        max_concurrency=max_concurrency,
        timeout=timeout.total_seconds() if isinstance(timeout, timedelta) else timeout,
        retry=_retry(retry),
    )
    if not made.accepts:
        raise ValidationError(f"step {made.step_id} accepts no event; give accepts=[...]")
    if made.max_concurrency < 0 or (made.timeout or 0) < 0:
        raise ValidationError(f"step {made.step_id}: max_concurrency and timeout are not negative")
    registry.register(made)
    return made


def _retry(retry: RetryConfig | int | None) -> RetryConfig | None:
    if isinstance(retry, int):
        return RetryConfig(max_retries=retry) if retry else NO_RETRY
    return retry


def _names(types_: Sequence[str | type[Event]]) -> tuple[str, ...]:
    if isinstance(types_, str):
        raise ValidationError(f"accepts and emits are lists: [{types_!r}]")
    return tuple(
        _BUILT_IN_NAMES.get(item, item) if isinstance(item, str) else item.event_type
        for item in types_
    )


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p for p in inspect.signature(function).parameters.values() if p.kind in kinds]


def _takes_context_only(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    named = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return parameter.name in ("ctx", "context") or named.rpartition(".")[2] == "Context"


def _caller(function: Callable[..., Any]) -> Callable[[Any, Event], Any]:
    parameters = _parameters(function)
    required = [p for p in parameters if p.default is inspect.Parameter.empty]
    if len(required) > 2:
        raise ValidationError(
            f"a step takes (ctx, event); {function.__name__} needs {len(required)} arguments"
        )
    if len(parameters) >= 2:
        return function
    if not parameters:
        return lambda ctx, event: function()
    if _takes_context_only(parameters[0]):
        return lambda ctx, event: function(ctx)
    return lambda ctx, event: function(event)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:
        # A name that is not defined here (yet): events route by name, so the text of the annotation is enough.
        return dict(getattr(function, "__annotations__", {}))


def _accepted(function: Callable[..., Any], hints: dict[str, Any]) -> tuple[str, ...]:
    parameters = _parameters(function)
    if len(parameters) >= 2:
        parameters = parameters[1:]
    elif parameters and _takes_context_only(parameters[0]):
        parameters = []
    hint = hints.get(parameters[0].name) if parameters else None
    return _event_types(hint) or (START,)


def event_classes(step: Step) -> dict[str, type[Event]]:
    """The event classes that the step's annotations name, by event type."""
    found: dict[str, type[Event]] = {}
    waiting = list(_hints(step.function).values())
    while waiting:
        hint = waiting.pop()
        if isinstance(hint, type) and issubclass(hint, Event) and hint is not Event:
            found[hint.event_type] = hint
        waiting.extend(typing.get_args(hint))
    return found


def _event_types(hint: Any) -> tuple[str, ...]:
    """The event type names in an annotation: a class, a union, a list of them, or their text."""
    if hint is None or hint is Event or hint is inspect.Parameter.empty:
        return ()
    if isinstance(hint, str):
        return _event_types_of_text(hint)
    if isinstance(hint, type) and issubclass(hint, Event):
        return (hint.event_type,)
    if typing.get_origin(hint) is not None or isinstance(hint, types.UnionType):
        found = [name for argument in typing.get_args(hint) for name in _event_types(argument)]
        return tuple(dict.fromkeys(found))
    return ()


def _event_types_of_text(text: str) -> tuple[str, ...]:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        return ()
    found = [name for name in _names_in(tree) if name[:1].isupper() and name not in _NOT_EVENTS]
    return tuple(dict.fromkeys(_BUILT_IN_NAMES.get(name, name) for name in found))


def _names_in(node: ast.AST) -> list[str]:
    """The names in an annotation, in the order they are written; ``a.b.Name`` counts as ``Name``."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.Constant):
        return list(_event_types_of_text(node.value)) if isinstance(node.value, str) else []
    return [name for child in ast.iter_child_nodes(node) for name in _names_in(child)]


_NOT_EVENTS = frozenset(
    {"Event", "None", "Optional", "Union", "List", "Sequence", "Iterable", "Any"}
)
_BUILT_IN_NAMES = {
    "StartEvent": START,
    "StopEvent": "blazen::StopEvent",
    "InputRequestEvent": "blazen::InputRequestEvent",
    "InputResponseEvent": "blazen::InputResponseEvent",
}
