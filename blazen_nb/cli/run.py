"""``blazen-nb run``: registered steps on a peer, their output and their result."""

from __future__ import annotations

import argparse
import json
import sys

from blazen_nb.cli.commands import Commands
from blazen_nb.cli.connecting import add_connection, connect
from blazen_nb.cli.statuses import ABOUT
from blazen_nb.cli.telling import json_or_repr
from blazen_nb.errors import ValidationError


def add_command(commands: Commands) -> None:
    """The parser knows ``run``."""
    run = commands.add_parser(
        "run", help="run registered steps on a peer, print their output and result", epilog=ABOUT
    )
    add_connection(run)
    run.add_argument("step_ids", nargs="+", metavar="STEP_ID")
    run.add_argument("--name", default="run", help="a label for the run")
    run.add_argument("--input", default="null", metavar="JSON", help="the StartEvent's fields")
    run.add_argument("--timeout", type=float, help="seconds")
    run.set_defaults(act=_run)


def _run(options: argparse.Namespace) -> int:
    from blazen_nb.updates import Output

    try:
        value = json.loads(options.input)
    except ValueError as error:
        raise ValidationError(f"--input is not JSON: {error}") from None
    with connect(options) as client:
        handle = client.start_remote_workflow(
            options.name, options.step_ids, value, options.timeout
        )
        try:
            for update in handle.updates():
                if isinstance(update, Output):
                    stream = sys.stdout if update.stream == "stdout" else sys.stderr
                    stream.write(update.text)
                    stream.flush()
        except KeyboardInterrupt:
            handle.cancel()
            raise
        print(json_or_repr(handle.result().result))
    return 0
