"""The command ``blazen-nb``: one module a command, each of which adds its parser and says what to do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from blazen_nb import __version__
from blazen_nb.cli import certs, demo, kernel, run, serve
from blazen_nb.errors import BlazenError

COMMANDS = (serve, run, certs, kernel, demo)
"""In the order in which ``--help`` lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Args:
        arguments: Default the process's own.
    """
    options = make_parser().parse_args(arguments)
    try:
        status: int = options.act(options)
    except BlazenError as error:
        print(f"blazen-nb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
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
