"""Asks a peer for the preview that the card of a RemoteRef shows; whatever happens, there is a card, and soon.

A preview is not kept: a step may change the value between two looks at it, and an output that was shown stays what it
was. Each look is one question.
"""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import UUID
from weakref import WeakKeyDictionary

from blazen_nb.client.link import PeerLink
from blazen_nb.client.requests import answer_of
from blazen_nb.client.waiters import BlockingReply
from blazen_nb.errors import UnsupportedError, text_of
from blazen_nb.render.preview import Preview
from blazen_nb.render.ref import RefView
from blazen_nb.render.words import first_line
from blazen_nb.shipping.described import RefInfo
from blazen_nb.wire import io_loop
from blazen_nb.wire.preview_messages import preview_from
from blazen_nb.wire.v1 import kernel_pb2 as pb

WAIT_SECONDS = 1.0
"""How long a cell's output waits for the peer."""
QUIET_SECONDS = 5.0
"""How long a peer that did not answer is not asked again: a cell may show twenty refs."""

_LONGEST_REASON = 120

_silent_since: WeakKeyDictionary[PeerLink, float] = WeakKeyDictionary()


def with_preview(view: RefView, link: PeerLink, info: RefInfo) -> RefView:
    """What the card shows, with a preview, or with a word why there is none.

    It waits for the peer, at most about a second, on any thread but the I/O loop's; an interrupt ends the wait.
    """
    why = _why_not(view, link, info)
    found = why if why else _asked(link, info)
    if isinstance(found, Preview):
        return replace(view, preview=found)
    return replace(view, no_preview=found)


def _why_not(view: RefView, link: PeerLink, info: RefInfo) -> str:
    if view.is_released:
        return "the value was released"
    if not link.is_open or link.broken_since is not None:
        return f"{info.node_id} is not connected"
    if link.welcome.incarnation != info.incarnation:
        return f"{info.node_id} was restarted, and the value is gone"
    if time.monotonic() - _silent_since.get(link, -QUIET_SECONDS) < QUIET_SECONDS:
        return f"{info.node_id} has not answered just now"
    return "asked for on the I/O loop" if io_loop.is_current() else ""


def _asked(link: PeerLink, info: RefInfo) -> Preview | str:
    reply = BlockingReply()
    try:
        request = pb.PreviewRef(uuid=UUID(info.uuid).bytes)
        request_id = link.ask(reply, urgent=True, preview_ref=request)
        try:
            return preview_from(answer_of(reply.wait(WAIT_SECONDS), "preview"))
        finally:
            link.forget(request_id)
    except UnsupportedError:
        return f"{info.node_id} is older than previews, or speaks only Blazen's own wire"
    except TimeoutError:
        _silent_since[link] = time.monotonic()
        return f"{info.node_id} did not answer within {WAIT_SECONDS:g} s"
    except (
        Exception
    ) as error:  # the connection may end at any moment; the card is shown all the same
        return first_line(text_of(error), _LONGEST_REASON)
