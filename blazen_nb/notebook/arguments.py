"""The options of ``%%blazen_remote``: its line becomes a frozen record or a UsageError; nothing runs here."""

from __future__ import annotations

import argparse
import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from IPython.core.error import UsageError

from blazen_nb.notebook.expansion import expand, near, read_value, split_words

_ABOUT = """\
Run this cell on a peer, as if it ran here. A cell of plain code shares its names with the other cells of this
notebook on that peer, and its last expression is its result. A cell that defines @step functions runs as their
workflow. $name and {expression} in the line stand for values of this notebook."""

_HELP = "%blazen_remote --help"  # one %: IPython refuses a cell magic whose cell is empty


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteArguments:
    """What the line of a remote cell asks for."""

    peer: str | None = None
    """A connection's name, or an address; None for the default one."""
    out: tuple[str, ...] = ()
    """Variables to bring back, or the name for a workflow's result."""
    push: tuple[str, ...] = ()
    """Variables of the notebook to send on purpose."""
    timeout: float | None = None
    """Seconds."""
    input: Any = None
    keep_values: bool = False
    """Values come back as RemoteRefs, however small they are."""
    steps: tuple[str, ...] = ()
    """IDs of registered steps to run instead of a cell."""
    workflow: str = ""
    """What their run is called."""
    quiet: bool = False
    wants_help: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; {_HELP} lists the options")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=99)  # the same in every notebook, whatever COLUMNS says


def _make_parser() -> _Parser:
    parser = _Parser(
        prog="%%blazen_remote",
        usage="%%%%blazen_remote [options], code on the lines below",
        description=_ABOUT,
        formatter_class=_Formatter,
        allow_abbrev=False,
        add_help=False,
    )
    add = parser.add_argument
    add(
        "-p",
        "--peer",
        metavar="NAME",
        help="where it runs: a name given to %%blazen_connect, or host:port",
    )
    add(
        "-o",
        "--out",
        metavar="NAMES",
        help="variables to bring back, as in a,b; for a workflow, the name that gets its WorkflowResult",
    )
    add(
        "--push",
        metavar="NAMES",
        help="variables to send whatever their size, as in a,b; what is unchanged there is not sent again",
    )
    add(
        "--ref",
        action="store_true",
        help="values stay on the peer: the result and the variables of -o become RemoteRefs, as large ones always do",
    )
    add("--timeout", metavar="SECONDS", help="end the run when it takes longer")
    add(
        "--input",
        metavar="VALUE",
        help="the StartEvent's fields: JSON, or a Python expression with this notebook's names",
    )
    add(
        "--steps",
        metavar="IDS",
        help="run these registered steps, as in --steps etl::load,etl::clean, and no code",
    )
    add("--workflow", metavar="NAME", help="with --steps, what the run is called")
    add("--quiet", action="store_true", help="no view of the run; output and result still show")
    add("-h", "--help", action="store_true", help="show this and run nothing")
    return parser


_parser = _make_parser()


def help_text() -> str:
    """What ``--help`` shows."""
    return _parser.format_help()


def parse_line(line: str, namespace: Mapping[str, Any]) -> RemoteArguments:
    """What the line asks for, with the notebook's values in place.

    Raises:
        UsageError: An option or a value is wrong, or a name is not defined; the message says what to write.
    """
    words, rest = _parser.parse_known_args(split_words(line))
    if words.help:
        return RemoteArguments(wants_help=True)
    if rest:
        raise UsageError(_about_unknown(rest[0], line))
    return RemoteArguments(
        peer=_peer(words.peer, namespace),
        out=_names(words.out, "-o", namespace),
        push=_names(words.push, "--push", namespace),
        timeout=_seconds(words.timeout, namespace),
        input=None if words.input is None else read_value(words.input, namespace),
        keep_values=words.ref,
        steps=_step_ids(words.steps, namespace),
        workflow=expand(words.workflow or "", namespace),
        quiet=words.quiet,
    )


def options() -> list[str]:
    """All options, as they are written."""
    return list(_parser._option_string_actions)


def _about_unknown(word: str, line: str) -> str:
    option = word.partition("=")[0]
    if option.startswith("-"):
        starts = [known for known in options() if known.startswith(f"--{option.lstrip('-')}")]
        hint = f"; did you mean {starts[0]!r}?" if starts else near(option, options())
        return f"%%blazen_remote has no option {option!r}{hint}; {_HELP} lists them"
    if f", {word}" in line:
        return f"unexpected {word!r}: names have no spaces between them, as in -o a,b"
    return (
        f"unexpected {word!r} in the line of %%blazen_remote: put parentheses around an expression "
        "with spaces; code belongs on the lines below"
    )


def _peer(word: str | None, namespace: Mapping[str, Any]) -> str | None:
    if word is None:
        return None
    name = expand(word, namespace).strip()
    if not name:
        raise UsageError("-p needs the name of a peer, as given to %blazen_connect")
    return name


def _names(word: str | None, option: str, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    if word is None:
        return ()
    names = [name.strip() for name in expand(word, namespace).split(",")]
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(
                f"{option} takes names of variables, as in {option} a,b; {name!r} is none"
            )
    return tuple(dict.fromkeys(names))


def _step_ids(word: str | None, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    if word is None:
        return ()
    ids = tuple(step_id.strip() for step_id in expand(word, namespace).split(","))
    if not all(ids):
        raise UsageError(
            "--steps takes IDs of registered steps, as in --steps etl::load,etl::clean"
        )
    return ids


def _seconds(word: str | None, namespace: Mapping[str, Any]) -> float | None:
    if word is None:
        return None
    text = expand(word, namespace)
    try:
        seconds = float(text)
    except ValueError:
        raise UsageError(f"--timeout takes seconds, as in --timeout 30, not {text!r}") from None
    if not 0 < seconds < float("inf"):
        raise UsageError(f"--timeout takes a number of seconds above 0, not {text}")
    return seconds
