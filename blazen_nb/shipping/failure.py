"""An exception as plain data that crosses the wire, and an exception again; keeps no frame and no path."""

from __future__ import annotations

import builtins
import json
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from textwrap import indent
from typing import Any

from blazen_nb import errors
from blazen_nb.errors import BlazenError, EncodeError, Failure, text_of, unicode_of
from blazen_nb.events import is_json
from blazen_nb.shipping.diversion import Leaf
from blazen_nb.shipping.frames import cut_frames, frames_of, origin_of, render_text
from blazen_nb.shipping.missing import missing_module
from blazen_nb.shipping.modules import notebook_name
from blazen_nb.shipping.values import EncodedValue, decode, decode_leaf, encode, encode_leaf

PLAIN = "exception"
"""The codec of exceptions that need no pickle: a builtin or blazen_nb class with JSON arguments."""

_LONGEST_MESSAGE = 8_000
_LARGEST_EXCEPTION = 64 << 10
_MOST_RELATED = 3
_PYTHON_FOLDERS = sorted(
    {
        os.path.join(folder, "")
        for folder in (
            sysconfig.get_path("stdlib"),
            sys.prefix,
            sys.base_prefix,
            os.path.dirname(os.path.dirname(os.path.abspath(errors.__file__))),
        )
        if len(folder) > 1
    },
    key=len,
    reverse=True,
)
_WORD = re.compile(r"[^\s'\"(<=]+")
_SHOWN_FROM = re.compile(r"(?:site|dist)-packages[/\\]|ipykernel_\d+[/\\]")


class RemoteException(Exception):
    """Stands in for an exception whose class cannot be had here; its text is the original's headline."""


def describe_exception(
    error: BaseException,
    *,
    step_id: str | None = None,
    attempt: int = 1,
    home: str = "__main__",
    same_minor: bool = True,
) -> Failure:
    """The exception as data; nothing in it refers to the exception, its frames or their locals.

    Args:
        error: What the step raised.
        step_id: The step.
        attempt: Which try of the step.
        home: The namespace's module; its classes are named without it.
        same_minor: Whether the other side runs this Python minor.
    """
    frames = frames_of(error)
    notes = tuple(_without_folders(unicode_of(note)) for note in _notes(error, home))
    tail = [_headline(error, home), *(indent(note, "  ") for note in notes)]
    tail += [*_group_lines(error, home), *_related_lines(error, home)]
    return Failure(
        type_name=_type_name(error, home),
        message=_message(error),
        notes=notes,
        step_id=step_id,
        attempt=attempt,
        frames=cut_frames(frames),
        traceback=render_text(frames, tail),
        exception=_encode(error, home, same_minor),
    )


def rebuild_exception(failure: Failure, *, trusted: bool, home: str = "__main__") -> BaseException:
    """The original exception where its class and arguments can be had here, else a RemoteException; with its notes.

    Args:
        failure: What the other side described.
        trusted: Whether the other side may run code here; exceptions that need no pickle come back without it.
        home: The module in which the user's own classes are looked up.
    """
    error = _decode(failure.exception, trusted, home) if failure.exception else None
    if error is None:
        error = RemoteException(failure.headline)
    existing = getattr(error, "__notes__", ())
    for note in failure.notes:
        if note not in existing:
            error.add_note(note)
    return error


def _notes(error: BaseException, home: str) -> Iterator[str]:
    yield from map(str, getattr(error, "__notes__", ()))
    if isinstance(error, ModuleNotFoundError) and (advice := missing_module(error, home)):
        yield advice


def _headline(error: BaseException, home: str) -> str:
    name, message = _type_name(error, home), _message(error)
    return f"{name}: {message}" if message else name


def _type_name(error: BaseException, home: str) -> str:
    cls = type(error)
    if cls.__module__ in ("builtins", "__main__", home):
        return cls.__qualname__
    return notebook_name(f"{cls.__module__}.{cls.__qualname__}")


def _message(error: BaseException) -> str:
    text = unicode_of(str(error.msg)) if isinstance(error, SyntaxError) else text_of(error)
    if len(text) > _LONGEST_MESSAGE:
        text = f"{text[:_LONGEST_MESSAGE]}... ({len(text) - _LONGEST_MESSAGE:,} more characters)"
    return _without_folders(text)


