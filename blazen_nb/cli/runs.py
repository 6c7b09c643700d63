"""``blazen-nb runs``: the runs that a peer knows, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from blazen_nb.cli.commands import Commands
from blazen_nb.cli.connecting import add_connection, connect
from blazen_nb.render.words import clip_middle, seconds, short_run

if TYPE_CHECKING:  # gRPC takes a while to load, and --help need not wait for it
    from blazen_nb.client.run_lists import RunInfo

_HEAD = ("RUN", "STATE", "TIME", "STARTED", "CLIENT", "NAME")
_WIDEST = 40


def add_command(commands: Commands) -> None:
    """The parser knows ``runs``."""
    runs = commands.add_parser(
        "runs", help="list your runs on a peer, the newest first, ended ones among them"
    )
    add_connection(runs)
    runs.add_argument(
        "--state",
        metavar="STATES",
        help="only these, as in running,failed: running, queued, waiting, paused, succeeded, failed, timed_out, "
        "cancelled, lost",
    )
    runs.add_argument("--workflow", metavar="NAME", help="only those of this name")
    runs.add_argument(
        "--since",
        metavar="TIME",
        help="only those that started since: 90s, 15m, 2h, 3d (ago), or 2026-01-31T12:00",
    )
    runs.add_argument("--json", action="store_true", help="a line of JSON for each")
    runs.set_defaults(act=_runs)


def _runs(options: argparse.Namespace) -> int:
    from blazen_nb.client.run_lists import since_of

    since = since_of(options.since) if options.since else None
    state = options.state.split(",") if options.state else None
    with connect(options) as client:
        found = client.runs(state=state, workflow=options.workflow, since=since)
    if options.json:
        for run in found:
            print(json.dumps(asdict(run), ensure_ascii=False))
    elif found:
        _print_table([_HEAD, *map(_row, found)])
    else:
        print("no such run", file=sys.stderr)
    return 0


def _row(run: RunInfo) -> tuple[str, ...]:
    return (
        short_run(run.run_id),
        run.state.replace("_", " "),
        seconds(run.duration),
        datetime.fromtimestamp(run.started_at).isoformat(" ", "seconds"),
        run.client,
        run.workflow_name,
    )


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    shown = [[clip_middle(cell, _WIDEST) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip())
