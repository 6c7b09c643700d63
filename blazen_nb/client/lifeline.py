"""A session's connection: one stream after the other, for as long as the peer can be reached; on the I/O loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any, Protocol

from blazen_nb.client.backoff import pauses
from blazen_nb.client.dialing import Dialer
from blazen_nb.client.transports import Transport
from blazen_nb.client.waiters import closed_error
from blazen_nb.errors import AuthError, BlazenError, LimitError, TransportError
from blazen_nb.wire.delivery import Delivery
from blazen_nb.wire.limits import DEFAULT_LIMITS
from blazen_nb.wire.outbox import Outbox
from blazen_nb.wire.pulse import Pulse, clock
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.client")

GOODBYE_SECONDS = 1.0
"""How long a client that is closed waits for the peer to have read its last words."""

REFUSALS = 3
"""A peer that was restarted listens a moment before its token can be found: so often a refused one is tried."""


class Owner(Protocol):
    """Whose connection it is."""

    def deliver(self, frame: pb.PeerFrame) -> None:
        """A frame has come."""

    def begin_anew(self, why: str) -> None:
        """The peer knows the session no more, for this reason; the next frames are of a new one."""

    def changed(self) -> None:
        """The connection broke, or is there again."""

    def give_up_calls(self, error: BlazenError) -> None:
        """The peer does not wait any longer for those who only wait for an answer."""

    def lose(self, error: BlazenError) -> None:
        """There is no connection any more, and there will be none."""


class Lifeline:
    """Reads and writes, and comes back where the stream breaks.

    Args:
        timeout: Seconds for each attempt to connect.
        reconnect: Seconds for which it tries to come back; 0 = not at all.
    """

    def __init__(
        self, owner: Owner, outbox: Outbox, dialer: Dialer, *, timeout: float, reconnect: float
    ) -> None:
        self.welcome = pb.Welcome()
        self.broken_since: float | None = None
        """``time.monotonic()`` when the connection broke, while this client is on its way back; None else."""
        self._owner = owner
        self._outbox = outbox
        self._dialer = dialer
        self._timeout = timeout
        self._reconnect = reconnect
        self._transport: Transport | None = None
        self._peer_ended = False
        """The peer has ended the stream on purpose: it is shutting down."""
        self._pulse = Pulse(clock())
        self._back = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._closing = False

    async def begin(self) -> None:
        """Connect, and stay connected from now on.

        Raises:
            BlazenError: As for ``Dialer.dial``.
        """
        self._take_over(*await self._dialer.dial(self._timeout))
        self._life = asyncio.create_task(self._live())

    async def transport(self) -> Transport:
        """What to reach the peer over, once there is a connection.

        Raises:
            TransportError: There is none for too long.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._back.wait()
        except TimeoutError:
            raise self._unreachable(f"for {self._timeout:g} s") from None
        if self._transport is None:
            raise TransportError(f"peer {self.welcome.node_id} closed the connection")
        return self._transport

    async def end(self) -> None:
        """Say goodbye, so that the peer need not wait for this client to come back, and close."""
        self._closing = True
        life, self._life = self._life, None
        if life is None:
            return
        if not life.done() and self.broken_since is None and self._outbox.delivery is not None:
            self._outbox.put(pb.ClientFrame(goodbye=pb.Goodbye()).SerializeToString())
            # The peer then ends the stream: closed from here, what was written last could be lost.
            await asyncio.wait([life], timeout=GOODBYE_SECONDS)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)

    # ---------------------------------------------------------------------------------------------------------

    def _take_over(self, transport: Transport, welcome: pb.Welcome) -> None:
        self._transport, self.welcome = transport, welcome
        self._pulse.heard()
        if welcome.resume_secret and self._outbox.delivery is None:
            self._outbox.delivery = Delivery()
        self.broken_since = None
        self._back.set()

    async def _live(self) -> None:
        error: BlazenError = TransportError("")
        try:
            while True:
                error = await self._converse()
                if not self._may_return(error):
                    return
                _log.info("the connection to peer %s broke: %s", self.welcome.node_id, error)
                self.broken_since = time.monotonic()
                self._back.clear()
                self._owner.changed()
                await self._let_go()
                await self._come_back(error)
                _log.info("connected to peer %s again", self.welcome.node_id)
                self._owner.changed()
        except BlazenError as last:
            error = last
        except Exception as defect:
            _log.exception("the connection to peer %s ended by a defect", self.welcome.node_id)
            error = TransportError(
                f"the connection to peer {self.welcome.node_id} ended by a defect of blazen_nb ({defect!r}); "
                "connect again, attach() finds the runs that went on"
            )
        finally:
            self.broken_since = None
            self._back.set()
            self._owner.lose(closed_error(self.welcome.node_id) if self._closing else error)
            await self._let_go()

    async def _let_go(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    def _may_return(self, error: BlazenError) -> bool:
        """Whether the connection broke, and both sides know how to go on."""
        keeps = self._outbox.delivery is not None and self._reconnect > 0
        ended = self._peer_ended or self._closing
        return keeps and not ended and isinstance(error, TransportError)

    async def _converse(self) -> BlazenError:
        """Read and write until the connection ends; why it did."""
        assert self._transport is not None
        reading = asyncio.ensure_future(self._read(self._transport))
        writing = asyncio.ensure_future(self._write(self._transport))
        tasks: list[asyncio.Future[Any]] = [reading, writing]
        watched: list[asyncio.Future[Any]] = [reading]
        if self._outbox.delivery is not None:
            watched.append(asyncio.ensure_future(self._watch()))
        try:
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else self._unreachable("any more")
        finally:
            for task in (*tasks, *watched):
                task.cancel()
            # Their tracebacks hold the stream, and with it grpc's polling thread.
            await asyncio.gather(*tasks, *watched, return_exceptions=True)

    async def _write(self, transport: Transport) -> None:
        with contextlib.suppress(BlazenError):  # the reader meets the same end and knows why
            await self._outbox.write_all(transport.write)

    async def _watch(self) -> None:
        await self._pulse.watch(lambda: self._outbox.beat(answer=True))

    async def _read(self, transport: Transport) -> BlazenError:
        said_goodbye = False
        try:
            while (batch := await transport.read()) is not None:
                self._pulse.heard()
                frames = pb.PeerBatch.FromString(batch).frames
                for frame in frames:
                    if self._outbox.take(frame, len(batch) // len(frames)):
                        continue
                    if frame.HasField("goodbye"):
                        said_goodbye, self._peer_ended = True, not frame.goodbye.comes_back
                    else:
                        self._owner.deliver(frame)
        except BlazenError as broken:
            if not said_goodbye:
                return broken
        self._peer_ended |= not said_goodbye
        return TransportError(f"peer {self.welcome.node_id} closed the connection")

    async def _come_back(self, broke: BlazenError) -> None:
        """Return once it is connected again.

        Raises:
            BlazenError: The peer refuses this client, or it cannot be reached for too long.
        """
        began = time.monotonic()
        waits_for_calls, refusals = True, 0
        for pause in pauses():
            await asyncio.sleep(pause)
            try:
                await self._come_back_once()
                return
            except AuthError as error:
                refusals += 1
                if refusals == REFUSALS:
                    raise
                broke = error
            except (TransportError, LimitError) as error:
                broke = error
            away = time.monotonic() - began
            if away > self._reconnect:
                raise TransportError(
                    f"the connection to peer {self.welcome.node_id} was lost and could not be made again within "
                    f"{self._reconnect:g} s; connect again once the peer can be reached, attach() finds the runs "
                    f"that went on ({broke})"
                )
            if waits_for_calls and away > DEFAULT_LIMITS.reconnect_seconds:
                waits_for_calls = False
                self._owner.give_up_calls(self._unreachable(f"for {away:.0f} s"))

    async def _come_back_once(self) -> None:
        delivery = self._outbox.delivery
        assert delivery is not None
        transport, welcome = await self._dialer.dial(
            self._timeout, resume_secret=self.welcome.resume_secret, received=delivery.received
        )
        if welcome.session_resumed:
            self._outbox.repeat(welcome.received)
        else:
            restarted = welcome.incarnation != self.welcome.incarnation
            why = "was restarted" if restarted else "has ended this session meanwhile"
            self._owner.begin_anew(f"peer {welcome.node_id} {why}")
        self._take_over(transport, welcome)

    def _unreachable(self, how_long: str) -> TransportError:
        return TransportError(f"peer {self.welcome.node_id} has not been reached {how_long}")