def _without_folders(text: str) -> str:
    """The text without the folders of this machine's Python, packages and user, and a namespace's name for a module."""
    text = notebook_name(text)
    if _SHOWN_FROM.search(text):
        text = _WORD.sub(lambda word: _SHOWN_FROM.split(word[0])[-1], text)
    home = os.path.expanduser("~")
    for folder in _PYTHON_FOLDERS:
        text = text.replace(folder, "")
    return text.replace(os.path.join(home, ""), "~/") if len(home) > 1 else text


def _related_lines(error: BaseException, home: str) -> Iterator[str]:
    seen = {id(error)}
    for _ in range(_MOST_RELATED):
        if error.__cause__ is not None:
            relation, related = "caused by", error.__cause__
        elif error.__context__ is not None and not error.__suppress_context__:
            relation, related = "while handling", error.__context__
        else:
            return
        if id(related) in seen:
            return
        seen.add(id(related))
        error = related
        yield f"  {relation} {_in_one_line(error, home)}"


def _group_lines(error: BaseException, home: str) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        for number, member in enumerate(error.exceptions[:4], start=1):
            yield f"  {number}. {_in_one_line(member, home)}"
        if len(error.exceptions) > 4:
            yield f"  ... {len(error.exceptions) - 4:,} more"


def _in_one_line(error: BaseException, home: str) -> str:
    headline = (_headline(error, home).splitlines() or [""])[0][:200]
    frames = frames_of(error)
    place = next((frame for frame in reversed(frames) if frame.origin == "cell"), None)
    if place is None and frames and frames[-1].origin != "own":
        place = frames[-1]
    return f"{headline} ({place.place})" if place else headline


def _encode(error: BaseException, home: str, same_minor: bool) -> Leaf | None:
    try:
        plain = _encode_plain(error)
        if plain is not None:
            return PLAIN, plain
        return encode_leaf(error, home=home, same_minor=same_minor, limit=_LARGEST_EXCEPTION)
    except Exception:  # a user's class may raise anything; the text still travels
        return None


def _encode_plain(error: BaseException) -> bytes | None:
    cls = type(error)
    if cls.__module__ not in ("builtins", errors.__name__):
        return None
    args: tuple[Any, ...] = error.args
    state = dict(error.__dict__)
    if isinstance(error, BlazenError):
        if not is_json(state):
            return None
    else:
        args, state = _builtin_parts(error)
    encoded = encode({"args": [_cleaned(arg) for arg in args], "state": state})
    if encoded.leaves or len(encoded.json) > _LARGEST_EXCEPTION:
        return None
    head = json.dumps([cls.__module__, cls.__qualname__]).encode()
    return head + b"\n" + encoded.json


def _builtin_parts(error: BaseException) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments and attributes of a builtin exception; live objects and paths among them are left out."""
    if isinstance(error, SyntaxError) and error.filename:
        label = origin_of(str(error.filename), None)[0]
        place = (label, error.lineno, error.offset, error.text, error.end_lineno, error.end_offset)
        return (error.msg, place), {}
    reduced: Any = error.__reduce__()
    attributes = reduced[2] if len(reduced) > 2 and isinstance(reduced[2], dict) else {}
    state = {
        name: _cleaned(value)
        for name, value in attributes.items()
        if name not in ("path", "obj", "args") and is_json(value)
    }
    if isinstance(error, (NameError, AttributeError)) and isinstance(error.name, str):
        state["name"] = error.name  # Python 3.11 leaves it out
    return reduced[1], state


def _cleaned(arg: Any) -> Any:
    return _without_folders(arg) if isinstance(arg, str) else arg


def _decode(exception: Leaf, trusted: bool, home: str) -> BaseException | None:
    tag, payload = exception
    try:
        error = (
            _decode_plain(payload)
            if tag == PLAIN
            else decode_leaf(tag, payload, trusted=trusted, home=home)
        )
    except Exception:  # whatever is wrong with it, the stand-in is what remains
        return None
    return error if isinstance(error, BaseException) else None


def _decode_plain(payload: bytes) -> BaseException:
    head, _, body = payload.partition(b"\n")
    module, name = json.loads(head)
    holder: Any = {"builtins": builtins, errors.__name__: errors}[module]
    cls = getattr(holder, name)
    if not (isinstance(cls, type) and issubclass(cls, BaseException)):
        raise EncodeError(f"{name} is no exception")
    parts = decode(EncodedValue(body), trusted=False)
    args = parts["args"]
    # Errors of this package may have keyword arguments, so their initialiser is passed by, as in unpickling.
    error: BaseException = cls.__new__(cls, *args) if issubclass(cls, BlazenError) else cls(*args)
    for attribute, value in parts["state"].items():
        setattr(error, attribute, value)
    return error
