"""An answer, and the values that it is made of: what each must be, and what a person means by a text; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from blazen_nb.errors import ValidationError

FieldKind = Literal["anything", "string", "number", "integer", "boolean", "choice"]
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value that is asked for."""

    name: str = ""
    """The property of the answer that it becomes; empty where the answer is this one value."""
    kind: FieldKind = "anything"
    title: str = ""
    description: str = ""
    choices: tuple[Any, ...] = ()
    default: Any = None
    """What it is where nothing is said; None where there is no such value."""
    minimum: float | None = None
    maximum: float | None = None
    required: bool = True

    @property
    def label(self) -> str:
        """What a person sees it called."""
        return self.title or self.name

    @property
    def expected(self) -> str:
        """What it must be, as in "a whole number from 1 to 10"; empty where anything will do."""
        if self.kind == "choice":
            return f"one of {', '.join(shown_value(choice) for choice in self.choices)}"
        return _EXPECTED[self.kind] + self._range()

    def _range(self) -> str:
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            return f" from {low} to {high}"
        if low is not None:
            return f" of at least {low}"
        return f" of at most {high}" if high is not None else ""

    def checked(self, value: Any) -> Any:
        """The value, a whole number as int.

        Raises:
            ValidationError: It is not what is asked for; the message says so of the value.
        """
        if self.kind == "anything":
            return value
        if self.kind == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)
        if not self.fits(value):
            raise ValidationError(f"must be {self.expected}, not {shown_value(value)}")
        return value

    def fits(self, value: Any) -> bool:
        """Whether the value is what is asked for."""
        if self.kind == "choice":
            return any(_is_same(value, choice) for choice in self.choices)
        if self.kind == "string":
            return isinstance(value, str)
        if isinstance(value, bool) or self.kind == "boolean":
            return isinstance(value, bool) and self.kind == "boolean"
        if not isinstance(value, int if self.kind == "integer" else int | float):
            return False
        return (isinstance(value, int) or math.isfinite(value)) and not (
            (self.minimum is not None and value < self.minimum)
            or (self.maximum is not None and value > self.maximum)
        )

    def typed(self, text: str) -> Any:
        """What a person means by this text; None where nothing is said and nothing need be.

        Raises:
            ValidationError: It is not what is asked for; the message says so of the value.
        """
        if text.strip():
            return self.checked(self._meant(text))
        if self.default is not None:
            return self.default
        if self.kind == "anything":
            return text
        if self.required:
            raise ValidationError("is needed")
        return None

    def _meant(self, text: str) -> Any:
        """The value of this text; the text itself where it is no such value, for ``checked`` to refuse."""
        typed = text.strip()
        if self.kind in ("anything", "string"):
            return text
        if self.kind == "choice":
            named = [each for each in self.choices if str(each).lower() == typed.lower()]
            exact = [each for each in named if str(each) == typed]
            found = exact or named
            return found[0] if len(found) == 1 else text
        if self.kind == "boolean":
            return _WORDS.get(typed.lower(), text)
        for convert in (int,) if self.kind == "integer" else (int, float):
            try:
                return convert(typed)
            except ValueError:
                continue
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSchema:
    """What an answer must be: one value, or an object of several."""

    fields: tuple[Field, ...] = (Field(required=False),)
    is_object: bool = False
    description: str = ""
    """Of the object as a whole."""
    default: Any = None
    """The answer where none comes in time; None where there is no such answer."""
    source: dict[str, Any]
    """As JSON, shorthands written out: what travels."""

    def checked(self, answer: Any) -> Any:
        """The answer, with the defaults of what it leaves out.

        Raises:
            ValidationError: It is not what is asked for; the message says what is wrong with it.
        """
        if self.is_object:
            return self._checked_object(answer)
        try:
            return self.fields[0].checked(answer)
        except ValidationError as error:
            raise ValidationError(f"the answer {error}") from None

    def _checked_object(self, answer: Any) -> dict[str, Any]:
        if not isinstance(answer, dict):
            raise ValidationError(
                f"the answer must be a dict with {', '.join(field.name for field in self.fields)}, "
                f"not {shown_value(answer)}"
            )
        wrong: list[str] = []
        checked: dict[str, Any] = {}
        for field in self.fields:
            value = answer.get(field.name, field.default)
            try:
                if value is not None:
                    checked[field.name] = field.checked(value)
                elif field.name in answer or field.required:
                    wrong.append(f"{field.name} is missing")
            except ValidationError as error:
                wrong.append(f"{field.name} {error}")
        unknown = answer.keys() - {field.name for field in self.fields}
        wrong += [f"{shown_value(name)} is not asked for" for name in sorted(unknown, key=str)]
        if wrong:
            raise ValidationError(f"the answer does not fit: {'; '.join(wrong)}")
        return checked


def _is_same(value: Any, choice: Any) -> bool:
    # True == 1 in Python, and is another answer all the same.
    try:
        return isinstance(value, bool) is isinstance(choice, bool) and bool(value == choice)
    except Exception:  # an answer in code may be an array, which has no truth
        return False


def shown_value(value: Any) -> str:
    """The value as code writes it, cut."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


_EXPECTED = {
    "anything": "",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "yes or no",
}
_WORDS = {
    word: answer
    for answer, words in ((True, "yes y true on 1"), (False, "no n false off 0"))
    for word in words.split()
}
