"""Values that were put before and are put again: the peer copies what it has, nothing travels.

What the peer has may have been changed there since: it says itself whether its copy is the value that was meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from blazen_nb.client.bulk import send_value
from blazen_nb.client.transfer_progress import Progress
from blazen_nb.errors import refused_with
from blazen_nb.shipping.bulk import Bulk
from blazen_nb.shipping.checksum import checksum
from blazen_nb.wire.bulk_messages import CHUNK_BYTES, header_of
from blazen_nb.wire.ref_messages import ref_of
from blazen_nb.wire.v1 import kernel_pb2 as pb

if TYPE_CHECKING:
    from blazen_nb.client.link import PeerLink
    from blazen_nb.client.refs import RemoteRef

LEAST_BYTES = CHUNK_BYTES
"""Smaller values are sent sooner than asked about."""


class _Content(NamedTuple):
    sizes: tuple[int, ...]
    tags: tuple[str, ...]
    checksums: tuple[bytes, ...]


class PutValues:
    """What a session's refs that are still held were made of; on the I/O loop."""

    def __init__(self) -> None:
        self._contents: WeakKeyDictionary[RemoteRef, _Content] = WeakKeyDictionary()

    async def put(self, link: PeerLink, bulk: Bulk, progress: Progress) -> RemoteRef:
        """The value on the peer, an object of its own there.

        Raises:
            BlazenError: The peer refuses, or the connection broke and did not come back.
        """
        again = await self._again(link, bulk)
        if again is not None:
            return again
        checksums: dict[int, bytes] = {}
        ref = link.refs.known(await send_value(link, bulk, progress, checksums))
        if bulk.size >= LEAST_BYTES:
            ordered = tuple(checksums[at] for at in sorted(checksums))
            self._contents[ref] = _Content(tuple(bulk.sizes), bulk.tags, ordered)
        return ref

    async def _again(self, link: PeerLink, bulk: Bulk) -> RemoteRef | None:
        shape = tuple(bulk.sizes), bulk.tags
        for ref, content in list(self._contents.items()):
            if ref.is_released or content[:2] != shape:
                continue
            if await asyncio.to_thread(_is_of, bulk, content.checksums):
                copied = await self._copied(link, bulk, ref, content)
                if copied is not None:
                    self._contents[copied] = content
                    return copied
        return None

    async def _copied(
        self, link: PeerLink, bulk: Bulk, ref: RemoteRef, content: _Content
    ) -> RemoteRef | None:
        """A copy that the peer made of what it has; None where that is something else by now."""
        header = header_of(bulk)
        header.session_id = link.session_id
        header.same_as, header.digest = UUID(ref.uuid).bytes, checksum(content.checksums)
        return await copied_there(link, header)


async def copied_there(link: PeerLink, header: pb.ValueHeader) -> RemoteRef | None:
    """The copy that the peer makes of what it has behind a ref.

    Args:
        header: Says which ref, and where it has a digest, what the value must be.

    Returns:
        None where the peer has no such value.

    Raises:
        BlazenError: The peer refuses, or the connection broke.
    """

    async def only_header() -> AsyncIterator[bytes]:
        yield pb.ValueChunk(header=header).SerializeToString()

    reply = await link.send(only_header())
    if reply.HasField("refusal"):
        raise refused_with(reply.refusal.kind, reply.refusal.message)
    return link.refs.known(ref_of(reply.ref)) if reply.HasField("ref") else None


def _is_of(bulk: Bulk, checksums: tuple[bytes, ...]) -> bool:
    """Whether the value has these checksums; one that differs is mostly found at once."""
    return all(
        checksum(bulk.span(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES)) == expected
        for number, expected in enumerate(checksums)
    )
