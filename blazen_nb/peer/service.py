"""The gRPC side of a peer: who may call, the session stream, and Blazen's own service, all on one port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import grpc
import grpc.aio

from blazen_nb.errors import AuthError, BlazenError, EncodeError, EnvelopeVersionError
from blazen_nb.peer.blazen_service import BlazenService
from blazen_nb.peer.bulk_service import BulkService
from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.session_table import Connection, SessionTable
from blazen_nb.wire.auth import (
    NODE_ID_HEADER,
    REFUSED,
    TokenCheck,
    certificate_identity,
    header_text,
)
from blazen_nb.wire.blazen_messages import ENVELOPE_VERSION
from blazen_nb.wire.io_loop import IoLoop
from blazen_nb.wire.status import status_of
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.peer")

T = TypeVar("T")

SESSION = "/blazen_nb.wire.v1.PeerKernel/Session"
FLUSH_SECONDS = 2.0
"""How long a peer that ends tries to write what its clients have not read yet."""

_GET_VALUE = "/blazen_nb.wire.v1.PeerKernel/GetValue"
_PUT_VALUE = "/blazen_nb.wire.v1.PeerKernel/PutValue"
_BLAZEN = "/blazen.peer.v1.BlazenPeer/"


class PeerRpcs(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Finds the handler of each call, after it has looked at the token and before any payload is read."""

    def __init__(self, parts: PeerParts, check: TokenCheck, io: IoLoop) -> None:
        self._parts = parts
        self._check = check
        self._io = io
        self._ending = asyncio.Event()
        blazen = BlazenService(parts)
        self._blazen_events = blazen.stream
        self._bulk = BulkService(parts)
        self._sessions = SessionTable(parts, io)
        self._unary: dict[str, Callable[[str, bytes], Awaitable[bytes]]] = {
            f"{_BLAZEN}InvokeSubWorkflow": blazen.invoke,
            f"{_BLAZEN}DerefSessionRef": blazen.deref,
            f"{_BLAZEN}ReleaseSessionRef": blazen.release,
        }

    def service(self, handler_call_details: Any) -> Any:
        """The handler for a call; None = this peer has no such method."""
        identity = self._check.identity(handler_call_details.invocation_metadata)
        if identity is None:
            # As a stream: a unary handler would first receive the whole message of a caller it refuses.
            return grpc.stream_stream_rpc_method_handler(_refuse)
        if handler_call_details.method == SESSION:
            return grpc.stream_stream_rpc_method_handler(partial(self._session, identity))
        if handler_call_details.method == _GET_VALUE:
            return grpc.unary_stream_rpc_method_handler(
                partial(_as_caller, self._bulk.get, identity)
            )
        if handler_call_details.method == _PUT_VALUE:
            return grpc.stream_unary_rpc_method_handler(
                partial(_as_caller, self._bulk.put, identity)
            )
        if handler_call_details.method == f"{_BLAZEN}StreamSubWorkflowEvents":
            return grpc.unary_stream_rpc_method_handler(
                partial(_stream, self._blazen_events, identity)
            )
        method = self._unary.get(handler_call_details.method)
        if method is None:
            return None
        _log.debug(
            "%s of client %r",
            handler_call_details.method.rpartition("/")[2],
            _node_id(handler_call_details.invocation_metadata),
        )
        return grpc.unary_unary_rpc_method_handler(partial(_unary, method, identity))

    async def _session(self, identity: str, batches: AsyncIterator[bytes], context: Any) -> None:
        identity = _caller(identity, context)
        # The caller waits for this before it writes: gRPC forgets why a call was refused once a write to it has failed.
        await context.send_initial_metadata(((NODE_ID_HEADER, header_text(self._parts.node_id)),))
        try:
            request_id, hello = _hello(await anext(batches, b""))
            connection = self._sessions.open(identity, hello)
        except BlazenError as error:
            await context.abort(*status_of(error))
            return
        try:
            session = connection.session
            await context.write(session.welcome(request_id, hello, resumed=connection.resumed))
            await self._converse(connection, batches, context)
        finally:
            self._sessions.closed(connection)

    async def _converse(
        self, connection: Connection, batches: AsyncIterator[bytes], context: Any
    ) -> None:
        """Read and write until the client is gone, or the peer ends and has said its last word."""
        if not connection.is_current:
            return
        outbox = connection.session.outbox
        reading = asyncio.create_task(_read_all(connection, batches))
        writing = asyncio.create_task(outbox.write_all(context.write))
        connection.tasks += [reading, writing]
        ending = asyncio.create_task(self._ending.wait())
        tasks = {reading, writing, ending}
        try:
            # Also where the writer fails: a client must not wait for what can no longer come.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if ending.done() and not writing.done():
                outbox.put(self._goodbye())
                flushing = asyncio.create_task(outbox.flushed())
                tasks.add(flushing)
                await asyncio.wait(
                    {flushing, reading, writing},
                    timeout=FLUSH_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            connection.tasks.clear()  # with what they ended with they hold the stream, and make a cycle
            for task in (reading, writing):
                _log_error(task)

    def _goodbye(self) -> bytes:
        # Runs in a journal go on when a peer starts on it again: their clients wait for that.
        goodbye = pb.Goodbye(comes_back=self._parts.durable is not None)
        return pb.PeerFrame(goodbye=goodbye).SerializeToString()

    def tidy(self) -> None:
        """End what lost clients have left behind; from any thread."""
        self._sessions.tidy()

    def end_sessions(self) -> None:
        """Let each session write what waits, and end; on the I/O loop."""
        self._ending.set()

    def close(self) -> None:
        """End the sessions of those who are not connected, too; on the I/O loop."""
        self._sessions.close()


def _node_id(metadata: Any) -> str:
    """What a caller without a session calls itself; empty where it does not say."""
    return next((str(value) for key, value in metadata or () if key == NODE_ID_HEADER), "")


def _caller(identity: str, context: Any) -> str:
    """Who calls: by the certificate where one was verified, else by the token."""
    return certificate_identity(context.auth_context()) or identity


async def _read_all(connection: Connection, batches: AsyncIterator[bytes]) -> None:
    async for batch in batches:
        connection.heard()
        connection.session.receive(batch)
        if connection.session.is_over:
            return


def _log_error(task: asyncio.Task[Any]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        gone = isinstance(
            error, grpc.aio.AioRpcError | grpc.aio.BaseError | asyncio.InvalidStateError
        )
        _log.log(logging.DEBUG if gone else logging.ERROR, "a session broke", exc_info=error)


def _hello(batch: bytes) -> tuple[int, pb.Hello]:
    try:
        frames = pb.ClientBatch.FromString(batch).frames
    except Exception:
        raise EncodeError("the first message of a session cannot be read") from None
    if not frames or frames[0].WhichOneof("kind") != "hello":
        raise EncodeError("a session begins with a Hello")
    hello = frames[0].hello
    if hello.envelope_version > ENVELOPE_VERSION:
        raise EnvelopeVersionError(
            f"envelope version {hello.envelope_version} is newer than supported {ENVELOPE_VERSION}"
        )
    return frames[0].request_id, hello


async def _refuse(_: AsyncIterator[bytes], context: Any) -> None:
    await context.abort(*status_of(AuthError(REFUSED)))


async def _stream(
    method: Callable[[str, bytes, Any], Awaitable[None]],
    identity: str,
    request: bytes,
    context: Any,
) -> None:
    try:
        await method(_caller(identity, context), request, context.write)
    except Exception as error:
        await context.abort(*status_of(error))
        raise


async def _as_caller(
    method: Callable[[str, Any, Any], Awaitable[T]], identity: str, request: Any, context: Any
) -> T:
    return await method(_caller(identity, context), request, context)


async def _unary(
    method: Callable[[str, bytes], Awaitable[bytes]], identity: str, request: bytes, context: Any
) -> bytes:
    try:
        return await method(_caller(identity, context), request)
    except Exception as error:
        await context.abort(*status_of(error))
        raise
