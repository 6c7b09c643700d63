"""``blazen-nb kernel``: the kernel "Blazen peer" in Jupyter's list of kernels, and out of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from blazen_nb.cli.commands import Commands
from blazen_nb.kernelspec import DISPLAY_NAME, NAME, PeerKernel, install, remove


def add_command(commands: Commands) -> None:
    """The parser knows ``kernel install`` and ``kernel remove``."""
    kernel = commands.add_parser("kernel", help="a kernel for Jupyter whose notebooks are peers")
    acts = kernel.add_subparsers(required=True, metavar="COMMAND")
    add = acts.add_parser("install", help='let Jupyter offer the kernel "Blazen peer"')
    add.add_argument("--name", default=NAME, help=f"of the kernelspec (default: {NAME})")
    add.add_argument("--display-name", default=DISPLAY_NAME, help="what a launcher shows")
    add.add_argument(
        "--address", default="", help="where the peer listens (default: 127.0.0.1, any free port)"
    )
    add.add_argument("--node-id", default="", help="the peer's name (default: the host's)")
    where = add.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for this user (the default)")
    where.add_argument("--sys-prefix", action="store_true", help="in this Python's environment")
    where.add_argument("--prefix", type=Path, metavar="DIR", help="in this environment")
    add.set_defaults(act=_install)
    drop = acts.add_parser("remove", help="let Jupyter offer it no more")
    drop.add_argument("--name", default=NAME, help=f"of the kernelspec (default: {NAME})")
    drop.set_defaults(act=_remove)


def _install(options: argparse.Namespace) -> int:
    kernel = PeerKernel(
        name=options.name,
        display_name=options.display_name,
        address=options.address,
        node_id=options.node_id,
    )
    install(kernel, prefix=Path(sys.prefix) if options.sys_prefix else options.prefix)
    print(
        f"kernelspec {kernel.name} is installed: notebooks with the kernel {kernel.display_name!r} are peers, "
        "and %blazen_connect local finds the newest"
    )
    return 0


def _remove(options: argparse.Namespace) -> int:
    remove(options.name)
    print(f"kernelspec {options.name} is removed")
    return 0
