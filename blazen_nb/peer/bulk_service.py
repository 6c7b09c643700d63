"""Values in bulk, each in calls of its own: what refs stand for goes out, what clients put comes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import DecodeError

from blazen_nb.errors import BlazenError, EncodeError, TransportError
from blazen_nb.peer.bulk_values import BulkValues
from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.transfers import Incoming
from blazen_nb.wire.bulk_messages import CHUNK_BYTES, chunk_of, data_message, header_of
from blazen_nb.wire.messages import refusal_of
from blazen_nb.wire.v1 import kernel_pb2 as pb


class BulkService:
    """GetValue and PutValue of PeerKernel."""

    def __init__(self, parts: PeerParts) -> None:
        self._parts = parts
        self._values = BulkValues(parts)

    async def get(self, identity: str, request: bytes, context: Any) -> None:
        """Write what was asked for, as fast as the reader takes it; a refusal is a chunk, too."""
        try:
            asked = pb.GetRequest.FromString(request)
            if asked.log_of_run:
                await self._log(identity, asked.log_of_run, context)
            elif asked.upload:
                incoming = self._parts.incoming.find(identity, asked.upload)
                await _write(context, offset=incoming.arrived if incoming is not None else 0)
            elif asked.tcp_socket:
                await _write(context, tcp_port=self._parts.bulk_port())
            else:
                await self._value(identity, asked, context)
        except DecodeError:
            await _write(context, refusal=refusal_of(EncodeError("a request cannot be read")))
        except BlazenError as error:
            await _write(context, refusal=refusal_of(error))

    async def _log(self, identity: str, run_id: bytes, context: Any) -> None:
        pieces = self._parts.runs.record(run_id, identity).log()
        # On a thread: it is read from disk. The header says that the log is there, empty or not.
        await _write(context, header=pb.ValueHeader())
        at = 0
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            await context.write(data_message(at, [memoryview(piece)]))
            at += len(piece)

    async def _value(self, identity: str, asked: pb.GetRequest, context: Any) -> None:
        # On a thread: values run code of their own while they are encoded.
        outgoing = await asyncio.to_thread(self._values.outgoing, identity, asked)
        bulk = outgoing.bulk
        end = min(bulk.size, asked.offset + (asked.size or bulk.size))
        self._parts.outgoing.enter(outgoing)
        try:
            await _write(context, header=header_of(bulk))
            for at in range(asked.offset, end, CHUNK_BYTES):
                await context.write(data_message(at, bulk.span(at, min(at + CHUNK_BYTES, end))))
        finally:
            self._parts.outgoing.leave(outgoing)

    async def put(self, identity: str, chunks: AsyncIterator[bytes], context: Any) -> bytes:
        """Keep the value that the client sends; the answer is its ref, or the refusal."""
        try:
            return (await self._kept(identity, chunks)).SerializeToString()
        except Exception as error:
            return pb.PutReply(refusal=refusal_of(error)).SerializeToString()

    async def _kept(self, identity: str, chunks: AsyncIterator[bytes]) -> pb.PutReply:
        header = chunk_of(await anext(chunks, b"")).rest.header
        if header.same_as:
            return await asyncio.to_thread(self._values.copied, identity, header)
        with self._values.taking(identity, header) as incoming:
            await _receive(incoming, chunks)
            return await asyncio.to_thread(self._values.kept, incoming)


async def _receive(incoming: Incoming, chunks: AsyncIterator[bytes]) -> None:
    async for message in chunks:
        rest, data = chunk_of(message)
        if incoming.reader is None or rest.offset != incoming.arrived:
            raise TransportError("an upload goes on elsewhere than where it was cut")
        incoming.reader.write(rest.offset, data)


async def _write(context: Any, **chunk: Any) -> None:
    await context.write(pb.ValueChunk(**chunk).SerializeToString())
