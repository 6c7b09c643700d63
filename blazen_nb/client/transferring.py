"""Copies of values behind refs, on the peer that is to use them: for good, or while a call needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from uuid import UUID

from blazen_nb.client.connecting import require_sessions
from blazen_nb.client.link import PeerLink
from blazen_nb.client.passing import pass_value
from blazen_nb.client.put_again import copied_there
from blazen_nb.client.refs import RemoteRef
from blazen_nb.client.transfer_progress import Progress, await_shown, run_shown
from blazen_nb.engine.refs import refs_in
from blazen_nb.shipping.diversion import Leaf
from blazen_nb.wire.v1 import kernel_pb2 as pb

AT_ONCE = 4
"""Values of one call that are on their way together."""


class Copies:
    """The copies that stand for refs of other peers in what is sent to one (Diversion); the end of a block releases them.

    A peer looks up what an input refers to when it takes the run on, and the release travels behind the start.

    Args:
        of: The copy of each ref, by the ref's UUID.
    """

    largest_leaf: int | None = None

    def __init__(self, link: PeerLink, of: Mapping[str, RemoteRef] | None = None) -> None:
        self._link = link
        self._of = dict(of or {})

    def take(self, value: Any) -> Leaf | None:
        """See Diversion.

        Raises:
            SessionRefError: The ref belongs to another peer and has no copy here, or was released.
        """
        copy = self._of.get(value.uuid, value) if isinstance(value, RemoteRef) else value
        return self._link.refs.take(copy)

    def take_rest(self, value: Any) -> Leaf | None:
        """See Diversion: the codec's error stands."""
        return None

    def release(self) -> None:
        """Let the peer drop them once it has no use for them; does not wait."""
        for copy in self._of.values():
            copy.release()

    def __getitem__(self, ref: RemoteRef) -> RemoteRef:
        return self._of[ref.uuid]

    def __enter__(self) -> Copies:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def copies_for(value: Any, link: PeerLink, *, transfer: bool) -> Copies:
    """Copies, on this link's peer, of what refs of other peers in the value stand for; none without ``transfer``.

    Raises:
        BlazenError: One of them cannot be made; none is left then.
    """
    refs = _foreign(value, link) if transfer else []
    return copies_of(refs, link)


def copies_of(refs: Sequence[RemoteRef], link: PeerLink) -> Copies:
    """As ``copies_for``, of exactly these refs."""
    if not refs:
        return Copies(link)
    progress = Progress(_name(refs, link))
    copies = run_shown(link.io, _all_copied(refs, link, progress), progress)
    return Copies(link, copies)


async def acopies_for(value: Any, link: PeerLink, *, transfer: bool) -> Copies:
    """As ``copies_for``, for code that awaits."""
    refs = _foreign(value, link) if transfer else []
    if not refs:
        return Copies(link)
    progress = Progress(_name(refs, link))
    return Copies(link, await await_shown(link.io, _all_copied(refs, link, progress), progress))


def copy_of(ref: RemoteRef, link: PeerLink) -> RemoteRef:
    """A copy of what a ref of any peer stands for, on this link's peer; errors as for ``pass_value``."""
    progress = Progress(_name([ref], link))
    return run_shown(link.io, _copied(ref, link, progress), progress)


async def acopy_of(ref: RemoteRef, link: PeerLink) -> RemoteRef:
    """As ``copy_of``, for code that awaits."""
    progress = Progress(_name([ref], link))
    return await await_shown(link.io, _copied(ref, link, progress), progress)


def _foreign(value: Any, link: PeerLink) -> list[RemoteRef]:
    """The refs of other peers in a value, each once."""
    refs = (ref for ref in refs_in(value) if isinstance(ref, RemoteRef) and not ref.is_on(link))
    return list({ref.uuid: ref for ref in refs}.values())


def _name(refs: Sequence[RemoteRef], link: PeerLink) -> str:
    owners = ", ".join(dict.fromkeys(ref.owner for ref in refs))
    what = refs[0].type_name.rpartition(".")[2] if len(refs) == 1 else f"{len(refs)} values"
    return f"{what} from {owners} to {link.node_id}"


async def _all_copied(
    refs: Sequence[RemoteRef], link: PeerLink, progress: Progress
) -> dict[str, RemoteRef]:
    room = asyncio.Semaphore(AT_ONCE)

    async def copied(ref: RemoteRef) -> RemoteRef:
        async with room:
            return await _copied(ref, link, progress)

    copying = [asyncio.ensure_future(copied(ref)) for ref in refs]
    try:
        copies = await asyncio.gather(*copying)
    except BaseException:
        for task in copying:
            task.cancel()
        for left in await asyncio.gather(*copying, return_exceptions=True):
            if isinstance(left, RemoteRef):
                left.release()
        raise
    return {ref.uuid: copy for ref, copy in zip(refs, copies, strict=True)}


async def _copied(ref: RemoteRef, link: PeerLink, progress: Progress) -> RemoteRef:
    source = ref.link()
    link.check_open()
    require_sessions(link, "put()")
    if ref.is_on(link):
        header = pb.ValueHeader(session_id=link.session_id, same_as=UUID(ref.uuid).bytes)
        copy = await copied_there(link, header)
        if copy is not None:
            return copy
    # Of the same peer, too, where that keeps it for another user: this client may fetch it all the same.
    return link.refs.known(await pass_value(source, ref.uuid, link, progress))
