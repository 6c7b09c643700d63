"""A client's connection to one peer: requests out, answers to those who wait. Thread-safe; lives on the I/O loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import platform
import secrets
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any
from uuid import UUID

from blazen_nb import __version__
from blazen_nb.client.refs import LinkRefs
from blazen_nb.client.transports import Transport
from blazen_nb.client.transports.grpc_stream import GrpcStream
from blazen_nb.client.waiters import LoopMail, Receiver, closed_error
from blazen_nb.errors import (
    BlazenError,
    EnvelopeVersionError,
    LimitError,
    TransportError,
    ValidationError,
)
from blazen_nb.shipping.environment import python_minor
from blazen_nb.wire import io_loop
from blazen_nb.wire.address import Address, parse
from blazen_nb.wire.auth import resolve_token
from blazen_nb.wire.blazen_messages import ENVELOPE_VERSION
from blazen_nb.wire.limits import DEFAULT_LIMITS
from blazen_nb.wire.outbox import Outbox, Parts
from blazen_nb.wire.tls import ClientTls, resolve_client_tls
from blazen_nb.wire.tls_diagnosis import LOOK_SECONDS, why_tls_failed
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.client")


class PeerLink:
    """An open session with a peer; ``open`` makes one."""

    def __init__(self, io: io_loop.IoLoop, address: Address, transport: Transport) -> None:
        self.address = address
        self.welcome = pb.Welcome()
        self.session_id = secrets.token_hex(8)
        self.refs = LinkRefs(self)
        """The refs to values on the peer that are in use here."""
        self.io = io
        self._transport = transport
        self._outbox = Outbox(io, pb.ClientFrame)
        self._parts = Parts(2 * DEFAULT_LIMITS.message_bytes)
        self._receivers: dict[int, Receiver] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._gone: BlazenError | None = None
        self._ending = False
        self._ending_lock = threading.Lock()  # of its own: a finalizer may run under any other
        self._tasks: list[asyncio.Task[None]] = []
        self._mails: dict[asyncio.AbstractEventLoop, LoopMail] = {}

    @classmethod
    async def open(
        cls,
        io: io_loop.IoLoop,
        address: str,
        *,
        node_id: str | None,
        token: str | None,
        tls: ClientTls | None,
        namespace: str | None,
        timeout: float,
        way: Callable[[Address, str | None, str, ClientTls | None], Transport] = GrpcStream,
    ) -> PeerLink:
        """A link whose session is open; on the I/O loop.

        Args:
            node_id: This client's name; default the host's.
            namespace: Default one private to the session.
            way: Makes the transport, from the address, the token, the client's name and TLS.

        Raises:
            ValidationError: Not an address.
            TransportError: Nobody listens there, or it did not answer in time.
            TlsError: Its certificate is not trusted.
            AuthError: The token, or the client's certificate, was refused.
            EnvelopeVersionError: The peer speaks an older envelope than this client can.
            UnsupportedError: Nothing there knows sessions.
        """
        where = parse(address, use="connect")
        node_id = node_id or platform.node() or "client"
        secret, encrypted = resolve_token(token, where), resolve_client_tls(tls, where)
        where = where.with_tls(encrypted is not None)
        if secret is not None and encrypted is None and not where.is_loopback:
            _log.warning(
                "the token for %s travels unencrypted; use https:// or a trusted network", where
            )
        transport = way(where, secret, node_id, encrypted)
        link = cls(io, where, transport)
        hello = pb.Hello(
            session_id=link.session_id,
            namespace=namespace or "",
            envelope_version=ENVELOPE_VERSION,
            node_id=node_id,
            python=python_minor(),
            version=__version__,
        )
        try:
            async with asyncio.timeout(timeout):
                await link._greet(hello)
        except TimeoutError:
            await transport.close()
            raise TransportError(
                f"the peer at {where} did not answer within {timeout:g} s; is it a peer?"
            ) from None
        except TransportError as error:
            await transport.close()
            raise await _explained(error, where, encrypted) from None
        except BaseException:
            await transport.close()
            raise
        _log.debug("client %r is connected to peer %s at %s", node_id, link.node_id, where)
        link._tasks = [asyncio.ensure_future(link._write()), asyncio.ensure_future(link._read())]
        return link

    async def _greet(self, hello: pb.Hello) -> None:
        await self._transport.open()
        batch = pb.ClientBatch(frames=[pb.ClientFrame(hello=hello)]).SerializeToString()
        with contextlib.suppress(TransportError):  # reading tells why
            await self._transport.write(batch)
        answer = await self._transport.read()
        frames = pb.PeerBatch.FromString(answer).frames if answer else []
        if not frames or frames[0].WhichOneof("kind") != "welcome":
            raise TransportError(f"what listens on {self.address} is no peer")
        self.welcome = frames[0].welcome
        if self.welcome.envelope_version > ENVELOPE_VERSION:
            raise EnvelopeVersionError("the peer speaks a newer envelope; upgrade blazen-nb here")

    @property
    def node_id(self) -> str:
        """The peer's name."""
        return self.welcome.node_id

    @property
    def same_minor(self) -> bool:
        """Whether the peer runs this Python minor, so that functions may travel by value."""
        # One that does not say it speaks Blazen's wire, and that refuses whatever is not JSON.
        return self.welcome.python in ("", python_minor())

    @property
    def is_trusted(self) -> bool:
        """Whether it is known who the peer is: it is on this machine, or its certificate was verified."""
        return self.address.is_loopback or bool(self.address.secure)

    @property
    def is_open(self) -> bool:
        """Whether requests can be made."""
        return self._gone is None

    def mail(self) -> LoopMail:
        """The running loop's way to be handed answers."""
        loop = asyncio.get_running_loop()
        mail = self._mails.get(loop)
        if mail is None:
            self._mails = {
                known: each for known, each in self._mails.items() if not known.is_closed()
            }
            mail = self._mails[loop] = LoopMail(loop)
        return mail

    # --- requests, from any thread ---------------------------------------------------------------------------

    def ask(self, receiver: Receiver, *, urgent: bool = False, **kind: Any) -> int:
        """The number of the request that was sent; its answers go to the receiver.

        Raises:
            BlazenError: The connection is gone; the error says why.
        """
        request_id = next(self._ids)
        frame = pb.ClientFrame(request_id=request_id, **kind).SerializeToString()
        with self._lock:
            if self._gone is not None:
                raise again(self._gone)
            self._receivers[request_id] = receiver
        (self._outbox.put_urgent if urgent else self._outbox.put)(frame)
        return request_id

    def tell(self, **kind: Any) -> None:
        """Send what nobody answers, after what was sent before."""
        self._outbox.put(pb.ClientFrame(**kind).SerializeToString())

    def forget(self, request_id: int) -> None:
        """Hand on no further answer to this request."""
        with self._lock:
            self._receivers.pop(request_id, None)

    def cancel(self, run_id: bytes, reason: str) -> None:
        """Ask for the end of a run, without waiting."""
        frame = pb.ClientFrame(
            cancel_run=pb.CancelRun(run_id=run_id, reason=reason)
        ).SerializeToString()
        # Twice: at once, and behind the run's start where that still waits to be sent.
        self._outbox.put_urgent(frame)
        self._outbox.put(frame)

    def release(self, uuid: str) -> None:
        """Let the peer drop the value behind a ref, without waiting, after what was sent before."""
        if self._gone is None:
            self.tell(release_refs=pb.ReleaseRefs(uuids=[UUID(uuid).bytes]))

    # --- values in bulk, on the I/O loop ---------------------------------------------------------------------

    async def fetch(self, request: pb.GetRequest) -> AsyncGenerator[bytes, None]:
        """The chunks of a value, as they came.

        Raises:
            BlazenError: The connection is gone, or the call failed.
        """
        self.check_open()
        try:
            async for chunk in self._transport.fetch(request.SerializeToString()):
                yield chunk
        except asyncio.CancelledError:
            self.check_open()
            raise

    async def send(self, chunks: AsyncIterator[bytes]) -> pb.PutReply:
        """The answer to a value that was sent in chunks; errors as for ``fetch``."""
        self.check_open()
        try:
            return pb.PutReply.FromString(await self._transport.send(chunks))
        except asyncio.CancelledError:
            self.check_open()
            raise

    def check_open(self) -> None:
        """Nothing, where requests can be made.

        Raises:
            BlazenError: The connection is gone; the error says why.
        """
        if self._gone is not None:
            raise again(self._gone)

    # --- the stream, on the I/O loop -------------------------------------------------------------------------

    async def _write(self) -> None:
        with contextlib.suppress(BlazenError):  # the reader meets the same end and knows why
            await self._outbox.write_all(self._transport.write)

    async def _read(self) -> None:
        error: BlazenError = TransportError(f"peer {self.node_id} closed the connection")
        try:
            while (batch := await self._transport.read()) is not None:
                for frame in pb.PeerBatch.FromString(batch).frames:
                    self._deliver(frame)
        except BlazenError as broken:
            error = broken
        except asyncio.CancelledError:
            error = closed_error(self.node_id)
            raise
        finally:
            self._lose(error)

    def _deliver(self, frame: pb.PeerFrame) -> None:
        if frame.WhichOneof("kind") == "part":
            try:
                whole = self._parts.add(frame.part)
            except LimitError as error:
                self._fail(frame.request_id, error)
                return
            if whole is None:
                return
            frame = pb.PeerFrame.FromString(whole)
        receiver = self._receivers.get(frame.request_id)
        if receiver is not None and receiver.receive(frame):
            self._receivers.pop(frame.request_id, None)

    def _fail(self, request_id: int, error: BlazenError) -> None:
        receiver = self._receivers.pop(request_id, None)
        if receiver is not None:
            receiver.fail(error)

    def _lose(self, error: BlazenError) -> None:
        with self._lock:
            if self._gone is None:
                self._gone = error
            waiting = list(self._receivers.values())
            self._receivers.clear()
        self._outbox.close()
        for receiver in waiting:
            receiver.fail(again(error))

    def claim_end(self) -> bool:
        """True for the first who wants to end the session, from whatever thread; that one ends it."""
        with self._ending_lock:
            first, self._ending = not self._ending, True
        return first

    def end_unattended(self) -> None:
        """End the session and give the I/O loop back, without waiting: for finalizers, which run anywhere."""

        async def end() -> None:
            await self.shut()
            io_loop.release(self.io)

        # Made there: a coroutine that the loop is too late for would complain of never being awaited.
        with contextlib.suppress(RuntimeError):
            self.io.loop.call_soon_threadsafe(lambda: self.io.loop.create_task(end()))

    async def shut(self) -> None:
        """End the session; who still waits is told. On the I/O loop."""
        with self._lock:
            closed_before = isinstance(self._gone, ValidationError)
            self._gone = ValidationError("this client is closed; connect again")
        if closed_before:
            return
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()  # their tracebacks hold the stream, and with it grpc's polling thread
        self._lose(closed_error(self.node_id))
        self.refs.sockets.close()
        await self._transport.close()


async def _explained(error: TransportError, where: Address, tls: ClientTls | None) -> BlazenError:
    """What a failure to connect comes from, where that is TLS; else the failure itself."""
    try:
        # On a thread: name resolution and handshakes of the standard library block.
        look = asyncio.to_thread(why_tls_failed, where, tls)
        return await asyncio.wait_for(look, LOOK_SECONDS) or error
    except TimeoutError:
        return error


def again(error: BlazenError) -> BlazenError:
    """The same error as a new object: one that is raised in several threads mixes up their tracebacks."""
    return type(error)(*error.args)


def new_run_id() -> bytes:
    """16 random bytes: the run's ID, made by the caller so that a repeated start is the same run."""
    return os.urandom(16)
