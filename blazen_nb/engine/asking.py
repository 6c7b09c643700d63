"""How a step asks a person and waits for the answer, and how a person types one where there is no form."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from blazen_nb.engine.fields import AnswerSchema, Field
from blazen_nb.engine.schema import read_schema
from blazen_nb.engine.ticks import CloseInput
from blazen_nb.errors import InputTimeoutError, ValidationError
from blazen_nb.events import InputRequestEvent, current_step

if TYPE_CHECKING:
    from blazen_nb.engine.context import Context


class Question:
    """What a step asks, and where the answer arrives for which it waits.

    Args:
        seconds: How long it waits; None = as long as it takes.

    Raises:
        ValidationError: The time is no time.
    """

    __slots__ = ("_answer", "_default", "event", "is_withdrawn", "request_id", "seconds")

    def __init__(self, prompt: str, schema: AnswerSchema, seconds: float | None) -> None:
        if seconds is not None and not 0 < seconds < float("inf"):
            raise ValidationError(f"the timeout of a question is seconds above 0, not {seconds!r}")
        self.request_id = str(uuid.uuid4())
        self.seconds = seconds
        metadata = {"schema": schema.source} if schema.source else None
        fields = {"request_id": self.request_id, "prompt": prompt, "metadata": metadata}
        self.event = InputRequestEvent._from_fields("", fields)
        self._default = schema.default
        self._answer: Future[Any] = Future()
        self.is_withdrawn = False
        """It is shown no longer, and no answer will come: its attempt is over."""

    def close(self, how: CloseInput) -> None:
        """End the wait, where it ends with an answer or for want of one; an attempt that is over hears it elsewhere."""
        if how.how == "withdrawn":
            self.is_withdrawn = True
        elif how.how == "answered":
            self._settle(how.response)
        elif how.how == "timed_out" and self._default is not None:
            self._settle(self._default)
        else:
            prompt = self.event.prompt
            self.fail(InputTimeoutError(f"nobody answered {prompt!r} within {self.seconds:g} s"))

    def fail(self, error: Exception) -> None:
        """End the wait with this error."""
        with suppress(InvalidStateError):  # the answer came first
            self._answer.set_exception(error)

    def _settle(self, response: Any) -> None:
        with suppress(InvalidStateError):  # its task was cancelled
            self._answer.set_result(response)

    def wait(self) -> Any:
        """The answer, once it is there; blocks the thread."""
        return self._answer.result()

    async def wait_async(self) -> Any:
        """The answer, once it is there."""
        return await asyncio.wrap_future(self._answer)


def ask(
    prompt: str, schema: Any = None, *, default: Any = None, timeout: float | None = None
) -> Any:
    """A person's answer: ``ctx.ask`` for code that has no ``ctx``, such as a plain remote cell.

    In a step, or in a cell that runs on a peer, the question shows where the run is followed. Outside of both it is
    asked by ``input()`` in this process. An async step asks by ``await ctx.aask(...)``.

    Args:
        schema: See ``Context.ask``.
        default: The answer where nobody gives one in time; by ``input()``, where nothing is typed.
        timeout: Seconds to wait; not outside of steps, where ``input()`` waits for ever.

    Raises:
        ValidationError: The schema is none, or nobody can be asked here.
        InputTimeoutError: Nobody answered in time, and there is no default.

    Example:
        >>> from blazen_nb import ask
        >>> epochs = ask("How many epochs?", {"type": "integer", "minimum": 1})  # doctest: +SKIP
    """
    context: Context | None = current_step.get()
    if context is not None:
        return context.ask(prompt, schema, default=default, timeout=timeout)
    wanted = read_schema(schema, default)
    if timeout is not None:
        raise ValidationError(
            "outside of a step the question is asked by input(), which waits for ever: leave timeout out"
        )
    try:
        return typed_answer(prompt, wanted)
    except (EOFError, RuntimeError) as error:  # IPython's own error is a RuntimeError
        raise ValidationError(
            f"nobody can be asked {prompt!r} here: this process has no input"
        ) from error


def typed_answer(prompt: str, schema: AnswerSchema) -> Any:
    """What a person types by ``input()``; each value is asked for again until it fits."""
    if not schema.is_object:
        return _typed(schema.fields[0], prompt)
    answer: dict[str, Any] = {}
    for field in schema.fields:
        value = _typed(field, f"{prompt}\n{field.label}" if not answer else field.label)
        if value is not None:
            answer[field.name] = value
    return schema.checked(answer)


def _typed(field: Field, prompt: str) -> Any:
    said = _said(field, prompt)
    while True:
        try:
            return field.typed(input(said))
        except ValidationError as error:
            said = f"It {error}.\n{_said(field, prompt)}"


def _said(field: Field, prompt: str) -> str:
    """The prompt, with what may be typed."""
    hints = [field.description] if field.description else []
    if field.kind == "choice":
        hints.append(", ".join(str(choice) for choice in field.choices))
    elif field.kind not in ("anything", "string"):
        hints.append(field.expected)
    hint = f" ({'; '.join(hints)})" if hints else ""
    start = f" [{field.default}]" if field.default is not None else ""
    return f"{prompt}{hint}{start} "
