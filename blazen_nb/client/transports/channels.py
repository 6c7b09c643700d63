"""gRPC channels to a peer, and what every call on them says of its caller."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio

from blazen_nb.wire.address import Address
from blazen_nb.wire.auth import NODE_ID_HEADER, bearer, header_text
from blazen_nb.wire.tls import ClientTls

_OPTIONS = [
    ("grpc.enable_http_proxy", 0),  # a proxy from the environment would be asked for loopback too
    (
        "grpc.use_local_subchannel_pool",
        1,
    ),  # a new client after a failure starts without the old one's backoff
]


def open_channel(address: Address, tls: ClientTls | None, *options: tuple[str, int]) -> Any:
    """A channel that begins to connect with its first call; on the I/O loop."""
    chosen = [*_OPTIONS, *options]
    if tls is None:
        return grpc.aio.insecure_channel(address.grpc_target, options=chosen)
    return grpc.aio.secure_channel(address.grpc_target, tls.credentials(), options=chosen)


def caller_metadata(node_id: str, token: str | None) -> list[tuple[str, str]]:
    """Who calls."""
    named = [(NODE_ID_HEADER, header_text(node_id))]
    return named if token is None else [*named, bearer(token)]
