"""The command ``blazen-nb``: one module a command, each of which adds its parser and says what to do."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from blazen_nb import __version__
from blazen_nb.cli import attach, cancel, certs, demo, kernel, prune, run, runs, serve
from blazen_nb.cli.statuses import INTERRUPTED, NOBODY_READS, status_of
from blazen_nb.errors import BlazenError

COMMANDS = (serve, run, runs, prune, attach, cancel, certs, kernel, demo)
"""In the order in which ``--help`` lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Args:
        arguments: Default the process's own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if " ".join(words[:2]) == prune.NAME:
        words[:2] = [prune.NAME]
    options = make_parser().parse_args(words)
    try:
        status: int = options.act(options)
    except BlazenError as error:
        print(f"blazen-nb: {error}", file=sys.stderr)
        return status_of(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # as in ``| head``
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # else the exit fails once more
        return NOBODY_READS
    return status


def make_parser() -> argparse.ArgumentParser:
    """Knows all commands; ``act`` of what it parses runs the one that was named, given that."""
    parser = argparse.ArgumentParser(
        prog="blazen-nb", description="Run notebook cells and workflows on peers."
    )
    parser.add_argument("--version", action="version", version=f"blazen-nb {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(commands)
    return parser
