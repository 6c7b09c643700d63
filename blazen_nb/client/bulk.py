"""Values in bulk between a client and its peer, a call for each; on the I/O loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from blazen_nb.errors import BlazenError, EncodeError, refused_with
from blazen_nb.shipping.bulk import Bulk, BulkReader
from blazen_nb.shipping.described import RefInfo
from blazen_nb.shipping.environment import python_minor
from blazen_nb.wire.ref_messages import CHUNK_BYTES, ref_of
from blazen_nb.wire.v1 import kernel_pb2 as pb

if TYPE_CHECKING:
    from blazen_nb.client.link import PeerLink


async def fetch_value(link: PeerLink, uuid: str) -> BulkReader:
    """The value behind a ref, all there but not yet opened.

    Raises:
        BlazenError: The peer refuses, or the connection broke.
    """
    return await _read(link, uuid, raw=False)


async def fetch_bytes(link: PeerLink, uuid: str) -> bytes:
    """What the codec of the value's type tag writes; errors as for ``fetch_value``."""
    return (await _read(link, uuid, raw=True)).raw()


async def _read(link: PeerLink, uuid: str, *, raw: bool) -> BulkReader:
    request = pb.GetRequest(uuid=UUID(uuid).bytes, python=python_minor(), raw=raw)
    reader: BulkReader | None = None
    async for chunk in link.fetch(request):
        if chunk.HasField("refusal"):
            raise refused_with(chunk.refusal.kind, chunk.refusal.message)
        if reader is None:
            reader = BulkReader(chunk.header.sizes, chunk.header.tags)
        reader.write(chunk.data)
    if reader is None:
        raise EncodeError("the peer sent nothing of the value")
    reader.finish()
    return reader


def save_log(link: PeerLink, run_id: bytes, path: Path) -> int:
    """The number of bytes in the file, which is what the run has printed; blocks.

    Raises:
        BlazenError: The peer refuses, or the connection broke.
        OSError: The file cannot be written.
    """
    with path.open("wb") as file:
        return link.io.run(_copy_log(link, run_id, file.write))


async def _copy_log(link: PeerLink, run_id: bytes, write: Callable[[bytes], int]) -> int:
    size = 0
    async for chunk in link.fetch(pb.GetRequest(log_of_run=run_id)):
        if chunk.HasField("refusal"):
            raise refused_with(chunk.refusal.kind, chunk.refusal.message)
        size += write(chunk.data)
    return size


async def send_value(link: PeerLink, bulk: Bulk) -> RefInfo:
    """Where the peer keeps the value.

    Raises:
        BlazenError: The peer refuses, or the connection broke.
    """
    reply = await link.send(_chunks(link.session_id, bulk))
    if reply.HasField("refusal"):
        error: BlazenError = refused_with(reply.refusal.kind, reply.refusal.message)
        raise error
    return ref_of(reply.ref)


async def _chunks(session_id: str, bulk: Bulk) -> AsyncIterator[bytes]:
    header = pb.ValueHeader(sizes=bulk.sizes, tags=bulk.tags, session_id=session_id)
    yield pb.ValueChunk(header=header).SerializeToString()
    for piece in bulk.pieces(CHUNK_BYTES):
        yield pb.ValueChunk(data=bytes(piece)).SerializeToString()
