r"""Text in which a carriage return starts a line over: only what a terminal would show in the end is kept.

``"1 %\r2 %\r3 %"`` is ``"3 %"``; the first part of a piece stays, for it may belong to a line that began before it.
"""

from __future__ import annotations

_FOLD_AT = 4096
"""Characters that may gather before they are folded."""


class OverwrittenText:
    """Pieces of text put together, folded now and then."""

    __slots__ = ("_has_return", "_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._has_return = False

    def add(self, text: str) -> None:
        """The text goes on with this."""
        self._pieces.append(text)
        if self._has_return or "\r" in text:
            self._has_return = True
            self._size += len(text)
            if self._size > _FOLD_AT:
                self._pieces = [self.text()]
                self._size = (
                    len(self._pieces[0]) // 2
                )  # what cannot be folded is not looked at each time

    def text(self) -> str:
        """All of it, as it would look in the end."""
        text = "".join(self._pieces)
        return folded(text) if self._has_return else text


def folded(text: str) -> str:
    """The text with each line that was written over in its last state.

    A line with escape sequences stays as it is: how wide they are nobody here knows.
    """
    first, *rest = text.split("\n")
    if not rest:
        return _first_line(first, is_open=True)
    lines = [_first_line(first, is_open=False), *map(_line, rest[:-1]), _open_line(rest[-1])]
    return "\n".join(lines)


def _first_line(line: str, *, is_open: bool) -> str:
    """As the others, but what stands before the first return may end a line that began in an earlier piece."""
    start, found, rest = line.partition("\r")
    if not found:
        return line
    return f"{start}\r{_open_line(rest) if is_open else _line(rest)}"


def _line(line: str) -> str:
    if "\r" not in line or "\x1b" in line:
        return line
    shown = ""
    for part in line.split("\r"):
        shown = part + shown[len(part) :]
    return shown


def _open_line(line: str) -> str:
    """A line that may go on: where it would go on stays known."""
    before, found, last = line.rpartition("\r")
    if not found or "\x1b" in line:
        return line
    shown = _line(before)
    return last if len(last) >= len(shown) > 0 else f"{shown}\r{last}"
