"""A client's connection to one peer: requests out, answers to those who wait. Thread-safe; lives on the I/O loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from uuid import UUID

from blazen_nb.client.dialing import Dialer
from blazen_nb.client.lifeline import Lifeline
from blazen_nb.client.refs import LinkRefs
from blazen_nb.client.waiters import LoopMail, Receiver, closed_error
from blazen_nb.errors import (
    BlazenError,
    LimitError,
    TransportError,
    ValidationError,
)
from blazen_nb.shipping.environment import python_minor
from blazen_nb.wire import io_loop
from blazen_nb.wire.limits import DEFAULT_LIMITS
from blazen_nb.wire.outbox import Outbox
from blazen_nb.wire.parts import Parts
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.client")


class PeerLink:
    """An open session with a peer; ``open`` makes one."""

    def __init__(
        self, io: io_loop.IoLoop, dialer: Dialer, *, timeout: float, reconnect: float
    ) -> None:
        self.address = dialer.address
        self.tls = dialer.tls
        self.session_id = dialer.session_id
        self.refs = LinkRefs(self)
        """The refs to values on the peer that are in use here."""
        self.io = io
        self._outbox = Outbox(io, pb.ClientFrame)
        self._line = Lifeline(self, self._outbox, dialer, timeout=timeout, reconnect=reconnect)
        self._parts = Parts(2 * DEFAULT_LIMITS.message_bytes)
        self._receivers: dict[int, Receiver] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._gone: BlazenError | None = None
        self._ending = False
        self._ending_lock = threading.Lock()  # of its own: a finalizer may run under any other
        self._mails: dict[asyncio.AbstractEventLoop, LoopMail] = {}

    @classmethod
    async def open(
        cls, io: io_loop.IoLoop, dialer: Dialer, *, timeout: float, reconnect: float
    ) -> PeerLink:
        """A link whose session is open; on the I/O loop.

        Args:
            timeout: Seconds for each attempt to connect.
            reconnect: Seconds for which it tries to come back where the connection breaks; 0 = not at all.

        Raises:
            BlazenError: As for ``Dialer.dial``.
        """
        link = cls(io, dialer, timeout=timeout, reconnect=reconnect)
        await link._line.begin()
        return link

    @property
    def welcome(self) -> pb.Welcome:
        """What the peer said of itself when it was last connected."""
        return self._line.welcome

    @property
    def broken_since(self) -> float | None:
        """``time.monotonic()`` when the connection broke, while this client is on its way back; None else."""
        return self._line.broken_since

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

    @property
    def is_closed(self) -> bool:
        """Whether this client was closed, on purpose."""
        return isinstance(self._gone, ValidationError)

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
        with self._lock:  # both or neither: a session that begins anew drops what was put before
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
        transport = await self._line.transport()
        try:
            async for chunk in transport.fetch(request.SerializeToString()):
                yield chunk
        except asyncio.CancelledError:
            self._check_cancelled()
            raise

    async def send(self, chunks: AsyncIterator[bytes]) -> pb.PutReply:
        """The answer to a value that was sent in chunks; errors as for ``fetch``."""
        self.check_open()
        transport = await self._line.transport()
        try:
            return pb.PutReply.FromString(await transport.send(chunks))
        except asyncio.CancelledError:
            self._check_cancelled()
            raise

    def _check_cancelled(self) -> None:
        """Nothing, where it is the caller that was cancelled, not the call under it."""
        self.check_open()
        task = asyncio.current_task()
        if task is not None and not task.cancelling():
            raise TransportError(f"the connection to peer {self.node_id} broke")

    def check_open(self) -> None:
        """Nothing, where requests can be made.

        Raises:
            BlazenError: The connection is gone; the error says why.
        """
        if self._gone is not None:
            raise again(self._gone)

    # --- what the connection tells (Owner), on the I/O loop ---------------------------------------------------

    def deliver(self, frame: pb.PeerFrame) -> None:
        """See Owner."""
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

    def changed(self) -> None:
        """See Owner."""
        with self._lock:
            waiting = list(self._receivers.values())
        for receiver in waiting:
            receiver.connection_changed()

    def begin_anew(self, why: str) -> None:
        """See Owner: runs that were started are asked for, what was not sent yet is sent, whatever else waits has failed."""
        lost: list[Receiver] = []
        with self._lock:
            unsent = self._outbox.restart()
            later = {pb.ClientFrame.FromString(each).request_id for each in unsent}
            self._parts = Parts(2 * DEFAULT_LIMITS.message_bytes)
            waiting, self._receivers = self._receivers, {}
            for request_id, receiver in waiting.items():
                if request_id in later:
                    self._receivers[request_id] = receiver
                    continue
                attach = receiver.attach_again(why)
                if attach is None:
                    lost.append(receiver)
                    continue
                self._receivers[request_id] = receiver
                frame = pb.ClientFrame(request_id=request_id, attach_run=attach)
                self._outbox.put(frame.SerializeToString())
            for each in unsent:
                self._outbox.put(each)
        for receiver in lost:
            receiver.fail(TransportError(f"{why} before it answered"))

    def give_up_calls(self, error: BlazenError) -> None:
        """See Owner."""
        with self._lock:
            lost = {
                request_id: receiver
                for request_id, receiver in self._receivers.items()
                if not receiver.can_attach_again
            }
            for request_id in lost:
                del self._receivers[request_id]
        for receiver in lost.values():
            receiver.fail(again(error))

    def _fail(self, request_id: int, error: BlazenError) -> None:
        receiver = self._receivers.pop(request_id, None)
        if receiver is not None:
            receiver.fail(error)

    def lose(self, error: BlazenError) -> None:
        """See Owner."""
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
            closed_before = self.is_closed
            self._gone = ValidationError("this client is closed; connect again")
        if not closed_before:
            await self._line.end()
            self.lose(closed_error(self.node_id))
            self.refs.sockets.close()


def again(error: BlazenError) -> BlazenError:
    """The same error as a new object: one that is raised in several threads mixes up their tracebacks."""
    return type(error)(*error.args)


def new_run_id() -> bytes:
    """16 random bytes: the run's ID, made by the caller so that a repeated start is the same run."""
    return os.urandom(16)
