"""Values in bulk, each in calls of its own: what refs stand for goes out, what clients put comes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import DecodeError

from blazen_nb.errors import BlazenError, EncodeError, LimitError, TransportError
from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.transfers import Incoming, Outgoing
from blazen_nb.shipping.bulk import Bulk, encode_bulk, encode_raw
from blazen_nb.shipping.environment import python_minor
from blazen_nb.wire.bulk_messages import CHUNK_BYTES, chunk_of, data_message, header_of, reader_of
from blazen_nb.wire.messages import refusal_of
from blazen_nb.wire.ref_messages import ref_message, uuid_of
from blazen_nb.wire.v1 import kernel_pb2 as pb


class BulkService:
    """GetValue and PutValue of PeerKernel."""

    def __init__(self, parts: PeerParts) -> None:
        self._parts = parts

    async def get(self, identity: str, request: bytes, context: Any) -> None:
        """Write what was asked for, as fast as the reader takes it; a refusal is a chunk, too."""
        try:
            asked = pb.GetRequest.FromString(request)
            if asked.log_of_run:
                await self._log(identity, asked.log_of_run, context)
            elif asked.upload:
                incoming = self._parts.incoming.find(identity, asked.upload)
                await _write(context, offset=incoming.arrived if incoming is not None else 0)
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
        outgoing = await self._outgoing(identity, asked)
        bulk = outgoing.bulk
        end = min(bulk.size, asked.offset + (asked.size or bulk.size))
        self._parts.outgoing.enter(outgoing)
        try:
            await _write(context, header=header_of(bulk))
            for at in range(asked.offset, end, CHUNK_BYTES):
                await context.write(data_message(at, bulk.span(at, min(at + CHUNK_BYTES, end))))
        finally:
            self._parts.outgoing.leave(outgoing)

    async def _outgoing(self, identity: str, asked: pb.GetRequest) -> Outgoing:
        known = self._parts.outgoing.find(identity, asked.transfer)
        if known is None:
            known = Outgoing(await self._bulk(identity, asked))
            self._parts.outgoing.begin(identity, asked.transfer, known)
        return known

    async def _bulk(self, identity: str, asked: pb.GetRequest) -> Bulk:
        kept = self._parts.refs.find(uuid_of(asked.uuid), identity)
        # On a thread: values run code of their own while they are encoded.
        return await asyncio.to_thread(
            encode_raw if asked.raw else encode_bulk,
            kept.ref.value,
            same_minor=asked.python == python_minor(),
            home=kept.scope.home,
        )

    async def put(self, identity: str, chunks: AsyncIterator[bytes], context: Any) -> bytes:
        """Keep the value that the client sends; the answer is its ref, or the refusal."""
        try:
            return (await self._kept(identity, chunks)).SerializeToString()
        except Exception as error:
            return pb.PutReply(refusal=refusal_of(error)).SerializeToString()

    async def _kept(self, identity: str, chunks: AsyncIterator[bytes]) -> pb.PutReply:
        header = chunk_of(await anext(chunks, b"")).rest.header
        incoming = self._incoming(identity, header)
        self._parts.incoming.enter(incoming)
        try:
            await _receive(incoming, chunks)
            if incoming.reply is None:
                incoming.reply = await self._opened(incoming)
            return incoming.reply
        except TransportError:
            raise  # the client goes on with it
        except Exception:
            self._parts.incoming.drop(identity, header.upload)
            raise
        finally:
            self._parts.incoming.leave(incoming)

    def _incoming(self, identity: str, header: pb.ValueHeader) -> Incoming:
        known = self._parts.incoming.find(identity, header.upload)
        if known is not None:
            return known
        scope = self._parts.refs.scope_of(identity, header.session_id)
        limit = self._parts.limits.upload_bytes
        if sum(header.sizes) > limit:
            raise LimitError(
                f"a value of {sum(header.sizes):,} bytes is larger than the {limit:,} that peer "
                f"{self._parts.node_id} takes; send it in several"
            )
        incoming = Incoming(reader_of(header), scope)
        self._parts.incoming.begin(identity, header.upload, incoming)
        return incoming

    async def _opened(self, incoming: Incoming) -> pb.PutReply:
        assert incoming.reader is not None
        incoming.reader.finish()
        reader, incoming.reader = incoming.reader, None
        value = await asyncio.to_thread(
            reader.value, trusted=self._parts.accepts_code, home=incoming.scope.home
        )
        kept = incoming.scope.keep(value)
        return pb.PutReply(ref=ref_message(self._parts.refs.info(kept)))


async def _receive(incoming: Incoming, chunks: AsyncIterator[bytes]) -> None:
    """Take what comes; of two calls for one upload, whichever brings the next bytes goes on."""
    async for message in chunks:
        rest, data = chunk_of(message)
        if incoming.reader is None or rest.offset != incoming.arrived:
            raise TransportError("an upload goes on elsewhere than where it was cut")
        incoming.reader.write(rest.offset, data)
        incoming.arrived += data.nbytes


async def _write(context: Any, **chunk: Any) -> None:
    await context.write(pb.ValueChunk(**chunk).SerializeToString())
