"""What an answer has to be: schemas read, answers checked, texts understood."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazen_nb import ValidationError
from blazen_nb.engine.schema import binding_schema, read_schema, shown_schema

EPOCHS = {"type": "integer", "minimum": 1, "maximum": 10, "default": 3}
FORM = {
    "properties": {
        "epochs": EPOCHS,
        "name": {"type": "string", "title": "Your name"},
        "kind": ["small", "large"],
        "keep": bool,
    },
    "required": ["name", "kind"],
}


@pytest.mark.parametrize(
    ("schema", "source"),
    [
        (None, {}),
        (bool, {"type": "boolean"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (str, {"type": "string"}),
        (["yes", "no"], {"enum": ["yes", "no"]}),
        ((1, 2), {"enum": [1, 2]}),
        ({"properties": {"n": int}}, {"type": "object", "properties": {"n": {"type": "integer"}}}),
    ],
)
def test_a_shorthand_travels_written_out(schema: Any, source: dict[str, Any]) -> None:
    assert read_schema(schema).source == source
    assert read_schema(read_schema(schema).source) == read_schema(schema)


@pytest.mark.parametrize(
    ("schema", "answer", "checked"),
    [
        (None, {"any": [1, object]}, {"any": [1, object]}),
        (str, "", ""),
        (int, 3, 3),
        (int, 3.0, 3),
        (int, 10**400, 10**400),
        (float, 3, 3),
        (float, 0.5, 0.5),
        (bool, False, False),
        ([1, "1", 2.5][1:], 2.5, 2.5),
        (EPOCHS, 10, 10),
        (FORM, {"name": "Ada", "kind": "small"}, {"epochs": 3, "name": "Ada", "kind": "small"}),
        (
            FORM,
            {"name": "", "kind": "large", "epochs": 1.0, "keep": True},
            {"epochs": 1, "name": "", "kind": "large", "keep": True},
        ),
    ],
)
def test_an_answer_that_fits_is_taken(schema: Any, answer: Any, checked: Any) -> None:
    got = read_schema(schema).checked(answer)
    assert got == checked
    assert type(got) is type(checked)


@pytest.mark.parametrize(
    ("schema", "answer", "says"),
    [
        (str, 3, "the answer must be text, not 3"),
        (int, "3", "must be a whole number, not '3'"),
        (int, 3.5, "not 3.5"),
        (int, True, "not True"),
        (int, float("inf"), "not inf"),
        (float, float("nan"), "must be a number, not nan"),
        (bool, 1, "must be yes or no, not 1"),
        (EPOCHS, 11, "must be a whole number from 1 to 10, not 11"),
        ({"type": "number", "minimum": 0.5}, 0.25, "a number of at least 0.5, not 0.25"),
        ({"type": "number", "maximum": 1000000}, 1e7, "a number of at most 1000000"),
        ([1, 2], True, "one of 1, 2, not True"),
        (["yes", "no"], "maybe", "one of 'yes', 'no', not 'maybe'"),
        (["yes", "no"], ["yes"], "not ['yes']"),
        (FORM, "Ada", "must be a dict with epochs, name, kind, keep"),
        (FORM, {"kind": "small"}, "name is missing"),
        (FORM, {"name": None, "kind": "small"}, "name is missing"),
        (
            FORM,
            {"name": "Ada", "kind": "tiny", "epochs": 0},
            "epochs must be a whole number from 1",
        ),
        (FORM, {"name": "Ada", "kind": "tiny", "epochs": 0}, "; kind must be one of"),
        (FORM, {"name": "Ada", "kind": "small", "hue": 1}, "'hue' is not asked for"),
        (str, ["x" * 100], "..."),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_told_why(
    schema: Any, answer: Any, says: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        read_schema(schema).checked(answer)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("yes", "no schema"),
        (dict, "no schema"),
        ([], "the choices of the schema are"),
        ([["a"]], "the choices of the schema are"),
        ([1, "1"], "read the same"),
        ({"enum": [1, "a"], "type": "integer"}, "not all of type"),
        ({"type": "array"}, "type 'array'; supported are string"),
        ({"type": ["string", "null"]}, "type ['string', 'null']"),
        ({"type": "string", "pattern": "a+"}, "says pattern, which is not supported"),
        ({"type": "string", "minimum": 1}, "says minimum"),
        ({"type": "integer", "minimum": "1"}, "minimum is a number"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "admits nothing"),
        ({"type": "integer", "default": "3"}, "the default of the schema must be a whole number"),
        ({"type": "string", "title": 1}, "title is text"),
        ({"type": "object"}, "needs properties"),
        ({"properties": {}}, "needs properties"),
        ({"properties": {"a": {}}}, "property 'a' needs a type or an enum"),
        ({"properties": {"a": FORM}}, "property 'a' has type 'object'"),
        ({"properties": {"a": int}, "required": ["b"]}, "required lists names"),
        ({"properties": {"a": int}, "required": "a"}, "required lists names"),
        ({"properties": {"a": int}, "default": 3}, "the default of an object is a dict"),
        ({"properties": {"a": int}, "default": {"b": 1}}, "'b' is not asked for"),
        ({"properties": {"a": int}, "additionalProperties": False}, "says additionalProperties"),
        ({"properties": {1: int}}, "the names of properties are texts"),
        ({"description": {1, 2}}, "must be JSON"),
    ],
)
def test_what_is_no_schema_or_none_that_we_check_is_refused(schema: Any, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read_schema(schema)
    assert says in str(caught.value)


def test_a_default_is_checked_travels_and_is_what_fields_start_with() -> None:
    assert read_schema(int, 3).source == {"type": "integer", "default": 3}
    assert read_schema(EPOCHS, 4).default == 4
    with pytest.raises(ValidationError, match="the default of the schema must be a whole number"):
        read_schema(int, "3")
    form = read_schema(FORM, {"name": "Ada", "kind": "large"})
    assert form.default == {"epochs": 3, "name": "Ada", "kind": "large"}
    assert [field.default for field in form.fields] == [3, "Ada", "large", None]
    with pytest.raises(ValidationError, match=r"the default does not fit the schema: .*kind"):
        read_schema(FORM, {"name": "Ada"})


@pytest.mark.parametrize(
    ("schema", "text", "meant"),
    [
        (None, " as it is ", " as it is "),
        (None, "", ""),
        (str, " as it is ", " as it is "),
        (int, " 12 ", 12),
        (float, "12", 12),
        (float, "1e-3", 0.001),
        (bool, "Yes", True),
        (bool, "off", False),
        (["Yes", "no"], "yes", "Yes"),
        (["a", "A"], "A", "A"),
        ([1, 2], "2", 2),
        (EPOCHS, "", 3),
    ],
)
def test_a_text_is_understood_as_the_value_that_is_asked_for(
    schema: Any, text: str, meant: Any
) -> None:
    got = read_schema(schema).fields[0].typed(text)
    assert (got, type(got)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("schema", "text", "says"),
    [
        (str, "", "is needed"),
        (int, "three", "must be a whole number, not 'three'"),
        (EPOCHS, "99", "from 1 to 10, not 99"),
        (bool, "perhaps", "must be yes or no"),
        (["a", "A", "b"], "c", "must be one of 'a', 'A', 'b'"),
    ],
)
def test_a_text_that_means_no_such_value_is_refused(schema: Any, text: str, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read_schema(schema).fields[0].typed(text)
    assert says in str(caught.value)


def test_what_may_be_left_out_is_left_out_where_nothing_is_typed() -> None:
    keep = read_schema(FORM).fields[3]
    assert keep.typed(" ") is None


def test_metadata_binds_by_a_schema_only_and_shows_choices_too() -> None:
    assert binding_schema({"schema": EPOCHS}) == read_schema(EPOCHS)
    for metadata in (None, 1, {"schema": {"type": "array"}}, {"schema": "?"}, {"choices": ["a"]}):
        assert binding_schema(metadata) is None
    assert shown_schema({"choices": ["a", ["b"]]}).fields[0].choices == ("a", ["b"])
    assert shown_schema({"schema": EPOCHS}).fields[0].kind == "integer"
    assert shown_schema({"schema": {"type": "array"}}).fields[0].kind == "anything"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["type", "enum", "properties", "required", "default", "minimum", "maximum", "title"]
)
VALUES = JSON | st.sampled_from(["object", "integer", "string", "boolean", "number"])


@given(st.dictionaries(KEYS, VALUES) | JSON, JSON)
def test_whatever_is_given_is_a_schema_and_an_answer_or_refused(schema: Any, answer: Any) -> None:
    try:
        read = read_schema(schema)
    except ValidationError:
        return
    try:
        checked = read.checked(answer)
    except ValidationError:
        return
    assert read.checked(checked) == checked or checked != checked
