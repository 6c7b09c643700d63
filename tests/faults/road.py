"""A port in front of a peer's on which connections are cut, stop passing anything, or are dropped when idle."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial


class Road:
    """What a test sees, and does, of the way to a peer.

    Args:
        next_cut: How many bytes may pass, in both directions, until the next cut; None = no cut.
        idle_seconds: A connection on which nothing passes for so long is cut.
        spares_first: The first connection, which is a client's session, neither counts nor is cut with another one.
    """

    def __init__(
        self,
        port: int,
        *,
        next_cut: Callable[[], int | None] = lambda: None,
        idle_seconds: float | None = None,
        spares_first: bool = False,
    ) -> None:
        self._there = port
        self._next_cut = next_cut
        self._idle_seconds = idle_seconds
        self._spares_first = spares_first
        self._cuts_all = not spares_first
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.cuts = 0
        """So many so far."""
        self.connections = 0
        self.passed = 0
        """Bytes in both directions, over all connections."""
        self.is_frozen = threading.Event()
        """Nothing passes, and nothing is closed."""
        self.is_deaf = threading.Event()
        """Of what the peer says, nothing passes."""
        self.is_blocked = False
        """Connections are closed as they come."""
        self._left = next_cut()
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        """Cut what is connected now."""
        with self._lock:
            self.cuts += 1
            connected, self._open = self._open, []
        _end(*connected)

    def cut_after(self, *sizes: int, all_of_them: bool = False) -> None:
        """Cut once so many bytes have passed, each counted from the cut before.

        Args:
            all_of_them: The first connection, too, where that is spared.
        """
        with self._lock:
            self._next_cut = partial(next, iter(sizes), None)
            self._left, self._cuts_all = self._next_cut(), all_of_them or not self._spares_first

    def lead_to(self, address: str) -> None:
        """New connections go to the peer there."""
        self._there = int(address.rpartition(":")[2])

    def block(self) -> None:
        """Cut what is connected, and let nobody through any more."""
        self.is_blocked = True
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                self.connections += 1
                if self.is_blocked:
                    here.close()
                    continue
                there = socket.create_connection(("127.0.0.1", self._there))
                with self._lock:
                    self._open += [here, there]
                here.settimeout(self._idle_seconds)
                there.settimeout(self._idle_seconds)
                self._threads = [thread for thread in self._threads if thread.is_alive()]
                counts = self.connections > 1 or not self._spares_first
                thread = threading.Thread(target=self._both_ways, args=(here, there, counts))
                self._threads.append(thread)
                thread.start()

    def _both_ways(self, here: socket.socket, there: socket.socket, counts: bool) -> None:
        back = threading.Thread(target=self._pipe, args=(there, here, True, counts))
        back.start()
        self._pipe(here, there, False, counts)
        back.join()
        # Only now: the number of a socket that is closed belongs to the next one, also for who still reads it.
        here.close()
        there.close()

    def _pipe(
        self, source: socket.socket, target: socket.socket, is_back: bool, counts: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self.is_frozen.is_set() or (self.is_deaf.is_set() and is_back):
                    continue
                passing = self._passing(len(data)) if counts else len(data)
                target.sendall(data[:passing])
                if passing < len(data):
                    self._cut_here()
                    break
        _end(source, target)

    def _cut_here(self) -> None:
        if self._cuts_all:
            self.cut()
        else:
            with self._lock:
                self.cuts += 1

    def _passing(self, size: int) -> int:
        """How many of so many bytes pass before the next cut."""
        with self._lock:
            self.passed += size
            if self._left is None or self._left > size:
                self._left = None if self._left is None else self._left - size
                return size
            passing, self._left = self._left, self._next_cut()
            return min(passing, size - 1)

    def close(self) -> None:
        """End everything."""
        _end(self._listener)
        with contextlib.suppress(OSError):  # wakes an accept that its end does not
            socket.create_connection(("127.0.0.1", self.port), 0.2).close()
        self.cut()
        for thread in list(self._threads):
            thread.join(5)
        self._listener.close()


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def road(address: str, **options: object) -> Iterator[Road]:
    """A way to the peer at this address on loopback; options as for Road."""
    way = Road(int(address.rpartition(":")[2]), **options)  # type: ignore[arg-type]
    try:
        yield way
    finally:
        way.close()
