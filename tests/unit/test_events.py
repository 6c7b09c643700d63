"""Events: names, fields, defaults, what may be in them where, and their way through pickle and JSON."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazen_nb.events import (
    Event,
    InputRequestEvent,
    InputResponseEvent,
    StartEvent,
    StopEvent,
    current_step,
    event_from_wire,
    is_json,
)


class Chunk(Event):
    text: str
    size: int = 4


class Wider(Chunk):
    size = 8
    colour: str = "red"


class Bare(Event):
    pass


class Named(Event):
    event_type = "my_app::Named"
    value: int = 1


@pytest.fixture
def in_a_step() -> Iterator[None]:
    token = current_step.set(SimpleNamespace(kept=None))
    yield
    current_step.reset(token)


def test_an_event_made_by_name_has_that_type_and_its_fields() -> None:
    event = Event("Chunk", text="ab", size=2)
    assert (event.event_type, event.text, event.size) == ("Chunk", "ab", 2)


def test_a_subclass_is_named_after_its_class() -> None:
    assert (Chunk(text="a").event_type, Chunk.event_type) == ("Chunk", "Chunk")
    assert Bare(anything=1).anything == 1


def test_a_subclass_may_choose_its_type_name() -> None:
    assert Named().event_type == "my_app::Named"
    assert Named().to_dict() == {"value": 1}


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (StartEvent(), "blazen::StartEvent"),
        (StopEvent(), "blazen::StopEvent"),
        (InputRequestEvent(), "blazen::InputRequestEvent"),
        (InputResponseEvent(), "blazen::InputResponseEvent"),
    ],
)
def test_the_built_in_events_have_blazens_names(made: Event, name: str) -> None:
    assert made.event_type == name


def test_a_built_in_event_may_be_made_by_name() -> None:
    made = Event("blazen::InputRequestEvent", request_id="q", prompt="?", metadata={})
    assert made == InputRequestEvent(request_id="q", prompt="?", metadata={})


def test_an_event_without_a_type_name_is_refused() -> None:
    with pytest.raises(TypeError, match="needs a type name"):
        Event(x=1)


def test_fields_of_a_subclass_are_keyword_only() -> None:
    with pytest.raises(TypeError, match="by keyword only"):
        Chunk("text")


def test_annotated_attributes_are_defaults_that_a_subclass_inherits() -> None:
    assert Chunk(text="a").size == 4
    assert Wider(text="a").to_dict() == {"size": 4, "colour": "red", "text": "a"}
    assert Chunk(text="a", size=1).size == 1


def test_a_default_list_is_not_shared_between_events() -> None:
    class Basket(Event):
        items: list[int] = []  # noqa: RUF012

    Basket().items.append(1)
    assert Basket().items == []


def test_event_type_is_no_field_because_it_would_change_where_the_event_goes() -> None:
    with pytest.raises(TypeError, match="give the field another name"):
        StartEvent(event_type="click")
    with pytest.raises(TypeError, match="give the field another name"):
        Event("Mid", event_type="click")


def test_a_stop_event_has_one_field() -> None:
    assert StopEvent().to_dict() == {"result": None}
    assert StopEvent(result=1).to_dict() == {"result": 1}


def test_a_missing_field_is_an_attribute_error_that_lists_the_others() -> None:
    with pytest.raises(AttributeError, match=r"Chunk has no field 'width'; its fields: size, text"):
        _ = Chunk(text="a").width
    with pytest.raises(AttributeError, match="its fields: none"):
        _ = Bare().x
    assert not hasattr(Bare(), "x")


def test_to_dict_is_a_new_dict() -> None:
    event = Chunk(text="a")
    event.to_dict()["text"] = "changed"
    assert event.text == "a"


def test_equal_type_and_fields_make_equal_events_whatever_the_class() -> None:
    assert Chunk(text="a") == Event("Chunk", size=4, text="a")
    assert Chunk(text="a") != Chunk(text="b")
    assert Chunk(text="a") != Event("Other", size=4, text="a")
    assert Chunk(text="a") != "Chunk"


def test_the_repr_reads_like_the_call_that_made_it() -> None:
    assert repr(Event("Mid")) == "Event('Mid')"
    assert repr(Event("Mid", x=1)) == "Event('Mid', x=1)"
    assert repr(Chunk(text="a")) == "Chunk(size=4, text='a')"


# --- what may be in an event ---------------------------------------------------------------------


@pytest.mark.parametrize("value", [object(), {1: 2}, (1, 2), {1}, b"x", lambda: None, [object()]])
def test_a_live_object_outside_a_step_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match=r"'x' of Mid .* outside an active workflow step"):
        Event("Mid", x=value)


@pytest.mark.usefixtures("in_a_step")
def test_inside_a_step_an_event_keeps_the_object_itself() -> None:
    value = object()
    assert Event("Mid", x=value).x is value


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(_json)
def test_json_values_are_allowed_and_come_back_equal(value: Any) -> None:
    event = Event("Mid", x=value)
    assert is_json(value)
    assert json.loads(event.data_json) == {"x": value}


@pytest.mark.parametrize("value", [(1,), {1: 1}, {"a": (1,)}, [b""], True.__class__, 1j])
def test_what_json_would_give_back_as_something_else_is_not_json(value: Any) -> None:
    assert not is_json(value)


def test_a_subclass_of_a_json_type_is_not_json() -> None:
    class Text(str):
        pass

    assert not is_json(Text("a"))


# --- copies, pickle, wire ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        Event("Mid", x=[1, {"a": None}]),
        Chunk(text="a"),
        Named(value=2),
        StartEvent(a=1),
        StopEvent(result={"a": 1}),
    ],
)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_an_event_survives_pickle(event: Event, protocol: int) -> None:
    back = pickle.loads(pickle.dumps(event, protocol))
    assert type(back) is type(event)
    assert back == event
    assert back.to_dict() == event.to_dict()


def test_a_pickled_event_keeps_values_that_are_not_json() -> None:
    token = current_step.set(SimpleNamespace(kept=None))
    try:
        event = Chunk(text="a", where=(1, 2))
    finally:
        current_step.reset(token)
    assert pickle.loads(pickle.dumps(event)).where == (1, 2)


def test_copies_are_independent_down_to_the_level_asked_for() -> None:
    event = Event("Mid", x=[1])
    assert copy.copy(event).x is event.x
    assert copy.deepcopy(event).x is not event.x
    assert copy.deepcopy(event) == event


def test_the_result_of_a_stop_event_is_its_json() -> None:
    assert StopEvent(result={"ü": [1, 2]}).data_json == '{"ü":[1,2]}'
    assert StopEvent().data_json == "null"


def test_a_stop_event_that_came_over_the_wire_gives_the_text_as_received() -> None:
    event = StopEvent(result=1.0)
    event.received_json = "1.00"
    assert event.data_json == "1.00"


def test_an_event_from_the_wire_has_the_built_in_class_of_its_name() -> None:
    stop = event_from_wire("blazen::StopEvent", {"result": 1})
    assert (type(stop), stop) == (StopEvent, StopEvent(result=1))
    other = event_from_wire("Chunk", {"text": "a"})
    assert (type(other), other.event_type, other.text) == (Event, "Chunk", "a")
