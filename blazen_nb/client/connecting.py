"""How a client finds out what its peer speaks."""

from __future__ import annotations

from typing import Any

from blazen_nb.client.blazen_frames import unsupported
from blazen_nb.client.link import PeerLink
from blazen_nb.client.transports.blazen_calls import BlazenCalls
from blazen_nb.errors import UnsupportedError
from blazen_nb.wire import io_loop


async def open_link(io: io_loop.IoLoop, address: str, **options: Any) -> PeerLink:
    """A link to a peer of either kind; arguments and errors as for ``PeerLink.open``.

    A peer that has no sessions speaks, if it is one, Blazen's own wire: what that has no call for is refused with
    UnsupportedError.
    """
    try:
        return await PeerLink.open(io, address, **options)
    except UnsupportedError:
        return await PeerLink.open(io, address, way=BlazenCalls, **options)


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
