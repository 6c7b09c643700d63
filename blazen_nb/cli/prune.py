"""``blazen-nb runs prune``: ended runs beyond what is to be kept leave a journal's file, which no peer has open."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from blazen_nb.cli.commands import Commands
from blazen_nb.errors import ValidationError
from blazen_nb.render.words import plural

NAME = "runs prune"
"""Two words: argparse could not tell ``runs ADDRESS`` from it otherwise."""


def add_command(commands: Commands) -> None:
    """The parser knows ``runs prune``."""
    prune = commands.add_parser(
        NAME, help="forget ended runs in the journal of a peer that does not run"
    )
    prune.add_argument(
        "journal", metavar="FILE|NODE", help="the journal's file, or the name of its peer"
    )
    prune.add_argument("--older-than", metavar="TIME", help="those that ended 90s, 15m, 2h, 3d ago")
    prune.add_argument("--keep", type=int, metavar="N", help="all but the newest N")
    prune.add_argument(
        "--size", type=int, metavar="MIB", help="the oldest, until the rest is so large"
    )
    prune.set_defaults(act=_prune)


def _prune(options: argparse.Namespace) -> int:
    from blazen_nb.client.run_lists import moment_of, since_of
    from blazen_nb.journal import Retention
    from blazen_nb.journal.place import journal_path
    from blazen_nb.journal.sqlite import SqliteJournal

    named = Path(options.journal)
    path = named if named.exists() else journal_path(options.journal)
    if not path.exists():
        raise ValidationError(f"there is no journal {options.journal}, neither a file nor a peer's")
    retention = Retention(seconds=None, runs=None, size=None)
    if options.older_than:
        age = time.time() - moment_of(since_of(options.older_than))
        retention = replace(retention, seconds=age)
    if options.keep is not None:
        retention = replace(retention, runs=options.keep)
    if options.size is not None:
        retention = replace(retention, size=options.size << 20)
    if retention == Retention(seconds=None, runs=None, size=None):
        raise ValidationError("say what is to go: --older-than, --keep or --size")
    journal = SqliteJournal(path)
    try:
        pruned = journal.prune(retention)
    finally:
        journal.close()
    freed = f"{pruned.size / (1 << 20):,.1f} MiB"
    print(f"forgot {plural(pruned.runs, 'run')}, {freed}", file=sys.stderr)
    return 0
