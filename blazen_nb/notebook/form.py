"""The form in which a person answers a run's question while its cell waits; starts and ends no run.

It draws what the question's schema asks for, one widget a value, and says at each what is wrong with it. Whether a
question is still open the run says: the form goes when it is answered, here or anywhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from typing import Any, NamedTuple

from blazen_nb.engine.fields import AnswerSchema, Field
from blazen_nb.engine.schema import shown_schema
from blazen_nb.errors import BlazenError, ValidationError
from blazen_nb.notebook.subshell import answer_on_subshell, close_widget, over
from blazen_nb.render.markup import esc
from blazen_nb.render.style import form_style_tag
from blazen_nb.updates import InputRequested

_LABEL_CHARACTERS = 28
"""A longer label is cut; the whole of it shows when the pointer rests on it."""


class InputForm:
    """The fields of the question that was asked first, and a button; not there while nothing is asked.

    The cell's thread calls its methods; the callbacks of its widgets come on a kernel subshell.

    Args:
        answer: Sends the answer to the question of this ID; raises BlazenError where that is not taken.
    """

    def __init__(self, answer: Callable[[str, Any], None]) -> None:
        import ipywidgets

        self._make = ipywidgets
        self._answer = answer
        self._waiting: list[InputRequested] = []
        self.box = ipywidgets.Box(layout={"display": "none"})
        self.box.add_class("bzn-s").add_class("bzn-form")

    def ask(self, question: InputRequested) -> None:
        """The question can be answered, after those before it."""
        self._waiting.append(question)
        if len(self._waiting) == 1:
            self._show()

    def keep_only(self, open_questions: Container[str]) -> None:
        """Those with other IDs are not open any more; the next one shows."""
        shown = self._waiting[:1]
        self._waiting = [each for each in self._waiting if each.request_id in open_questions]
        if self._waiting[:1] != shown:
            self._show()

    def close(self) -> None:
        """Nothing of it is left."""
        self._waiting.clear()
        self._clear()
        close_widget(self.box)
        self._answer = over  # as the widgets do, its callbacks make a cycle

    def _show(self) -> None:
        self._clear()
        if not self._waiting:
            self.box.layout.display = "none"
            return
        schema = shown_schema(self._waiting[0].metadata)
        style = self._make.HTML(form_style_tag(), layout={"display": "none"})
        self.box.children = (style, *self._widgets(self._waiting[0], schema))
        self.box.layout.flex_flow = "column" if schema.is_object else "row wrap"
        self.box.layout.display = ""

    def _widgets(self, question: InputRequested, schema: AnswerSchema) -> list[Any]:
        indent = _indent(schema)
        rows = [_Row(self._make, field, indent) for field in schema.fields]
        button = self._make.Button(description="Send", tooltip="Answer the run's question")
        button.layout.margin = indent.margin
        said = _Line(self._make, indent)

        def send(*_: Any) -> None:
            values = [row.value() for row in rows]
            if any(row.is_wrong for row in rows):
                return
            button.disabled = True
            said.say("")
            try:
                self._answer(question.request_id, _answer_of(schema, values))
            except BlazenError as error:  # not taken, or nobody is there: a second try may help
                said.say(str(error))
                button.disabled = False

        button.on_click(send)
        for row in rows:
            row.widget.on_msg(
                lambda _, content, __: send() if content.get("event") == "submit" else None
            )
        for widget in (button, *(row.widget for row in rows)):
            answer_on_subshell(widget)
        about = [_about(self._make, schema.description, _NO_INDENT)] if schema.description else []
        if schema.is_object:
            return [*about, *(part for row in rows for part in row.parts), button, said.widget]
        field, *below = rows[0].parts
        return [*about, field, button, *below, said.widget]

    def _clear(self) -> None:
        children, self.box.children = self.box.children, ()
        for widget in children:
            close_widget(widget)


class _Indent(NamedTuple):
    """How far the fields of a form stand in from their labels, in the units of CSS."""

    label: str
    margin: str
    width: str
    """Of a field with its label."""


_NO_INDENT = _Indent("0", "0", "20em")


def _indent(schema: AnswerSchema) -> _Indent:
    # The word beside a checkbox stands where the others have their field.
    labels = [len(field.label) for field in schema.fields if field.kind != "boolean"]
    longest = min(max(labels, default=0), _LABEL_CHARACTERS)
    if not longest:
        return _NO_INDENT
    label = f"{longest + 1}ch"
    return _Indent(label, f"0 0 0 calc({label} + 8px)", f"calc({label} + 20em)")


class _Line:
    """A line that says what is wrong; not there while nothing is."""

    def __init__(self, make: Any, indent: _Indent) -> None:
        self.widget = make.HTML(layout={"width": "100%", "display": "none"})
        self._start = f'<div class="bzn-wrong" role="alert" style="margin:{indent.margin}">'

    @property
    def is_there(self) -> bool:
        """Whether something is wrong."""
        return bool(self.widget.value)

    def say(self, text: str) -> None:
        """This is wrong; nothing where it is empty."""
        self.widget.value = f"{self._start}{esc(text)}</div>" if text else ""
        self.widget.layout.display = "" if text else "none"


class _Row:
    """One value: its widget, what it is about, and what is wrong with it."""

    def __init__(self, make: Any, field: Field, indent: _Indent) -> None:
        self.field = field
        self.widget = _widget(make, field)
        self.widget.style.description_width = indent.label
        self.widget.layout.width = indent.width
        self._read = field.typed if type(self.widget) is make.Text else field.checked
        self._problem = _Line(make, indent)
        about = [_about(make, field.description, indent)] if field.description else []
        self.parts = [self.widget, *about, self._problem.widget]

    @property
    def is_wrong(self) -> bool:
        """Whether the last value was refused."""
        return self._problem.is_there

    def value(self) -> Any:
        """What the person gives; None where nothing, or nothing that fits: then it is said below the widget."""
        self._problem.say("")
        try:
            return self._read(self.widget.value)
        except ValidationError as error:
            self._problem.say(f"{self.field.label or 'It'} {error}")
            return None


def _answer_of(schema: AnswerSchema, values: list[Any]) -> Any:
    if not schema.is_object:
        return values[0]
    named = zip(schema.fields, values, strict=True)
    return {field.name: value for field, value in named if value is not None}


def _widget(make: Any, field: Field) -> Any:
    """The core widget for a value of this kind.

    Numbers are not bounded by their widget: it would send the nearest one instead of what was typed.
    """
    named = {"description": field.label, "tooltip": field.label}
    start = field.default
    if field.kind == "choice":
        options = [(str(choice), choice) for choice in field.choices]
        chosen = field.choices[0] if start is None else start
        return make.Dropdown(options=options, value=chosen, **named)
    if field.kind == "boolean":
        return make.Checkbox(value=bool(start), indent=bool(field.name), **named)
    if field.kind in ("integer", "number") and (field.required or start is not None):
        number = make.IntText if field.kind == "integer" else make.FloatText
        first = start if start is not None else field.minimum or 0
        return number(value=math.ceil(first) if field.kind == "integer" else first, **named)
    hint = field.expected if field.kind not in ("anything", "string") else "Your answer"
    return make.Text(value=str(start or ""), placeholder=hint, **named)


def _about(make: Any, text: str, indent: _Indent) -> Any:
    html = f'<div class="bzn-m" style="margin:{indent.margin}">{esc(text)}</div>'
    return make.HTML(html, layout={"width": "100%"})
