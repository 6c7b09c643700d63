"""The options of ``%%blazen_remote``: its line becomes a frozen record or a UsageError; nothing runs here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError

from blazen_nb.notebook.expansion import expand, read_value, split_words
from blazen_nb.notebook.options import MagicParser, names_in, output_in, peers_in

_NAMESPACE = re.compile(r"[\w.-]{1,64}", re.ASCII)

_ABOUT = """\
Run this cell on a peer, as if it ran here. A cell of plain code shares its names with the other cells of this
notebook on that peer, and its last expression is its result. A cell that defines @step functions runs as their
workflow. $name and {expression} in the line stand for values of this notebook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteArguments:
    """What the line of a remote cell asks for."""

    peers: tuple[str, ...] = ()
    """Names of connections, or addresses; empty for the default one."""
    out: tuple[str, ...] = ()
    """Variables to bring back, or the name for a workflow's result, or for the handle of a run left alone."""
    push: tuple[str, ...] = ()
    """Variables of the notebook to send on purpose."""
    timeout: float | None = None
    """Seconds."""
    input: Any = None
    keep_values: bool = False
    """Values come back as RemoteRefs, however small they are."""
    transfer: bool = False
    """Values behind RemoteRefs of other peers are copied to where the cell runs."""
    steps: tuple[str, ...] = ()
    """IDs of registered steps to run instead of a cell."""
    workflow: str = ""
    """What their run is called."""
    detach: bool = False
    """The cell does not wait for the run."""
    fresh: bool = False
    """The namespace is emptied first."""
    namespace: str | None = None
    """One of a name of its own; None for the notebook's."""
    output: str | None = None
    """Where prints appear; None for the setting."""
    quiet: bool = False
    wants_help: bool = False


def _make_parser() -> MagicParser:
    parser = MagicParser(
        "%%blazen_remote",
        usage="%%blazen_remote [options], code on the lines below",
        about=_ABOUT,
        help_line="%blazen_remote --help",  # one %: IPython refuses a cell magic whose cell is empty
    )
    add = parser.add_argument
    add(
        "-p",
        "--peer",
        metavar="NAMES",
        help="where it runs: a name given to %%blazen_connect, or host:port; on several at once with -p a,b, "
        "and then the result is a dict by peer",
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
    add(
        "--transfer",
        action="store_true",
        help="values behind RemoteRefs of other peers are copied to where the cell runs, through this kernel; later "
        "cells there use the copy",
    )
    add(
        "--detach",
        action="store_true",
        help="the cell does not wait: the run goes on, its card stays live, and -o NAME gets its RunHandle; "
        "%%blazen_attach shows all of it, also after a restart of this kernel",
    )
    add(
        "--fresh",
        action="store_true",
        help="first empty the namespace on the peer, as a restart empties a kernel",
    )
    add(
        "--namespace",
        metavar="NAME",
        help="work in this namespace instead of the notebook's own: other notebooks of yours can share it",
    )
    add(
        "--output",
        metavar="WHERE",
        help="where prints appear: cell, card, or auto, which is the cell for plain code and the card for a workflow",
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
        raise UsageError(_parser.about_unknown(rest[0], line))
    if words.detach and words.quiet:
        raise UsageError(
            "--detach leaves a card behind, and --quiet shows none: leave one of the two out"
        )
    return RemoteArguments(
        peers=peers_in(words.peer, namespace),
        out=names_in(words.out, "-o", namespace),
        push=names_in(words.push, "--push", namespace),
        timeout=_seconds(words.timeout, namespace),
        input=None if words.input is None else read_value(words.input, namespace),
        keep_values=words.ref,
        transfer=words.transfer,
        steps=_step_ids(words.steps, namespace),
        workflow=expand(words.workflow or "", namespace),
        detach=words.detach,
        fresh=words.fresh,
        namespace=_namespace(words.namespace, namespace),
        output=output_in(words.output),
        quiet=words.quiet,
    )


def options() -> list[str]:
    """All options, as they are written."""
    return _parser.options


def _namespace(word: str | None, namespace: Mapping[str, Any]) -> str | None:
    if word is None:
        return None
    name = expand(word, namespace)
    if not _NAMESPACE.fullmatch(name):
        raise UsageError(
            f"--namespace takes a name of letters, digits, '.', '_' and '-', at most 64, not {name!r}"
        )
    return name


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
