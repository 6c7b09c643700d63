"""Bytes kept in the order in which they came: a little in memory, the rest in a file that no other process sees."""

from __future__ import annotations

import logging
import os
import tempfile
from typing import IO

_log = logging.getLogger("blazen_nb.peer")


class Spool:
    """Append-only bytes. Not thread-safe: its owner has a lock.

    The file has no name any more once it is there, so nothing is left behind, whatever becomes of the process. Where
    the disk is full, memory takes its place.

    Args:
        memory_bytes: How much stays in memory before it goes to the file.
    """

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._memory = bytearray()
        self._in_file = 0
        self._file: IO[bytes] | None = None

    @property
    def size(self) -> int:
        """All bytes so far."""
        return self._in_file + len(self._memory)

    @property
    def has_file(self) -> bool:
        """Whether it has outgrown memory, and holds a file open."""
        return self._file is not None

    def append(self, data: bytes) -> int:
        """The offset at which the bytes are kept from now on."""
        offset = self.size
        self._memory += data
        if len(self._memory) > self._memory_bytes:
            try:
                self._move_to_file()
            except OSError as error:
                self._memory_bytes *= 2  # tried again later, not at each call
                _log.warning("a run's updates stay in memory: %s", error.strerror)
        return offset

    def read(self, offset: int, size: int) -> bytes:
        """The bytes there; fewer where there are no more."""
        end = min(offset + size, self.size)
        pieces: list[bytes] = []
        if offset < self._in_file and self._file is not None:
            pieces.append(os.pread(self._file.fileno(), min(end, self._in_file) - offset, offset))
        start = max(offset, self._in_file)
        if start < end:
            pieces.append(bytes(self._memory[start - self._in_file : end - self._in_file]))
        return b"".join(pieces)

    def close(self) -> None:
        """Nothing of it is left."""
        self._memory.clear()
        if self._file is not None:
            self._file.close()

    def __del__(self) -> None:
        self.close()

    def _move_to_file(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="blazen-nb-", buffering=0)  # noqa: SIM115  it stays open
        written = 0
        with memoryview(self._memory) as view:
            while written < len(
                view
            ):  # at its own offset: a write that failed half way is done again
                written += os.pwrite(self._file.fileno(), view[written:], self._in_file + written)
        self._in_file += written
        self._memory.clear()
