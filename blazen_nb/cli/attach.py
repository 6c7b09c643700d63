"""``blazen-nb attach``: a run's story from any process, later: told from its start, then live, then its result."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from blazen_nb.cli.commands import Commands
from blazen_nb.cli.connecting import add_connection, connect
from blazen_nb.cli.json_lines import JsonTelling
from blazen_nb.cli.statuses import ABOUT, INTERRUPTED
from blazen_nb.cli.telling import Telling
from blazen_nb.errors import BlazenError, WorkflowError
from blazen_nb.render.words import short_run

if TYPE_CHECKING:  # gRPC takes a while to load, and --help need not wait for it
    from blazen_nb.client.sync_handle import RunHandle

_ABOUT = """\
Tell all that a run of yours has said so far, then go on live, and print its result when it ends. Interrupting it leaves
the run alone. The run's values stay on the peer."""


def add_command(commands: Commands) -> None:
    """The parser knows ``attach``."""
    attach = commands.add_parser(
        "attach",
        help="tell a run that was started elsewhere, or earlier, and wait for its end",
        description=_ABOUT,
        epilog=ABOUT,
    )
    add_connection(attach)
    attach.add_argument("run", metavar="RUN", help="the run's ID, or how it starts")
    attach.add_argument(
        "--from",
        dest="first",
        type=int,
        default=1,
        metavar="SEQ",
        help="begin with the update of this number (default: 1)",
    )
    attach.add_argument("--json", action="store_true", help="a line of JSON for each update")
    attach.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help="write all that it has printed into this file, and wait for nothing",
    )
    attach.set_defaults(act=_attach)


def _attach(options: argparse.Namespace) -> int:
    with connect(options) as client:
        handle = client.attach(options.run, after_seq=options.first - 1, look_only=True)
        if options.log is not None:
            handle.detach()
            size = handle.save_log(options.log)
            print(f"{size:,} bytes are in the file")
            return 0
        return _follow(handle, options)


def _follow(handle: RunHandle, options: argparse.Namespace) -> int:
    telling = JsonTelling() if options.json else Telling()
    following = options.first
    try:
        for update in handle.updates():
            telling.tell(update)
            following = update.seq + 1
        _tell_end(handle, telling)
    except KeyboardInterrupt:
        handle.detach()
        again = f"blazen-nb attach {options.address} {short_run(handle.run_id)} --from {following}"
        print(f"\nthe run goes on; {again} tells the rest", file=sys.stderr)
        return INTERRUPTED
    return 0


def _tell_end(handle: RunHandle, telling: Telling | JsonTelling) -> None:
    try:
        telling.result(handle.result())
    except WorkflowError as error:
        if error.remote_traceback:
            print(error.remote_traceback.rstrip(), file=sys.stderr)
        raise
    except BlazenError as error:  # it succeeded, and what it gave cannot be shown here
        print(f"the result is not shown: {error}", file=sys.stderr)
