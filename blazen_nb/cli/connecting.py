"""What commands that talk to a peer have in common: its address, whom to trust, and the connection."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # gRPC takes a while to load, and --help need not wait for it
    from blazen_nb.client.sync import PeerClient
    from blazen_nb.wire.tls import ClientTls


def add_connection(parser: argparse.ArgumentParser) -> None:
    """The parser knows the address of a peer, and ``--ca``, ``--cert`` and ``--key``."""
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        help="host:port, https://host:port, unix:PATH, or local: your newest peer on this machine",
    )
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


def connect(options: argparse.Namespace) -> PeerClient:
    """A client of the peer that the command line names; use ``with``.

    Raises:
        BlazenError: There is none, or it refuses.
    """
    from blazen_nb.client.sync import PeerClient

    return PeerClient.connect(options.address, tls=_tls(options))


def _tls(options: argparse.Namespace) -> ClientTls | None:
    from blazen_nb.wire.tls import load_client_tls

    if options.ca is None and options.cert is None and options.key is None:
        return None
    return load_client_tls(options.cert, options.key, options.ca)
