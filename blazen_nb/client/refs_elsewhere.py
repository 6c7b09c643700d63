"""What is said of a RemoteRef that was sent to a peer which does not have its value."""

from __future__ import annotations

from blazen_nb.errors import SessionRefError


def elsewhere(type_name: str, owner: str, node_id: str, *, is_there: bool) -> SessionRefError:
    """The error, which says what to do.

    Args:
        owner: The peer that has the value.
        node_id: The peer that was to use it.
        is_there: Whether this process is still connected to the one that has it.
    """
    where, advice = f"peer {node_id}", _SEND_A_COPY
    if owner == node_id and is_there:
        where = f"another peer named {node_id}"
    elif owner == node_id:
        where = f"this run of peer {node_id}, which was restarted since"
        advice = "make it again"
    return SessionRefError(
        f"the {type_name} behind a RemoteRef belongs to peer {owner} and cannot be used on {where}; {advice}"
    )


_SEND_A_COPY = (
    "add --transfer to a cell's line, or transfer=True to a call, and a copy goes there; "
    "or fetch() it and send the value"
)
