"""Transfers under way on a peer, kept for a while after a cut so that they can go on.

What a fetch sends is pinned: the same bytes from first to last, and a release meanwhile takes nothing away. What has
arrived of an upload waits for the rest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from blazen_nb.errors import TransportError
from blazen_nb.peer.ref_scopes import Kept, RefScope
from blazen_nb.shipping.bulk import Bulk
from blazen_nb.shipping.bulk_reader import BulkReader
from blazen_nb.wire.v1 import kernel_pb2 as pb

KEPT_SECONDS = 120.0
"""How long a transfer that nobody goes on with is remembered: longer than clients try again."""
KEPT_BYTES = 4 << 30
"""What the transfers that nobody works on may weigh together; the oldest go first."""


REFUSED = 1000
"""How many transfers that were given up before they began are remembered, to be refused."""


class _Transfer(Protocol):
    calls: int
    used_at: float

    @property
    def size(self) -> int: ...


T = TypeVar("T", bound=_Transfer)


class Outgoing:
    """A value that is being fetched."""

    def __init__(self, bulk: Bulk) -> None:
        self.bulk = bulk
        self.calls = 0
        self.used_at = 0.0

    @property
    def size(self) -> int:
        """Bytes that it keeps alive."""
        return self.bulk.size


class Incoming:
    """A value that is being put."""

    def __init__(self, reader: BulkReader, scope: RefScope) -> None:
        self.reader: BulkReader | None = reader
        self.scope = scope
        self.calls = 0
        self.used_at = 0.0
        self.reply: pb.PutReply | None = None
        """Set once the value is kept: a sender who did not get it asks again."""
        self._kept: Kept | None = None
        self._given_up = False
        self._whole = reader.size
        self._writer: object = None
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes that it keeps alive."""
        return self._whole if self.reader is not None else 0

    @property
    def arrived(self) -> int:
        """Bytes from the start that are here."""
        return self.reader.arrived if self.reader is not None else self._whole

    def claim(self) -> object:
        """Who brings bytes from now on; another one, of a connection that broke, may not know yet that it did."""
        with self._lock:
            self._writer = object()
            return self._writer

    def took(self, writer: object, count: int) -> None:
        """The next bytes are in their room.

        Raises:
            TransportError: Another one brings them now.
        """
        with self._lock:
            if writer is not self._writer or self.reader is None:
                raise TransportError("an upload goes on over another connection")
            self.reader.took(count)

    def is_kept(self, kept: Kept, reply: pb.PutReply) -> None:
        """Its value is kept, unless its sender has given it up meanwhile."""
        with self._lock:
            self.reply, self.reader, self._kept = reply, None, kept
            given_up = self._given_up
        if given_up:
            self._let_go(kept)

    def give_up(self) -> None:
        """Nobody will have the answer: the value goes, or will once it is here."""
        with self._lock:
            self._given_up, kept = True, self._kept
        if kept is not None:
            self._let_go(kept)

    def _let_go(self, kept: Kept) -> None:
        self.scope.table.release(kept.ref.uuid, self.scope.identity)


class Transfers(Generic[T]):
    """Transfers of one direction, by identity and ID. Thread-safe.

    Args:
        now: Seconds on a clock that only goes forward.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: dict[tuple[str, bytes], T] = {}
        self._refused: dict[tuple[str, bytes], None] = {}
        self._lock = threading.Lock()

    def find(self, identity: str, transfer_id: bytes) -> T | None:
        """The transfer, where it is still known."""
        return self._known.get((identity, transfer_id))

    def begin(self, identity: str, transfer_id: bytes, transfer: T) -> None:
        """Remember it, where it has an ID.

        Raises:
            TransportError: Its first word comes later than the last one, that it is given up.
        """
        if transfer_id:
            with self._lock:
                if (identity, transfer_id) in self._refused:
                    raise TransportError("a transfer that was given up does not begin")
                transfer.used_at = self._now()
                self._known[identity, transfer_id] = transfer

    def refuse(self, identity: str, transfer_id: bytes) -> None:
        """It is not to begin: what is said of transfers, and they themselves, come over connections of their own."""
        with self._lock:
            self._refused[identity, transfer_id[:16]] = None
            if len(self._refused) > REFUSED:
                del self._refused[next(iter(self._refused))]

    def drop(self, identity: str, transfer_id: bytes) -> None:
        """Forget it."""
        with self._lock:
            self._known.pop((identity, transfer_id), None)

    def enter(self, transfer: T) -> None:
        """A call works on it."""
        with self._lock:
            transfer.calls += 1

    def leave(self, transfer: T) -> None:
        """A call that worked on it has ended."""
        with self._lock:
            transfer.calls -= 1
            transfer.used_at = self._now()

    def expire(self) -> None:
        """Forget what nobody works on: what has waited too long, and the oldest where they weigh too much."""
        with self._lock:
            idle = [(key, each) for key, each in self._known.items() if not each.calls]
        idle.sort(key=lambda item: item[1].used_at, reverse=True)
        weight, latest = 0, self._now() - KEPT_SECONDS
        for key, transfer in idle:
            weight += transfer.size
            if transfer.used_at < latest or weight > KEPT_BYTES:
                self.drop(*key)

    def __len__(self) -> int:
        return len(self._known)
