"""A port in front of a peer's that cuts the connections of values in bulk after so many bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Cutter:
    """What a test sees of the way to a peer; the first connection is the session's."""

    def __init__(self, port: int) -> None:
        self._there = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._cuts: list[int] = []
        self.done = 0
        """Cuts so far."""
        self._passed = 0
        self._all = False
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut_after(self, *sizes: int, all_of_them: bool = False) -> None:
        """Cut once so many bytes have passed in either direction, each counted from the cut before.

        Args:
            all_of_them: The session's connection, too.
        """
        with self._lock:
            self._cuts, self._passed, self._all = list(sizes), 0, all_of_them

    def _accept(self) -> None:
        number = 0
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._there))
                self._open += [here, there]
                for source, target in ((here, there), (there, here)):
                    thread = threading.Thread(target=self._pipe, args=(source, target, number > 0))
                    self._threads.append(thread)
                    thread.start()
                number += 1

    def _pipe(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if counts and self._is_cut(len(data)):
                    if self._all:
                        _end(*self._open)
                    break
                target.sendall(data)
        _end(source, target)

    def _is_cut(self, size: int) -> bool:
        with self._lock:
            self._passed += size
            if not self._cuts or self._passed < self._cuts[0]:
                return False
            self._cuts.pop(0)
            self._passed = 0
            self.done += 1
            return True

    def close(self) -> None:
        """End everything."""
        _end(self._listener, *self._open)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._open):
            each.close()


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cutter(port: int) -> Iterator[Cutter]:
    """A way to this port on loopback."""
    way = Cutter(port)
    try:
        yield way
    finally:
        way.close()
