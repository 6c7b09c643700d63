"""``blazen-nb cancel``: ends a run, whoever has started it."""

from __future__ import annotations

import argparse

from blazen_nb.cli.commands import Commands
from blazen_nb.cli.connecting import add_connection, connect


def add_command(commands: Commands) -> None:
    """The parser knows ``cancel``."""
    cancel = commands.add_parser("cancel", help="end a run of yours")
    add_connection(cancel)
    cancel.add_argument("run", metavar="RUN", help="the run's ID, or how it starts")
    cancel.set_defaults(act=_cancel)


def _cancel(options: argparse.Namespace) -> int:
    with connect(options) as client:
        told = client.cancel_run(options.run)
        what = "was told to end" if told else "has ended already"
        print(f"run {options.run} on {client.node_id} {what}")
    return 0
