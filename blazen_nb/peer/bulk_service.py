"""Values in bulk, each in a call of its own: what refs stand for goes out, what clients put comes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import DecodeError

from blazen_nb.errors import BlazenError, EncodeError, LimitError
from blazen_nb.peer.parts import PeerParts
from blazen_nb.shipping.bulk import Bulk, BulkReader, encode_bulk, encode_raw
from blazen_nb.shipping.environment import python_minor
from blazen_nb.wire.messages import refusal_of
from blazen_nb.wire.ref_messages import CHUNK_BYTES, ref_message, uuid_of
from blazen_nb.wire.v1 import kernel_pb2 as pb


class BulkService:
    """GetValue and PutValue of PeerKernel."""

    def __init__(self, parts: PeerParts) -> None:
        self._parts = parts

    async def get(self, identity: str, request: bytes, context: Any) -> None:
        """Write the value behind a ref, or a run's log, as fast as the reader takes it; a refusal is a chunk, too."""
        asked = pb.GetRequest.FromString(request)
        if asked.log_of_run:
            await self._log(identity, asked.log_of_run, context)
            return
        try:
            bulk = await self._bulk(identity, asked)
        except Exception as error:
            await _write(context, refusal=refusal_of(error))
            return
        await _write(context, header=pb.ValueHeader(sizes=bulk.sizes, tags=bulk.tags))
        for piece in bulk.pieces(CHUNK_BYTES):
            await _write(context, data=bytes(piece))

    async def _log(self, identity: str, run_id: bytes, context: Any) -> None:
        try:
            pieces = self._parts.runs.record(run_id, identity).log()
        except BlazenError as error:
            await _write(context, refusal=refusal_of(error))
            return
        # On a thread: it is read from disk. The header says that the log is there, empty or not.
        await _write(context, header=pb.ValueHeader())
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            await _write(context, data=piece)

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
        header = _chunk(await anext(chunks, b"")).header
        scope = self._parts.refs.scope_of(identity, header.session_id)
        limit = self._parts.limits.upload_bytes
        if sum(header.sizes) > limit:
            raise LimitError(
                f"a value of {sum(header.sizes):,} bytes is larger than the {limit:,} that peer "
                f"{self._parts.node_id} takes; send it in several"
            )
        reader = BulkReader(header.sizes, header.tags)
        async for chunk in chunks:
            reader.write(_chunk(chunk).data)
        reader.finish()
        value = await asyncio.to_thread(
            reader.value, trusted=self._parts.accepts_code, home=scope.home
        )
        return pb.PutReply(ref=ref_message(self._parts.refs.info(scope.keep(value))))


async def _write(context: Any, **chunk: Any) -> None:
    await context.write(pb.ValueChunk(**chunk).SerializeToString())


def _chunk(message: bytes) -> pb.ValueChunk:
    try:
        return pb.ValueChunk.FromString(message)
    except DecodeError:
        raise EncodeError("a chunk of a value cannot be read") from None
