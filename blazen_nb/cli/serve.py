"""``blazen-nb serve``: a peer until told to end."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import platform
import stat
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from blazen_nb.cli.commands import Commands
from blazen_nb.cli.signals import told_by_signals
from blazen_nb.errors import ValidationError
from blazen_nb.wire.limits import DEFAULT_LIMITS

if TYPE_CHECKING:  # gRPC takes a while to load, and --help need not wait for it
    from blazen_nb.journal import Journal
    from blazen_nb.wire.tls import ServerTls

GRACE_SECONDS = 30.0
"""How long a peer that is told to end lets its runs finish."""


def add_command(commands: Commands) -> None:
    """The parser knows ``serve``."""
    serve = commands.add_parser("serve", help="be a peer until told to end (SIGTERM, Ctrl-C)")
    serve.add_argument(
        "address", nargs="?", default="127.0.0.1:0", help="host:port, :port or unix:PATH"
    )
    serve.add_argument(
        "--node-id", default=platform.node() or "peer", help="the peer's name (default: the host's)"
    )
    serve.add_argument(
        "--token-file", type=Path, help="read the token from this file, which only you may read"
    )
    serve.add_argument(
        "--tls-cert",
        type=Path,
        metavar="PEM",
        help="encrypt connections; this certificate is shown",
    )
    serve.add_argument("--tls-key", type=Path, metavar="PEM", help="the private key of --tls-cert")
    serve.add_argument(
        "--client-ca",
        type=Path,
        metavar="PEM",
        help="admit only clients with a certificate of this CA",
    )
    serve.add_argument(
        "--steps",
        action="append",
        default=[],
        metavar="MODULE",
        help="import it: its steps register",
    )
    serve.add_argument(
        "--insecure",
        action="store_true",
        help="no token at all; then no code is accepted unless --accept-code says so",
    )
    serve.add_argument(
        "--accept-code", choices=["authenticated", "never"], help="whether clients may send code"
    )
    serve.add_argument(
        "--grace", type=float, default=GRACE_SECONDS, help="seconds for runs to finish on SIGTERM"
    )
    serve.add_argument(
        "--reconnect",
        type=float,
        metavar="SECONDS",
        default=DEFAULT_LIMITS.reconnect_seconds,
        help="how long a call whose client is lost goes on, for it may come back (default: %(default)g); "
        "started runs go on anyway",
    )
    serve.add_argument(
        "--journal",
        nargs="?",
        const="",
        metavar="FILE",
        help="keep runs in this file, so that they survive the peer; without a name, in your state folder",
    )
    serve.add_argument(
        "--journal-sync",
        choices=["FULL", "NORMAL"],
        default="FULL",
        help="FULL: what is confirmed outlives a power cut; NORMAL: it outlives the process, in half the time",
    )
    serve.add_argument(
        "--resume",
        choices=["auto", "manual"],
        default="auto",
        help="whether runs that were cut off go on when the peer starts (default: auto)",
    )
    serve.add_argument("--verbose", action="store_true", help="log every run")
    serve.set_defaults(act=_serve)


def _serve(options: argparse.Namespace) -> int:
    from blazen_nb.peer.capture.descriptors import logged_descriptors

    with logged_descriptors():
        return _serve_until_told(options)


def _serve_until_told(options: argparse.Namespace) -> int:
    from blazen_nb.peer.server import PeerServer

    _log_to_stderr(logging.DEBUG if options.verbose else logging.INFO)
    # Three steps that burn CPU hold up an answer by 50 ms at the default of 5 ms; 1 ms costs them nothing.
    sys.setswitchinterval(0.001)
    _import_steps(options.steps)
    told = told_by_signals()
    server = PeerServer(
        options.node_id,
        token=_token_in(options.token_file),
        tls=_server_tls(options),
        insecure=options.insecure,
        accept_code=options.accept_code,
        journal=_journal(options),
        resume=options.resume,
        limits=replace(DEFAULT_LIMITS, reconnect_seconds=options.reconnect),
    )
    address = server.start(options.address)
    print(f"peer {options.node_id} listens on {address}", flush=True)
    while not told:
        time.sleep(0.1)
    server.stop(options.grace)
    return 0


def _server_tls(options: argparse.Namespace) -> ServerTls | None:
    from blazen_nb.wire.tls import load_server_tls

    if options.tls_cert is None and options.tls_key is None and options.client_ca is None:
        return None
    if options.tls_cert is None or options.tls_key is None:
        raise ValidationError(
            "--tls-cert and --tls-key belong together, and --client-ca needs both"
        )
    return load_server_tls(options.tls_cert, options.tls_key, options.client_ca)


def _journal(options: argparse.Namespace) -> Journal | None:
    if options.journal is None:
        return None
    from blazen_nb.journal.place import journal_path
    from blazen_nb.journal.sqlite import SqliteJournal

    path = Path(options.journal) if options.journal else journal_path(options.node_id)
    return SqliteJournal(path, synchronous=options.journal_sync)


def _log_to_stderr(level: int) -> None:
    """The peer's own log. The root logger stays as it is: cells configure it as they would in their notebook."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("blazen_nb", "asyncio", "grpc"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.propagate = False
    logging.getLogger("blazen_nb").setLevel(level)


def _import_steps(modules: Sequence[str]) -> None:
    sys.path.insert(0, os.getcwd())
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ValidationError(
                f"--steps {module}: {error}; is it installed, or in this folder?"
            ) from error


def _token_in(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise ValidationError(f"others can read {file.name}; chmod 600 it")
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValidationError(f"--token-file: {error.strerror}") from None
