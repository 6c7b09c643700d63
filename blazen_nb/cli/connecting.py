"""The options of commands that connect to a peer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # gRPC takes a while to load, and --help need not wait for it
    from blazen_nb.wire.tls import ClientTls


def add_tls_options(parser: argparse.ArgumentParser) -> None:
    """The parser knows ``--ca``, ``--cert`` and ``--key``."""
    parser.add_argument(
        "--ca",
        type=Path,
        metavar="PEM",
        help="trust peers with a certificate of this CA (default: $BLAZEN_PEER_CA)",
    )
    parser.add_argument(
        "--cert",
        type=Path,
        metavar="PEM",
        help="a certificate to show (default: $BLAZEN_PEER_CERT)",
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="PEM",
        help="the private key of --cert (default: $BLAZEN_PEER_KEY)",
    )


def client_tls(options: argparse.Namespace) -> ClientTls | None:
    """What they say; None: what the environment says."""
    from blazen_nb.wire.tls import load_client_tls

    if options.ca is None and options.cert is None and options.key is None:
        return None
    return load_client_tls(options.cert, options.key, options.ca)
