"""What the answer to a question must look like: a small part of JSON Schema, read once and alike on every side; pure.

Whoever asks reads the schema here, whoever shows the question draws its fields, and the peer checks the answer.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from blazen_nb.engine.fields import AnswerSchema, Field, FieldKind, shown_value
from blazen_nb.errors import ValidationError

_SHORT: dict[type, FieldKind] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
}
_KINDS: tuple[FieldKind, ...] = ("string", "number", "integer", "boolean")
_ABOUT = {"title", "description", "default"}


def read_schema(schema: Any, default: Any = None) -> AnswerSchema:
    """The schema that this stands for: JSON Schema, a list of choices, ``bool``, ``int``, ``float`` or ``str``.

    Args:
        schema: None where any answer will do.
        default: The answer where none comes, and what a form starts with; goes before that of the schema.

    Raises:
        ValidationError: It is no schema, uses a part of JSON Schema that is not supported, or its default does not fit.
    """
    source = _written_out({} if schema is None else schema)
    if default is not None:
        source = {**source, "default": default}
    if not _is_json(source):
        raise ValidationError(f"the schema must be JSON, and {shown_value(source)} is not")
    made = _object(source) if source.get("type") == "object" else _single(source)
    if made.default is None:
        return made
    try:
        return replace(made, default=made.checked(made.default))
    except ValidationError as error:
        raise ValidationError(f"the default does not fit the schema: {error}") from None


def binding_schema(metadata: Any) -> AnswerSchema | None:
    """What the answer to a question with this metadata has to be; None where it says nothing that we understand."""
    if isinstance(metadata, dict) and isinstance(metadata.get("schema"), dict):
        try:
            return read_schema(metadata["schema"])
        except ValidationError:
            return None  # an event that a step made itself may carry what it likes
    return None


def shown_schema(metadata: Any) -> AnswerSchema:
    """How to ask for the answer to a question with this metadata: by its schema, its ``choices``, or as free text."""
    bound = binding_schema(metadata)
    if bound is not None:
        return bound
    choices = metadata.get("choices") if isinstance(metadata, dict) else None
    if isinstance(choices, list) and choices:
        return AnswerSchema(fields=(Field(kind="choice", choices=tuple(choices)),), source={})
    return AnswerSchema(source={})


def _written_out(schema: Any) -> dict[str, Any]:
    """The schema without shorthands."""
    if isinstance(schema, type) and schema in _SHORT:
        return {"type": _SHORT[schema]}
    if isinstance(schema, list | tuple):
        return {"enum": list(schema)}
    if not isinstance(schema, dict):
        raise ValidationError(
            f"{shown_value(schema)} is no schema; give a dict of JSON Schema, a list of choices, bool, int, float or str"
        )
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return dict(schema)
    written = {name: _written_out(each) for name, each in properties.items()}
    return {**schema, "type": schema.get("type", "object"), "properties": written}


def _single(source: dict[str, Any]) -> AnswerSchema:
    field = _field(source, "", required=bool(source.keys() - _ABOUT))
    return AnswerSchema(fields=(field,), default=field.default, source=source)


def _object(source: dict[str, Any]) -> AnswerSchema:
    _refuse_unknown(source, {"type", "properties", "required", *_ABOUT}, "an object")
    properties = source.get("properties")
    required = source.get("required", [])
    default = source.get("default", {})
    if not isinstance(properties, dict) or not properties:
        raise ValidationError("the schema of an object needs properties: {name: schema}")
    if not all(isinstance(name, str) and name for name in properties):
        raise ValidationError(f"the names of properties are texts: {shown_value(list(properties))}")
    if not isinstance(required, list) or not all(name in list(properties) for name in required):
        raise ValidationError(f"required lists names of properties, not {shown_value(required)}")
    if not isinstance(default, dict):
        raise ValidationError(f"the default of an object is a dict, not {shown_value(default)}")
    fields = []
    for name, each in properties.items():
        start = {"default": default[name]} if name in default else {}
        fields.append(_field({**each, **start}, name, required=name in required))
    return AnswerSchema(
        fields=tuple(fields),
        is_object=True,
        description=_text(source, "description") or _text(source, "title"),
        default=source.get("default"),
        source=source,
    )


def _field(source: dict[str, Any], name: str, *, required: bool) -> Field:
    """The field, its default checked."""
    where = f"property {name!r}" if name else "the schema"
    kind: FieldKind = "anything"
    keywords = set(_ABOUT)
    if "enum" in source:
        kind = "choice"
        keywords |= {"enum", "type"}
    elif "type" in source:
        if source["type"] not in _KINDS:
            raise ValidationError(
                f"{where} has type {shown_value(source['type'])}; supported are {', '.join(_KINDS)}, and object one level deep"
            )
        kind = source["type"]
        keywords |= {"type"} | ({"minimum", "maximum"} if kind in ("number", "integer") else set())
    elif name:
        raise ValidationError(f"{where} needs a type or an enum")
    _refuse_unknown(source, keywords, where)
    field = Field(
        name=name,
        kind=kind,
        title=_text(source, "title"),
        description=_text(source, "description"),
        choices=_choices(source, where) if kind == "choice" else (),
        minimum=_bound(source, "minimum"),
        maximum=_bound(source, "maximum"),
        required=required,
    )
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        raise ValidationError(f"{where} admits nothing: its minimum is above its maximum")
    if source.get("default") is None:
        return field
    try:
        return replace(field, default=field.checked(source["default"]))
    except ValidationError as error:
        raise ValidationError(f"the default of {where} {error}") from None


def _choices(source: dict[str, Any], where: str) -> tuple[Any, ...]:
    choices = source["enum"]
    scalars = isinstance(choices, list) and all(
        isinstance(choice, str | int | float) for choice in choices
    )
    if not scalars or not choices:
        raise ValidationError(
            f"the choices of {where} are a list of texts, numbers or booleans, not {shown_value(choices)}"
        )
    if len({str(choice) for choice in choices}) < len(choices):
        raise ValidationError(f"two choices of {where} read the same: {shown_value(choices)}")
    wanted = source.get("type")
    if wanted is not None:
        alike = wanted in _KINDS and all(Field(kind=wanted).fits(choice) for choice in choices)
        if not alike:
            raise ValidationError(
                f"the choices of {where} are not all of type {shown_value(wanted)}"
            )
    return tuple(choices)


def _refuse_unknown(source: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(str(key) for key in source.keys() - known)
    if unknown:
        raise ValidationError(
            f"{where} says {', '.join(unknown)}, which is not supported there; supported: {', '.join(sorted(known))}"
        )


def _text(source: dict[str, Any], key: str) -> str:
    text = source.get(key, "")
    if not isinstance(text, str):
        raise ValidationError(f"{key} is text, not {shown_value(text)}")
    return text


def _bound(source: dict[str, Any], key: str) -> float | None:
    bound = source.get(key)
    if bound is not None and not Field(kind="number").fits(bound):
        raise ValidationError(f"{key} is a number, not {shown_value(bound)}")
    return bound


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
