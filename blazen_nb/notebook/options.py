"""Options of a magic's line: a parser whose errors are UsageErrors, and the kinds of words that several magics take."""

from __future__ import annotations

import argparse
import keyword
from collections.abc import Mapping
from typing import Any, NoReturn

from IPython.core.error import UsageError

from blazen_nb.notebook.expansion import expand, near

OUTPUTS = ("auto", "cell", "card")
"""Where prints appear: a plain cell's in the cell and a workflow's in its card, all in the cell, all in the card."""


class MagicParser(argparse.ArgumentParser):
    """A parser for one magic.

    Args:
        help_line: What the user types to see the options.
    """

    def __init__(self, magic: str, *, usage: str, about: str, help_line: str) -> None:
        super().__init__(
            prog=magic,
            usage=usage.replace("%", "%%"),
            description=about,
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        self._help_line = help_line

    def error(self, message: str) -> NoReturn:
        """Raise it.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"{self.prog}: {message}; {self._help_line} lists the options")

    @property
    def options(self) -> list[str]:
        """All options, as they are written."""
        return list(self._option_string_actions)

    def about_unknown(self, word: str, line: str) -> str:
        """What to say of a word of the line that is none of the options, nor of what they take."""
        option = word.partition("=")[0]
        if option.startswith("-"):
            starts = [
                known for known in self.options if known.startswith(f"--{option.lstrip('-')}")
            ]
            hint = f"; did you mean {starts[0]!r}?" if starts else near(option, self.options)
            return f"{self.prog} has no option {option!r}{hint}; {self._help_line} lists them"
        if f", {word}" in line:
            return f"unexpected {word!r}: names have no spaces between them, as in -o a,b"
        return (
            f"unexpected {word!r} in the line of {self.prog}: put parentheses around an expression "
            "with spaces; code belongs on the lines below"
        )


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=99)  # the same in every notebook, whatever COLUMNS says


def names_in(word: str | None, option: str, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """The variables that the option's word names, ``a,b``.

    Raises:
        UsageError: One of them is no name.
    """
    if word is None:
        return ()
    names = [name.strip() for name in expand(word, namespace).split(",")]
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(
                f"{option} takes names of variables, as in {option} a,b; {name!r} is none"
            )
    return tuple(dict.fromkeys(names))


def peers_in(word: str | None, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """The peers that the word names, ``gpu0`` or ``gpu0,gpu1``.

    Raises:
        UsageError: A name is empty.
    """
    if word is None:
        return ()
    names = [name.strip() for name in expand(word, namespace).split(",")]
    if not all(names):
        raise UsageError(
            "-p needs the name of a peer, as given to %blazen_connect, or several: -p a,b"
        )
    return tuple(dict.fromkeys(names))


def output_in(word: str | None) -> str | None:
    """Where prints are to appear.

    Raises:
        UsageError: There is no such place.
    """
    if word is not None and word not in OUTPUTS:
        raise UsageError(
            f"--output takes one of {', '.join(OUTPUTS)}, not {word!r}{near(word, [*OUTPUTS])}"
        )
    return word
