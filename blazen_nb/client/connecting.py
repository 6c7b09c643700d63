"""How a client finds out what its peer speaks."""

from __future__ import annotations

from typing import Any

from blazen_nb.client.blazen_frames import unsupported
from blazen_nb.client.dialing import Dialer
from blazen_nb.client.link import PeerLink
from blazen_nb.client.transports.blazen_calls import BlazenCalls
from blazen_nb.errors import UnsupportedError, ValidationError
from blazen_nb.wire import io_loop
from blazen_nb.wire.connection_file import LOCAL, find_local


async def open_link(
    io: io_loop.IoLoop, address: str, *, timeout: float, reconnect: float, **caller: Any
) -> PeerLink:
    """A link to a peer of either kind; arguments and errors as for ``PeerLink.open`` and ``Dialer``.

    ``local`` is the address of this user's newest peer on this machine.

    A peer that has no sessions speaks, if it is one, Blazen's own wire: what that has no call for is refused with
    UnsupportedError.
    """
    address = local_address() if address == LOCAL else address
    try:
        dialer = Dialer(address, **caller)
        return await PeerLink.open(io, dialer, timeout=timeout, reconnect=reconnect)
    except UnsupportedError:
        dialer = Dialer(address, way=BlazenCalls, **caller)
        return await PeerLink.open(io, dialer, timeout=timeout, reconnect=0)


def local_address() -> str:
    """Where this user's newest peer on this machine listens.

    Raises:
        ValidationError: There is none, or only a file that other users can read.
    """
    found = find_local()
    if found is None:
        raise ValidationError(
            "no peer of yours runs on this machine: `blazen-nb serve 127.0.0.1:7070` in a terminal starts "
            "one, %blazen_serve starts one in this kernel, %blazen_connect NAME HOST:PORT finds one elsewhere"
        )
    return found.address


def has_sessions(link: PeerLink) -> bool:
    """Whether the peer is one of blazen_nb; else it speaks only Blazen's own wire."""
    return bool(link.welcome.version)


def require_sessions(link: PeerLink, feature: str) -> None:
    """Nothing, where the peer is one of blazen_nb: for what would take pains before it is refused.

    Raises:
        UnsupportedError: It is none.
    """
    if not has_sessions(link):
        raise unsupported(feature, link.node_id)
