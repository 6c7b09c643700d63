"""Words of a magic's line, and the notebook's values in them; knows no option and runs no cell.

IPython's own expansion is not used: where one name in the line is undefined it expands nothing and says nothing,
and it takes the braces of JSON for expressions.
"""

from __future__ import annotations

import ast
import difflib
import json
import re
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_QUOTES = "'\""
_VARIABLE = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_DOLLAR = re.compile(rf"\$(?:(?P<escaped>\$)|(?P<name>{_VARIABLE}))")
_ONE_VARIABLE = re.compile(rf"\${_VARIABLE}")


def split_words(line: str) -> list[str]:
    """The words of the line; what stands in brackets or quotes stays in one word, quotes and all.

    Raises:
        UsageError: A bracket or a quote is never closed.
    """
    words: list[str] = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        end = _end_of_word(line, at)
        words.append(line[at:end])
        at = end
    return words


def expand(word: str, namespace: Mapping[str, Any]) -> str:
    """The word without its outer quotes, each ``$name`` and ``{expression}`` replaced by its value's text.

    Braces around anything but a single expression stay as they are, and ``$$`` is a dollar sign.

    Raises:
        UsageError: A name is not defined; the message says which.
    """
    text = unquoted(word)
    pieces: list[str] = []
    at = 0
    while at < len(text):
        expression, end = _braces_at(text, at)
        dollar = _DOLLAR.match(text, at)
        if expression:
            pieces.append(str(evaluate(expression, namespace)))
            at = end
        elif dollar:
            name = dollar["name"]
            pieces.append(str(evaluate(name, namespace)) if name else "$")
            at = dollar.end()
        else:
            pieces.append(text[at])
            at += 1
    return "".join(pieces)


def read_value(word: str, namespace: Mapping[str, Any]) -> Any:
    """The value that the word stands for: JSON, or a Python expression with the notebook's names.

    A variable may be written plainly, as ``$name`` or as ``{name}``. A quoted JSON object or list counts as that.

    Raises:
        UsageError: It is neither, or a name in it is not defined.
    """
    try:
        return _unpacked(json.loads(word))
    except ValueError:
        pass
    if _ONE_VARIABLE.fullmatch(word):
        return evaluate(word[1:], namespace)
    expression, end = _braces_at(word, 0)
    if expression and end == len(word):
        return evaluate(expression, namespace)
    return _unpacked(evaluate(word, namespace))


def evaluate(expression: str, namespace: Mapping[str, Any]) -> Any:
    """The expression's value with the notebook's names.

    Raises:
        UsageError: It is no expression, a name is not defined, or it fails.
    """
    try:
        code = compile(expression.strip(), "<magic line>", "eval")
    except (SyntaxError, ValueError):
        hint = "; names need no $ here" if "$" in expression else ""
        raise UsageError(f"{expression!r} is neither JSON nor a Python expression{hint}") from None
    try:
        return eval(code, dict(namespace))  # noqa: S307  the user's own line, in the user's own kernel
    except NameError as error:
        name = error.name or expression
        raise UsageError(
            f"{name!r} in the magic's line is not defined in this notebook{near(name, namespace)}"
        ) from None
    except Exception as error:  # an expression may raise anything
        raise UsageError(
            f"{expression!r} in the magic's line failed: {type(error).__name__}: {error}"
        ) from None


def near(word: str, known: Mapping[str, Any] | list[str]) -> str:
    """``; did you mean 'gpu0'?`` where something known looks like the word, else nothing."""
    close = difflib.get_close_matches(word, [name for name in known if name], n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def unquoted(word: str) -> str:
    """The word without the quotes around the whole of it."""
    if len(word) > 1 and word[0] in _QUOTES and _end_of_quote(word, 0) == len(word):
        return word[1:-1]
    return word


def _end_of_word(line: str, at: int) -> int:
    """Where the word that starts at ``at`` ends."""
    waiting: list[str] = []
    opened = at
    while at < len(line):
        letter = line[at]
        if letter in _QUOTES:
            at = _end_of_quote(line, at)
            continue
        if letter in _CLOSING:
            opened = opened if waiting else at
            waiting.append(_CLOSING[letter])
        elif waiting and letter == waiting[-1]:
            waiting.pop()
        elif letter.isspace() and not waiting:
            return at
        at += 1
    if waiting:
        raise UsageError(f"the {line[opened]!r} in {line[opened:]!r} is never closed")
    return at


def _end_of_quote(line: str, at: int) -> int:
    quote, start = line[at], at
    at += 1
    while at < len(line):
        if line[at] == "\\":
            at += 2
            continue
        if line[at] == quote:
            return at + 1
        at += 1
    raise UsageError(f"the quote in {line[start:]!r} is never closed")


def _braces_at(text: str, at: int) -> tuple[str, int]:
    """The single expression in the braces that open here, and where they end; empty where there is none."""
    if text[at : at + 1] != "{":
        return "", at
    depth = 0
    for end in range(at, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            inner = text[at + 1 : end]
            return (inner, end + 1) if _is_expression(inner) else ("", at)
    return "", at


def _is_expression(text: str) -> bool:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return False
    # {1, 2} is a set, not an expression in braces.
    return not isinstance(tree.body, ast.Tuple) or text.strip().startswith("(")


def _unpacked(value: Any) -> Any:
    """JSON's object or list where the value is its text: quotes around JSON are a habit from the shell."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
