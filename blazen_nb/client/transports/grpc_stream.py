"""Frames over one bidirectional gRPC stream, values in bulk over calls of a second connection.

Of a second one: frames do not queue behind a value's bytes in the socket, and a cut of one leaves the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc
import grpc.aio

from blazen_nb.client.transports.channels import caller_metadata, open_channel
from blazen_nb.errors import BlazenError, TransportError
from blazen_nb.wire.address import Address
from blazen_nb.wire.auth import NODE_ID_HEADER
from blazen_nb.wire.status import from_rpc_error
from blazen_nb.wire.tls import ClientTls

_SESSION = "/blazen_nb.wire.v1.PeerKernel/Session"
_WRITE_FAILED = "Internal error from Core"
"""What gRPC says of a call after a write to it has failed, whatever it had ended with."""
_GET_VALUE = "/blazen_nb.wire.v1.PeerKernel/GetValue"
_PUT_VALUE = "/blazen_nb.wire.v1.PeerKernel/PutValue"


class GrpcStream:
    """A Transport over grpc.aio; made on the I/O loop, where it begins to connect."""

    def __init__(
        self, address: Address, token: str | None, node_id: str, tls: ClientTls | None
    ) -> None:
        self._peer = str(address)
        self._channel = open_channel(address, tls)
        self._metadata = caller_metadata(node_id, token)
        self._stream = self._channel.stream_stream(_SESSION)(metadata=self._metadata)
        self._open_bulk = partial(open_channel, address, tls)
        self._bulk: Any = None
        self._is_closed = False

    async def open(self) -> None:
        """See Transport."""
        if NODE_ID_HEADER not in (await self._stream.initial_metadata() or ()):
            # No peer that lets this client in. Reading tells why; a write that fails would make gRPC forget it.
            await self.read()
            raise TransportError(f"what listens on {self._peer} is no peer")

    async def read(self) -> bytes | None:
        """See Transport."""
        try:
            batch = await self._stream.read()
        except grpc.RpcError as error:
            raise self._why(error) from None
        if batch is not grpc.aio.EOF:
            return bytes(batch)
        if await self._stream.code() is not grpc.StatusCode.OK:
            raise TransportError(
                f"the connection to {self._peer} was closed: {await self._stream.details()}"
            )
        return None

    async def write(self, batch: bytes) -> None:
        """See Transport."""
        try:
            await self._stream.write(batch)
        except grpc.RpcError as error:
            raise self._why(error) from None
        except (grpc.aio.BaseError, asyncio.InvalidStateError):  # the stream has ended meanwhile
            raise TransportError(f"the connection to {self._peer} is closed") from None

    async def fetch(self, request: bytes) -> AsyncIterator[bytes]:
        """See Transport."""
        channel = self._bulk_channel()
        call = channel.unary_stream(_GET_VALUE)(request, metadata=self._metadata)
        try:
            async for chunk in call:
                yield chunk
        except grpc.RpcError as error:
            await self._leave(channel)
            raise from_rpc_error(error, what="ref", peer=f"the peer at {self._peer}") from None
        finally:
            call.cancel()  # a reader that stops early wants no more

    async def send(self, chunks: AsyncIterator[bytes]) -> bytes:
        """See Transport."""
        channel = self._bulk_channel()
        call = channel.stream_unary(_PUT_VALUE)(chunks, metadata=self._metadata)
        try:
            return bytes(await call)
        except grpc.RpcError as error:
            await self._leave(channel)
            raise from_rpc_error(error, what="ref", peer=f"the peer at {self._peer}") from None

    def _bulk_channel(self) -> Any:
        if self._is_closed:  # a value was on its way when the connection was replaced
            raise TransportError(f"the connection to {self._peer} is closed")
        if self._bulk is None:
            self._bulk = self._open_bulk()
        return self._bulk

    async def _leave(self, channel: Any) -> None:
        """Have the next call begin on a new channel: one whose connection was cut may let a call wait for ever."""
        if self._bulk is channel:
            self._bulk = None
            await channel.close()

    def _why(self, error: grpc.RpcError) -> BlazenError:
        if isinstance(error, grpc.aio.AioRpcError) and error.details() == _WRITE_FAILED:
            return TransportError(f"the connection to {self._peer} broke; connect again")
        return from_rpc_error(error, what="peer", peer=f"the peer at {self._peer}")

    async def close(self) -> None:
        """See Transport."""
        self._is_closed = True
        self._stream.cancel()
        await self._channel.close()
        bulk, self._bulk = self._bulk, None
        if bulk is not None:
            await bulk.close()
        # grpc's own polling thread ends when the last of these objects is gone, not when they are closed.
        del self._stream, self._channel
