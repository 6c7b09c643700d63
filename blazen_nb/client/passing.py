"""A value on its way from one peer to another: its chunks pass through here as they come, and nothing is opened.

Nothing is kept of what has passed. Where the way there is cut, the first peer is asked again for what follows what has
arrived; where the way from there is cut, for what follows what has come. Each cut is waited for as any transfer's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING
from uuid import UUID

from blazen_nb.client.bulk import forget, upload
from blazen_nb.client.bulk_retry import Retry
from blazen_nb.client.bulk_sockets import BulkConnection
from blazen_nb.client.transfer_progress import Progress
from blazen_nb.errors import EncodeError, ShippingError, TransportError
from blazen_nb.shipping.bulk_reader import is_pickled
from blazen_nb.shipping.described import RefInfo
from blazen_nb.shipping.diversion import BUFFERS
from blazen_nb.shipping.environment import python_minor
from blazen_nb.wire.bulk_messages import CHUNK_BYTES, chunk_of, data_message
from blazen_nb.wire.v1 import kernel_pb2 as pb

if TYPE_CHECKING:
    from blazen_nb.client.link import PeerLink

_WAITING = 4
"""Chunks that have come and wait for their turn to go."""


async def pass_value(source: PeerLink, uuid: str, target: PeerLink, progress: Progress) -> RefInfo:
    """Where the target keeps its copy of what the source has behind this ref.

    Args:
        progress: Its counts go up by what there is and what has passed: several values may share it.

    Raises:
        ShippingError: A part of it is pickled, and it is not known who the source is.
        EnvironmentMismatchError: It could pass between equal Python minors.
        BlazenError: One of the peers refuses, or its connection broke and did not come back.
    """
    value = _Value(source, uuid, target.welcome.python or python_minor())
    try:
        await value.begin(target.node_id)
        progress.total += value.size
        passing = _Passing(value, target, progress)
        return await upload(target, value.header, passing.send)
    except _SourceFailed as failed:
        raise failed.error from None
    finally:
        forget(source, value.transfer)


class _SourceFailed(Exception):
    """No use in trying to send again: what is to be sent does not come."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class _Value:
    """What the source has, as messages that the target takes.

    Args:
        python: The target's Python minor, for which it is encoded.
    """

    def __init__(self, link: PeerLink, uuid: str, python: str) -> None:
        self.transfer = os.urandom(16)
        self.header = pb.ValueHeader()
        self.size = 0
        """Bytes, once it has begun."""
        self._link = link
        self._request = pb.GetRequest(uuid=UUID(uuid).bytes, python=python, transfer=self.transfer)
        self._first = bytearray()
        """The first bytes: only one who has looked at them may say what they are, so they are not asked for again."""

    async def begin(self, target: str) -> None:
        """Return once it is known what it is, and that it may pass.

        Args:
            target: The name of the peer that it is for.

        Raises:
            BlazenError: As for ``pass_value``.
        """
        await self._read_first(CHUNK_BYTES)
        if self._link.refs.trusted:
            return
        tags = self.header.tags
        ends = list(accumulate(self.header.sizes[: len(tags) + 1]))
        if BUFFERS in tags:  # then the leaves themselves tell what is pickled
            await self._read_first(-(-ends[-1] // CHUNK_BYTES) * CHUNK_BYTES)
        spans = pairwise(ends)
        if any(
            is_pickled(tag, bytes(self._first[start:end]))
            for tag, (start, end) in zip(tags, spans, strict=True)
        ):
            raise ShippingError(
                f"the value on peer {self._link.node_id} is pickled, and is not passed on to peer {target}: opening it "
                "there runs code, and it is not known who sent it. Connect to "
                f"{self._link.node_id} by TLS or with trust_peer=True, or make arrays, tables, tensors, bytes or JSON "
                "of it there"
            )

    async def messages(self, at: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Its chunks from here on, each with where it leads; errors as for ``pass_value``."""
        first = memoryview(self._first)
        for start in range(at, len(first), CHUNK_BYTES):
            data = first[start : start + CHUNK_BYTES]
            yield start + data.nbytes, data_message(start, [data])
        rest = self._from_peer(max(at, len(first)), self.size)
        async with contextlib.aclosing(rest):
            async for end, message, _ in rest:
                yield end, message

    async def connection(self) -> BulkConnection | None:
        """A fast way to the source, where there is more to come than what is here already."""
        return await self._link.refs.sockets.take(self._link) if self._rest_from(0) else None

    def give_back(self, connection: BulkConnection) -> None:
        """It has brought what there is."""
        self._link.refs.sockets.give_back(connection)

    def chunks(self, connection: BulkConnection, at: int) -> Iterator[tuple[int, memoryview]]:
        """Its chunks from here on, each with where it leads and only until the next; blocks."""
        first = memoryview(self._first)
        for start in range(at, len(first), CHUNK_BYTES):
            data = first[start : start + CHUNK_BYTES]
            yield start + data.nbytes, data
        if not self._rest_from(at):
            return
        request = self._asked_from(max(at, len(first)))
        self._announced(connection.asked(b"G", request.SerializeToString()).header)
        memory = memoryview(bytearray(CHUNK_BYTES))
        for start in range(request.offset, self.size, CHUNK_BYTES):
            room = memory[: self.size - start]
            connection.carrier.receive([room])
            yield start + room.nbytes, room

    def _rest_from(self, at: int) -> bool:
        """Whether something is to be fetched, of what follows."""
        return max(at, len(self._first)) < self.size

    def _asked_from(self, at: int) -> pb.GetRequest:
        request = pb.GetRequest(offset=at)
        request.MergeFrom(self._request)
        return request

    async def _read_first(self, end: int) -> None:
        async for _, _, data in self._from_peer(len(self._first), end):
            self._first += data

    async def _from_peer(self, at: int, end: int) -> AsyncGenerator[tuple[int, bytes, memoryview]]:
        retry = Retry(self._link)
        while not self.size or at < min(end, self.size):
            request = self._asked_from(at)
            request.size = end - at
            try:
                async with contextlib.aclosing(self._link.fetch(request)) as messages:
                    async for message in messages:
                        rest, data = chunk_of(message)
                        if rest.HasField("header"):
                            self._announced(rest.header)
                        if data.nbytes:
                            if rest.offset != at:
                                raise EncodeError("a chunk of a value is not the next one")
                            at += data.nbytes
                            retry.progressed()
                            yield at, message, data
                if not self.size or at < min(end, self.size):
                    raise TransportError(f"peer {self._link.node_id} sent a part of a value only")
            except TransportError as error:
                await retry.pause(error)

    def _announced(self, header: pb.ValueHeader) -> None:
        sizes = list(header.sizes)
        if not self.size:
            if sum(sizes) == 0 or len(sizes) <= len(header.tags):
                raise EncodeError("a value that arrives in parts has too few of them")
            self.size = sum(sizes)
            self.header = pb.ValueHeader(
                sizes=sizes, tags=header.tags, bytes_buffers=header.bytes_buffers
            )
        elif sizes != list(self.header.sizes):
            raise EncodeError("the value was changed on its peer while it passed; try again")


class _Passing:
    """Sends what comes."""

    def __init__(self, value: _Value, target: PeerLink, progress: Progress) -> None:
        self._value = value
        self._target = target
        self._progress = progress
        self._passed = 0

    async def send(self, header: pb.ValueHeader, at: int) -> pb.PutReply:
        """The target's answer to what it was sent from here on (see ``upload``).

        Raises:
            _SourceFailed: It does not come.
            BlazenError: It does not arrive.
        """
        connections = await self._connections()
        if connections is None:
            return await self._send_messages(header, at)
        source, target = connections
        try:
            reply = await target.use(partial(self._write_over, source, target, header), source)
        except BaseException:
            source.close()
            target.close()
            raise
        self._value.give_back(source)
        self._target.refs.sockets.give_back(target)
        return reply

    async def _connections(self) -> tuple[BulkConnection, BulkConnection] | None:
        """Fast ways to both peers; None where one of them has none."""
        source = await self._value.connection()
        if source is None:
            return None
        try:
            target = await self._target.refs.sockets.take(self._target)
        except BaseException:
            source.close()
            raise
        if target is not None:
            return source, target
        self._value.give_back(source)
        return None

    def _write_over(
        self, source: BulkConnection, target: BulkConnection, header: pb.ValueHeader
    ) -> pb.PutReply:
        request = pb.ValueChunk(header=header).SerializeToString()
        at = target.asked(b"P", request).offset
        for end, data in self._value.chunks(source, at):
            target.carrier.send([data])
            self._passed_to(end)
        target.carrier.sent()
        return pb.PutReply.FromString(target.answer())

    async def _send_messages(self, header: pb.ValueHeader, at: int) -> pb.PutReply:
        """As ``send``, over gRPC; a little may wait in between, so that both ways are busy."""
        waiting: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(_WAITING)
        reading = asyncio.ensure_future(self._read(at, waiting))
        sending = asyncio.ensure_future(self._target.send(self._taken(header, waiting)))
        try:
            await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                await reading
            return await sending
        finally:
            for task in (reading, sending):
                task.cancel()
            await asyncio.gather(reading, sending, return_exceptions=True)
            while not waiting.empty():
                waiting.get_nowait()
            waiting.put_nowait(None)  # gRPC's own task may still wait for the next

    async def _read(self, at: int, waiting: asyncio.Queue[tuple[int, bytes] | None]) -> None:
        try:
            async with contextlib.aclosing(self._value.messages(at)) as messages:
                async for each in messages:
                    await waiting.put(each)
        except TransportError as error:
            raise _SourceFailed(error) from None
        await waiting.put(None)

    async def _taken(
        self, header: pb.ValueHeader, waiting: asyncio.Queue[tuple[int, bytes] | None]
    ) -> AsyncIterator[bytes]:
        yield pb.ValueChunk(header=header).SerializeToString()
        while (each := await waiting.get()) is not None:
            end, message = each
            yield message
            self._passed_to(end)

    def _passed_to(self, end: int) -> None:
        self._progress.done += end - self._passed
        self._passed = end
