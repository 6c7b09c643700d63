"""Values in bulk between a client and its peer, in calls of their own; on the I/O loop.

What breaks on the way is taken up again where it was cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from blazen_nb.client.bulk_retry import Retry
from blazen_nb.client.bulk_sockets import BulkConnection
from blazen_nb.client.transfer_progress import Progress
from blazen_nb.errors import EncodeError, TransportError, refused_with
from blazen_nb.shipping.bulk import Bulk
from blazen_nb.shipping.bulk_reader import BulkReader
from blazen_nb.shipping.checksum import checksum
from blazen_nb.shipping.described import RefInfo
from blazen_nb.shipping.environment import python_minor
from blazen_nb.wire.bulk_messages import CHUNK_BYTES, chunk_of, data_message, header_of, reader_of
from blazen_nb.wire.ref_messages import ref_of
from blazen_nb.wire.v1 import kernel_pb2 as pb

if TYPE_CHECKING:
    from blazen_nb.client.link import PeerLink

_FIRST_BYTES = 8 * CHUNK_BYTES
"""What the first call brings along with the sizes; a small value needs no other."""
_LANES = 2
"""Calls that bring the rest of a large one: while one waits for its turn on the loop, another writes."""


async def fetch_value(link: PeerLink, uuid: str, progress: Progress, part: str = "") -> BulkReader:
    """The value behind a ref, or the part of it that the key names; all there but not yet opened.

    Raises:
        BlazenError: The peer refuses, or the connection broke and did not come back.
    """
    return await _Fetch(link, uuid, progress, raw=False, part=part).run()


async def fetch_bytes(link: PeerLink, uuid: str, progress: Progress) -> bytes:
    """What the codec of the value's type tag writes; errors as for ``fetch_value``."""
    return (await _Fetch(link, uuid, progress, raw=True).run()).raw()


