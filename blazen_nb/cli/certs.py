"""``blazen-nb certs``: certificates, and how to use them."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from blazen_nb.cli.commands import Commands


def add_command(commands: Commands) -> None:
    """The parser knows ``certs``."""
    certs = commands.add_parser(
        "certs", help="make a CA and certificates for a peer and its clients; again to renew them"
    )
    certs.add_argument("folder", type=Path, metavar="DIR")
    certs.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name or IP address that clients use for the peer (may be repeated)",
    )
    certs.set_defaults(act=_certs)


def _certs(options: argparse.Namespace) -> int:
    from blazen_nb.certs import DAYS, make_certificates

    hosts = options.host or [platform.node()]
    for path in make_certificates(options.folder, [host for host in hosts if host]):
        print(f"wrote {path}")
    folder, host = options.folder, hosts[0] or "HOST"
    print(
        f"""
valid for {DAYS} days; the same command renews the pairs and keeps the CA

on the peer    blazen-nb serve 0.0.0.0:7070 --tls-cert {folder}/server.pem --tls-key {folder}/server.key
               and either BLAZEN_PEER_TOKEN, or --client-ca {folder}/ca.pem: only clients with a certificate
on a client    copy ca.pem there, and export BLAZEN_PEER_CA=ca.pem; for --client-ca copy client.pem and client.key,
               too, by a way that nobody reads, and export BLAZEN_PEER_CERT=client.pem BLAZEN_PEER_KEY=client.key
               %blazen_connect NAME https://{host}:7070
on neither     {folder}/ca.key: who has it can pass for any peer and any client"""
    )
    return 0
