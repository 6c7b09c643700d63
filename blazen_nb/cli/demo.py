"""``blazen-nb demo``: see it work."""

from __future__ import annotations

import argparse
from pathlib import Path

from blazen_nb.cli.commands import Commands


def add_command(commands: Commands) -> None:
    """The parser knows ``demo``."""
    demo = commands.add_parser("demo", help="start a peer and run the first notebook against it")
    demo.add_argument("--notebook", type=Path, default=Path("notebooks/01_first_cell.ipynb"))
    demo.set_defaults(act=_demo)


def _demo(options: argparse.Namespace) -> int:
    from blazen_nb.demo import run_demo

    return run_demo(options.notebook)