class _Fetch:
    """One value on its way here."""

    def __init__(
        self, link: PeerLink, uuid: str, progress: Progress, *, raw: bool, part: str = ""
    ) -> None:
        self._link = link
        self._progress = progress
        self._request = pb.GetRequest(
            uuid=UUID(uuid).bytes,
            python=python_minor(),
            raw=raw,
            transfer=os.urandom(16),
            part=part,
        )
        self._reader: BulkReader | None = None
        self._sizes: list[int] = []

    async def run(self) -> BulkReader:
        """The value; errors as for ``fetch_value``."""
        try:
            await self._over_sockets()
            if self._reader is None:
                await self._lane(0, _FIRST_BYTES)
            assert self._reader is not None
            await self._rest(self._reader.arrived, self._reader.size)
        finally:
            forget(self._link, self._request.transfer)
        self._reader.finish()
        return self._reader

    async def _over_sockets(self) -> None:
        """Bring all of it, or what comes before there is no socket any more."""
        retry, at = Retry(self._link), 0
        while (connection := await self._link.refs.sockets.take(self._link)) is not None:
            try:
                await connection.use(partial(self._read_from, connection))
            except TransportError as error:
                connection.close()
                if self._arrived > at:
                    retry.progressed()
                at = self._arrived
                await retry.pause(error)
            except BaseException:
                connection.close()
                raise
            else:
                self._link.refs.sockets.give_back(connection)
                return

    def _read_from(self, connection: BulkConnection) -> None:
        request = pb.GetRequest()
        request.CopyFrom(self._request)
        request.offset = self._arrived
        self._announced(connection.asked(b"G", request.SerializeToString()).header)
        reader = self._reader
        assert reader is not None
        for at in range(request.offset, reader.size, CHUNK_BYTES):
            end = min(at + CHUNK_BYTES, reader.size)
            connection.carrier.receive(reader.room(at, end))
            reader.took(end - at)
            self._progress.done = reader.arrived

    @property
    def _arrived(self) -> int:
        return self._reader.arrived if self._reader is not None else 0

    async def _rest(self, start: int, size: int) -> None:
        step = max(CHUNK_BYTES, -(-(size - start) // _LANES))
        lanes = [
            asyncio.ensure_future(self._lane(at, min(at + step, size)))
            for at in range(start, size, step)
        ]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    async def _lane(self, at: int, end: int) -> int:
        """Where the bytes from ``at`` to ``end``, or what there is of them, have led."""
        retry = Retry(self._link)
        while True:
            try:
                async with contextlib.aclosing(self._pieces(at, end)) as pieces:
                    async for reached in pieces:
                        at = reached
                        retry.progressed()
                if self._reader is not None and at >= min(end, self._reader.size):
                    return at
                raise TransportError(f"peer {self._link.node_id} sent a part of a value only")
            except TransportError as error:
                await retry.pause(error)

    async def _pieces(self, at: int, end: int) -> AsyncGenerator[int, None]:
        """Where each chunk has led."""
        request = pb.GetRequest()
        request.CopyFrom(self._request)
        request.offset, request.size = at, end - at
        async with contextlib.aclosing(self._link.fetch(request)) as messages:
            async for message in messages:
                rest, data = chunk_of(message)
                if rest.HasField("header"):
                    self._announced(rest.header)
                if data.nbytes:
                    if self._reader is None or rest.offset != at:
                        raise EncodeError("a chunk of a value is not the next one")
                    self._reader.write(at, data)
                    self._progress.done = self._reader.arrived
                    at += data.nbytes
                    yield at

    def _announced(self, header: pb.ValueHeader) -> None:
        sizes = list(header.sizes)
        if self._reader is None:
            self._reader, self._sizes = reader_of(header), sizes
            self._progress.total = self._reader.size
        elif sizes != self._sizes:
            raise EncodeError("the value on the peer was changed while it was fetched; try again")


def save_log(link: PeerLink, run_id: bytes, path: Path) -> int:
    """The number of bytes in the file, which is what the run has printed; blocks.

    Raises:
        BlazenError: The peer refuses, or the connection broke.
        OSError: The file cannot be written.
    """
    with path.open("wb") as file:
        return link.io.run(_copy_log(link, run_id, file.write))


async def _copy_log(link: PeerLink, run_id: bytes, write: Callable[[memoryview], int]) -> int:
    size = 0
    async for message in link.fetch(pb.GetRequest(log_of_run=run_id)):
        size += write(chunk_of(message).data)
    return size


async def send_value(
    link: PeerLink, bulk: Bulk, progress: Progress, checksums: dict[int, bytes]
) -> RefInfo:
    """Where the peer keeps the value.

    Args:
        checksums: Gets those of the chunks, by their offsets.

    Raises:
        BlazenError: The peer refuses, or the connection broke and did not come back.
    """
    progress.total = bulk.size

    async def send(header: pb.ValueHeader, at: int) -> pb.PutReply:
        return await _sent(link, bulk, header, at, progress, checksums)

    return await upload(link, header_of(bulk), send)


async def upload(
    link: PeerLink,
    header: pb.ValueHeader,
    send: Callable[[pb.ValueHeader, int], Awaitable[pb.PutReply]],
) -> RefInfo:
    """Where the peer keeps what was sent to it, however often that had to be taken up again.

    Args:
        header: What the value is.
        send: Sends it from an offset on, and gives the peer's answer.

    Raises:
        BlazenError: As for ``send_value``.
    """
    header.session_id, header.upload = link.session_id, os.urandom(16)
    at, retry, given_up = 0, Retry(link), True
    try:
        while True:
            try:
                reply = await send(header, at)
                if reply.HasField("refusal"):
                    raise refused_with(reply.refusal.kind, reply.refusal.message)
                info, given_up = ref_of(reply.ref), False
                return info
            except TransportError as broken:
                await retry.pause(broken)
                arrived = await _arrived(link, header.upload, retry)
                if arrived > at:
                    retry.progressed()
                at = arrived
    finally:
        forget(link, header.upload, given_up=given_up)


async def _sent(
    link: PeerLink,
    bulk: Bulk,
    header: pb.ValueHeader,
    at: int,
    progress: Progress,
    checksums: dict[int, bytes],
) -> pb.PutReply:
    """The peer's answer to what it was sent from here on."""
    connection = None if bulk.size < CHUNK_BYTES else await link.refs.sockets.take(link)
    if connection is None:
        return await link.send(_chunks(bulk, header, at, progress, checksums))
    try:
        reply = await connection.use(
            partial(_write_to, connection, bulk, header, progress, checksums)
        )
    except BaseException:
        connection.close()
        raise
    link.refs.sockets.give_back(connection)
    return reply


def _write_to(
    connection: BulkConnection,
    bulk: Bulk,
    header: pb.ValueHeader,
    progress: Progress,
    checksums: dict[int, bytes],
) -> pb.PutReply:
    request = pb.ValueChunk(header=header).SerializeToString()
    for at in range(connection.asked(b"P", request).offset, bulk.size, CHUNK_BYTES):
        checksums[at] = connection.carrier.send(bulk.span(at, at + CHUNK_BYTES))
        progress.done = min(at + CHUNK_BYTES, bulk.size)
    connection.carrier.sent()
    return pb.PutReply.FromString(connection.answer())


async def _arrived(link: PeerLink, upload: bytes, retry: Retry) -> int:
    """How much of an upload the peer has."""
    while True:
        try:
            async for message in link.fetch(pb.GetRequest(upload=upload)):
                return chunk_of(message).rest.offset
            raise TransportError(f"peer {link.node_id} does not say what has arrived")
        except TransportError as error:
            await retry.pause(error)


async def _chunks(
    bulk: Bulk,
    header: pb.ValueHeader,
    start: int,
    progress: Progress,
    checksums: dict[int, bytes],
) -> AsyncIterator[bytes]:
    yield pb.ValueChunk(header=header).SerializeToString()
    for at in range(start, bulk.size, CHUNK_BYTES):
        pieces = bulk.span(at, at + CHUNK_BYTES)
        checksums[at] = checksum(pieces)
        yield data_message(at, pieces, checksums[at])
        progress.done = min(at + CHUNK_BYTES, bulk.size)


def forget(link: PeerLink, transfer_id: bytes, *, given_up: bool = False) -> None:
    """Nobody goes on with this transfer: the peer need not keep anything of it.

    Args:
        given_up: Of an upload: nor of its value, should that have arrived.
    """
    if link.is_open and link.welcome.version:  # one without sends a value in one answer
        link.tell(drop_transfers=pb.DropTransfers(ids=[transfer_id], given_up=given_up))
