"""Lines out of pipes and into the log: as many as it can take, the rest counted; knows of no stream or descriptor.

One thread empties the pipes whatever happens, another one logs, so who writes is never held up by the log's reader.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import selectors
import stat
import sys
import threading
import time
from typing import Any

from blazen_nb.render.words import plural, visible

LOG_BYTES = 64 * 1024
"""How much of it the log takes in a second, for all pipes together; the rest is counted."""
LINE_BYTES = 2048
"""A longer line is logged in pieces."""
SILENT_SECONDS = 1.0
"""After so long without more the beginning of a line is logged as it is."""

_log = logging.getLogger("blazen_nb.output")

_LINE_COST = 64
"""What a line takes in the log beside its text."""
_WAITING_LINES = 2000
_UNREAD_BYTES = 16 * 1024
"""With more than this unread in the log's pipe, the room that is left is for the peer's own lines."""
_LEAVE_SECONDS = 1.0
_PIPE_BYTES = 1 << 20
"""What the system lets a user have. Nothing empties a pipe while C code writes and keeps the interpreter's lock."""


class _Lines:
    """The bytes of one pipe, as lines."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.at = 0.0
        self.cut_lines = 0
        self.cut_bytes = 0
        self._begun = b""

    def add(self, data: bytes, now: float) -> list[bytes]:
        """The lines that are complete with this."""
        self.at = now
        *lines, self._begun = (self._begun + data).split(b"\n")
        while len(self._begun) > LINE_BYTES:
            lines.append(self._begun[:LINE_BYTES])
            self._begun = self._begun[LINE_BYTES:]
        return lines

    def rest(self) -> list[bytes]:
        """What is there of a line that has not ended."""
        begun, self._begun = self._begun, b""
        return [begun] if begun else []

    @property
    def is_pending(self) -> bool:
        """Whether there is something to tell although nothing more comes."""
        return bool(self._begun or self.cut_lines)


class LineLog:
    """Empties the pipes and logs their lines.

    Args:
        log_descriptor: Where the log is written.
    """

    def __init__(self, log_descriptor: int) -> None:
        self._log_descriptor = log_descriptor
        self._selector = selectors.DefaultSelector()
        self._pipes: list[int] = []
        self._lines: list[_Lines] = []
        self._queue: queue.Queue[tuple[int, str] | None] = queue.Queue(_WAITING_LINES)
        self._wake, self._waker = os.pipe()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._leaving = threading.Event()
        self._second = 0.0
        self._taken = 0
        self._threads = [
            threading.Thread(target=self._read, name="blazen-output-read", daemon=True),
            threading.Thread(target=self._tell, name="blazen-output-log", daemon=True),
        ]

    def pipe(self, number: int) -> int:
        """The writing end of a new pipe whose lines are marked with this number."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        _widen(writing)
        lines = _Lines(number)
        self._pipes.append(reading)
        self._lines.append(lines)
        self._selector.register(reading, selectors.EVENT_READ, lines)
        return writing

    def start(self) -> None:
        """Lines are logged from now on."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """What has been written until now is logged, and the threads are gone."""
        self._leaving.set()
        os.write(self._waker, b"x")
        for thread in self._threads:
            thread.join(2 * _LEAVE_SECONDS)
        self._selector.close()
        for descriptor in (*self._pipes, self._wake, self._waker):
            os.close(descriptor)

    # --- reading -------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        while not self._leaving.is_set():
            pending = any(lines.is_pending for lines in self._lines)
            for key, _ in self._selector.select(SILENT_SECONDS if pending else None):
                if key.data is not None:
                    self._take_some(key.fd, key.data)
            self._tell_pending(time.monotonic())
        # A child may live on and write forever.
        deadline = time.monotonic() + _LEAVE_SECONDS
        for pipe, lines in zip(self._pipes, self._lines, strict=True):
            while self._take_some(pipe, lines) and time.monotonic() < deadline:
                pass
            self._pass(lines, lines.rest())
            self._tell_cut(lines)
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=_LEAVE_SECONDS)

    def _take_some(self, pipe: int, lines: _Lines) -> bool:
        """What is in the pipe is taken; False where there is nothing."""
        try:
            data = os.read(pipe, 65536)
        except BlockingIOError:
            return False
        if not data:  # nobody can write any more
            with contextlib.suppress(KeyError):
                self._selector.unregister(pipe)
            return False
        self._pass(lines, lines.add(data, time.monotonic()))
        return True

    def _pass(self, lines: _Lines, complete: list[bytes]) -> None:
        now = time.monotonic()
        if now - self._second >= 1.0:
            self._second, self._taken = now, 0
            self._tell_cut(lines)
        for line in complete:
            text = _shown(line)
            if not text:
                continue
            cost = len(line) + _LINE_COST
            if self._taken + cost <= LOG_BYTES and self._put(lines.number, text):
                self._taken += cost
            else:
                lines.cut_lines += 1
                lines.cut_bytes += len(line) + 1

    def _tell_pending(self, now: float) -> None:
        for lines in self._lines:
            if now - lines.at >= SILENT_SECONDS:
                self._pass(lines, lines.rest())
            if now - self._second >= 1.0:
                self._tell_cut(lines)

    def _tell_cut(self, lines: _Lines) -> None:
        if not lines.cut_lines:
            return
        left_out = f"{plural(lines.cut_lines, 'line')}, {plural(lines.cut_bytes, 'byte')}"
        if self._put(lines.number, f"... {left_out} left out: more than the log takes"):
            lines.cut_lines = lines.cut_bytes = 0

    def _put(self, number: int, text: str) -> bool:
        try:
            self._queue.put_nowait((number, text))
        except queue.Full:
            return False
        return True

    # --- logging -------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        while (line := self._queue.get()) is not None:
            while not _has_room(self._log_descriptor):
                if self._leaving.is_set():
                    return
                time.sleep(0.05)
            _log.info("[fd %d] %s", *line)


def _shown(line: bytes) -> str:
    """The line as a terminal would show it in the end, without what controls one."""
    return visible(line.decode(errors="replace").rstrip("\r").rpartition("\r")[2]).rstrip()


def _has_room(descriptor: int) -> bool:
    """Whether a line can be written at once, and the peer's own lines after it."""
    import fcntl
    import termios

    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        return True
    unread: Any = bytearray(4)
    fcntl.ioctl(descriptor, termios.FIONREAD, unread)
    return int.from_bytes(unread, sys.byteorder) < _UNREAD_BYTES


def _widen(pipe: int) -> None:
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # this user has many pipes
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
