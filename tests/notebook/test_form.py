"""The form of a question, driven without a front end: what it draws, what it sends, and when it goes."""

from __future__ import annotations

from typing import Any

import ipywidgets
import pytest

from blazen_nb.errors import ValidationError
from blazen_nb.notebook.form import InputForm
from blazen_nb.updates import InputRequested


class Asked:
    """A form, and the answers that it sent; ``refusal`` is raised where an answer arrives."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.refusal = ""
        self.form = InputForm(self._take)

    def _take(self, request_id: str, answer: Any) -> None:
        if self.refusal:
            raise ValidationError(self.refusal)
        self.sent.append((request_id, answer))

    def ask(self, metadata: Any = None, request_id: str = "q") -> Asked:
        self.form.ask(
            InputRequested(run_id="r", seq=1, request_id=request_id, prompt="?", metadata=metadata)
        )
        return self

    @property
    def shown(self) -> bool:
        return bool(self.form.box.layout.display != "none")

    @property
    def fields(self) -> list[Any]:
        kinds = (
            ipywidgets.Text,
            ipywidgets.Dropdown,
            ipywidgets.Checkbox,
            ipywidgets.IntText,
            ipywidgets.FloatText,
        )
        return [each for each in self.form.box.children if isinstance(each, kinds)]

    @property
    def button(self) -> Any:
        (button,) = [each for each in self.form.box.children if type(each) is ipywidgets.Button]
        return button

    @property
    def wrong(self) -> str:
        pages = [each.value for each in self.form.box.children if type(each) is ipywidgets.HTML]
        return "".join(page for page in pages if 'role="alert"' in page)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.mark.parametrize(
    ("metadata", "kind", "start"),
    [
        (None, ipywidgets.Text, ""),
        ({"schema": {"default": "here"}}, ipywidgets.Text, "here"),
        ({"schema": {"type": "string"}}, ipywidgets.Text, ""),
        ({"schema": {"type": "boolean", "default": True}}, ipywidgets.Checkbox, True),
        ({"schema": {"type": "integer", "minimum": 1.5}}, ipywidgets.IntText, 2),
        ({"schema": {"type": "number", "minimum": 1.5}}, ipywidgets.FloatText, 1.5),
        ({"schema": {"type": "number"}}, ipywidgets.FloatText, 0.0),
        ({"schema": {"enum": ["a", "b"], "default": "b"}}, ipywidgets.Dropdown, "b"),
        ({"choices": ["yes", "no"]}, ipywidgets.Dropdown, "yes"),
        ({"schema": {"type": "array"}}, ipywidgets.Text, ""),
    ],
)
def test_a_question_is_drawn_by_what_it_asks_for(
    asked: Asked, metadata: Any, kind: type, start: Any
) -> None:
    (field,) = asked.ask(metadata).fields
    assert (type(field), field.value) == (kind, start)
    assert asked.shown


def test_what_does_not_fit_is_said_and_not_sent_and_what_fits_is(asked: Asked) -> None:
    (field,) = asked.ask({"schema": {"type": "integer", "maximum": 3}}).fields
    field.value = 4
    asked.button.click()
    assert "It must be a whole number of at most 3, not 4" in asked.wrong
    assert asked.sent == []
    assert not asked.button.disabled
    field.value = 3
    asked.button.click()
    assert asked.sent == [("q", 3)]
    assert asked.wrong == ""
    assert asked.button.disabled


def test_an_object_has_a_field_a_value_leaves_out_what_is_left_empty_and_names_what_is_wrong(
    asked: Asked,
) -> None:
    properties = {
        "name": {"type": "string", "title": "Your <name>"},
        "rate": {"type": "number"},
        "keep": {"type": "boolean"},
    }
    asked.ask({"schema": {"type": "object", "properties": properties, "required": ["name"]}})
    name, rate, keep = asked.fields
    assert (name.description, rate.placeholder) == ("Your <name>", "a number")
    rate.value = "much"
    asked.button.click()
    assert "Your &lt;name&gt; is needed" in asked.wrong
    assert "rate must be a number, not &#x27;much&#x27;" in asked.wrong
    name.value, rate.value, keep.value = "Ada", "", True
    asked.button.click()
    assert asked.sent == [("q", {"name": "Ada", "keep": True})]


def test_an_answer_that_the_run_refuses_is_told_and_may_be_given_again(asked: Asked) -> None:
    (field,) = asked.ask().fields
    asked.refusal = "the run does not wait <here>"
    asked.button.click()
    assert "the run does not wait &lt;here&gt;" in asked.wrong
    asked.refusal, field.value = "", "again"
    asked.button.click()
    assert asked.sent == [("q", "again")]
    assert asked.wrong == ""


def test_the_form_shows_the_next_question_once_one_is_closed_and_goes_with_the_last(
    asked: Asked,
) -> None:
    asked.ask(None, "one").ask({"choices": ["a"]}, "two")
    first = asked.fields[0]
    asked.form.keep_only({"one", "two"})
    assert asked.fields == [first]
    asked.form.keep_only({"two"})
    assert type(asked.fields[0]) is ipywidgets.Dropdown
    assert first.comm is None
    asked.form.keep_only(())
    assert not asked.shown
    assert asked.form.box.children == ()


def test_nothing_is_left_of_a_form_that_is_closed(asked: Asked) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    asked.ask({"schema": {"type": "object", "properties": {"a": {"type": "string"}}}})
    asked.form.close()
    assert not set(ipywidgets.widgets.widget._instances) - before
