"""Who waits for the peer's answer, and how: a thread on a lock, or a task on its own loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from blazen_nb.engine.heartbeat import interruptible
from blazen_nb.errors import BlazenError, TransportError
from blazen_nb.wire.io_loop import POLL_SECONDS
from blazen_nb.wire.v1 import kernel_pb2 as pb


class Receiver(Protocol):
    """Takes the frames that answer one request; called on the I/O loop."""

    def receive(self, frame: pb.PeerFrame) -> bool:
        """Take a frame; True where it was the last one."""

    def fail(self, error: BlazenError) -> None:
        """There will be no more frames."""

    def connection_changed(self) -> None:
        """The connection broke and may come back, or is there again."""

    @property
    def can_attach_again(self) -> bool:
        """Whether there is something that asks for the rest of it in a new session."""

    def attach_again(self, why: str) -> pb.AttachRun | None:
        """What asks for the rest of it in a new session; None where its request cannot be told apart from one more.

        Args:
            why: There is a new one, for the error that may follow.
        """


class OneAnswer:
    """What is the same for all who wait for one answer: it comes in its session, or not at all."""

    __slots__ = ()
    can_attach_again = False

    def connection_changed(self) -> None:
        """See Receiver."""

    def attach_again(self, why: str) -> pb.AttachRun | None:
        """See Receiver."""
        return None


class BlockingReply(OneAnswer):
    """One answer, for a thread that waits for it."""

    __slots__ = ("_error", "_frame", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._frame: pb.PeerFrame | None = None
        self._error: BlazenError | None = None

    def receive(self, frame: pb.PeerFrame) -> bool:
        """See Receiver."""
        self._frame = frame
        self._lock.release()
        return True

    def fail(self, error: BlazenError) -> None:
        """See Receiver."""
        self._error = error
        self._lock.release()

    def wait(self, timeout: float | None) -> pb.PeerFrame:
        """The answer; the wait is interruptible.

        Raises:
            TimeoutError: It did not come in time; the caller says what that means.
            BlazenError: The connection failed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        # In short turns: a signal is handled between two of them.
        while not self._lock.acquire(timeout=POLL_SECONDS):
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError
        if self._error is not None:
            raise self._error
        assert self._frame is not None
        return self._frame


class LoopMail:
    """Hands answers to tasks of one loop; answers that come together share one wake-up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[Callable[[], None]] = deque()
        self._scheduled = False

    def post(self, item: Callable[[], None]) -> None:
        """Have the item called on the loop; nothing happens where the loop is closed."""
        self._items.append(item)
        if self._scheduled:
            return
        self._scheduled = True
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            self._items.clear()

    def _deliver(self) -> None:
        self._scheduled = False
        while self._items:
            self._items.popleft()()


class AsyncReply(OneAnswer):
    """One answer, for a task that awaits it."""

    __slots__ = ("_mail", "future")

    def __init__(self, mail: LoopMail) -> None:
        self._mail = mail
        self.future: asyncio.Future[pb.PeerFrame] = asyncio.get_running_loop().create_future()

    def receive(self, frame: pb.PeerFrame) -> bool:
        """See Receiver."""
        self._mail.post(lambda: None if self.future.done() else self.future.set_result(frame))
        return True

    def fail(self, error: BlazenError) -> None:
        """See Receiver."""
        self._mail.post(lambda: None if self.future.done() else self.future.set_exception(error))

    async def wait(self, timeout: float | None) -> pb.PeerFrame:
        """The answer.

        Raises:
            TimeoutError: It did not come in time; the caller says what that means.
            BlazenError: The connection failed.
        """
        with interruptible():
            if timeout is None:
                return await self.future
            async with asyncio.timeout(timeout):
                return await self.future


def closed_error(node_id: str) -> TransportError:
    """For requests that were waiting when their client was closed."""
    return TransportError(f"the client of peer {node_id} was closed before the answer came")
