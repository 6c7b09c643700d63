"""A peer's sessions: opened, taken up again by a client that comes back, and ended when nobody does."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable

from blazen_nb.errors import AuthError, LimitError
from blazen_nb.peer.parts import PeerParts, SessionInfo
from blazen_nb.peer.session import Session
from blazen_nb.wire.io_loop import IoLoop
from blazen_nb.wire.pulse import Pulse
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.peer")


class Connection:
    """One stream of a session, until it breaks or a newer one takes its place; on the I/O loop.

    Args:
        pulse: When its client was heard last.
    """

    def __init__(self, session: Session, info: SessionInfo, *, resumed: bool, pulse: Pulse) -> None:
        self.session = session
        self.info = info
        self.resumed = resumed
        """It goes on with a session that was there before."""
        self.is_current = True
        self.tasks: list[asyncio.Task[None]] = []
        """What reads and writes; the stream ends when one of them does."""
        self._pulse = pulse

    def heard(self) -> None:
        """Its client has said something."""
        self._pulse.heard()

    @property
    def is_dead(self) -> bool:
        """Whether its client has been silent for too long."""
        return self.session.resumable and self._pulse.is_dead

    def end(self) -> None:
        """Nothing more is read or written: the tasks do not get another turn."""
        self.is_current = False
        for task in self.tasks:
            task.cancel()


class SessionTable:
    """Sessions by client and ID; on the I/O loop, but for ``tidy``.

    Args:
        now: A clock in seconds that does not go back.
    """

    def __init__(
        self, peer: PeerParts, io: IoLoop, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._peer = peer
        self._io = io
        self._now = now
        self._connected: dict[Session, Connection] = {}
        self._resumable: dict[tuple[str, str], Session] = {}
        self._left: dict[Session, float] = {}
        """Sessions without a connection, the longest left first, and since when."""

    def open(self, identity: str, hello: pb.Hello) -> Connection:
        """A new session, or the one that the client had, whose older stream then ends.

        Raises:
            AuthError: The session is another client's.
            LimitError: As many clients as this peer admits are connected.
        """
        known = self._known(identity, hello)
        if known is not None:
            self._leave_stream(known)
            self._left.pop(known, None)
        elif len(self._connected) >= self._peer.limits.sessions:
            raise LimitError(
                f"peer {self._peer.node_id} has as many sessions as it admits; try again later"
            )
        session = known or self._new(identity, hello)
        info = SessionInfo(hello.node_id, identity, hello.namespace)
        connection = Connection(session, info, resumed=known is not None, pulse=Pulse(self._now))
        self._connected[session] = connection
        self._peer.session_began(info)
        what = "goes on" if connection.resumed else "begins"
        _log.debug("session %s of client %r %s", session.session_id, hello.node_id, what)
        return connection

    def _new(self, identity: str, hello: pb.Hello) -> Session:
        resumable = hello.resumes and bool(hello.session_id)
        session = Session(self._peer, identity, hello, self._io, resumable=resumable)
        if resumable:
            self._resumable[identity, hello.session_id] = session
        return session

    def _known(self, identity: str, hello: pb.Hello) -> Session | None:
        known = self._resumable.get((identity, hello.session_id))
        if known is None:
            return None
        asked, secret = hello.resume_secret.encode(), known.resume_secret.encode()
        if not hmac.compare_digest(asked, secret):
            # The ID is no secret. Two sessions of one ID would share their refs, and one's end would be the other's.
            raise AuthError(
                f"session {hello.session_id} of peer {self._peer.node_id} is another client's; "
                "connect for one of your own"
            )
        return known

    def closed(self, connection: Connection) -> None:
        """The stream is over; its session ends with it, or waits for its client."""
        session = connection.session
        if self._connected.get(session) is not connection:
            return  # a newer one has taken its place
        self._leave_stream(session)
        if session.is_over or not session.resumable:
            self._end(session)
            return
        self._left[session] = self._now()
        _log.debug("session %s of client %r waits", session.session_id, connection.info.client)
        while len(self._left) > self._peer.limits.sessions:
            self._end(next(iter(self._left)))

    def _leave_stream(self, session: Session) -> None:
        connection = self._connected.pop(session, None)
        if connection is not None:
            connection.end()
            self._peer.session_ended(connection.info)

    def _end(self, session: Session) -> None:
        self._left.pop(session, None)
        if session.resumable:
            self._resumable.pop((session.identity, session.session_id), None)
        session.close()
        _log.debug("session %s of client %r ends", session.session_id, session.client)

    def tidy(self) -> None:
        """End what nobody will come back to: dead streams, calls of lost clients, sessions beyond their lease."""
        self._io.loop.call_soon_threadsafe(self._tidy)

    def _tidy(self) -> None:
        for connection in list(self._connected.values()):
            if connection.is_dead:
                _log.info("client %r has been silent for too long", connection.info.client)
                self.closed(connection)
        now, limits = self._now(), self._peer.limits
        for session, since in list(self._left.items()):
            if now - since >= limits.session_lease_seconds:
                self._end(session)
            elif now - since >= limits.reconnect_seconds:
                session.give_up_calls()

    def close(self) -> None:
        """End all of them."""
        for session in [*self._connected, *self._left]:
            self._leave_stream(session)
            self._end(session)
