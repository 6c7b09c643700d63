"""A large value that arrives: its memory is there from the start, and each byte is written once, to where it stays.

Knows nothing of how the bytes travel, nor in which order they come.
"""

from __future__ import annotations

import io
import json
import mmap
import sys
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate
from typing import Any, Protocol

from blazen_nb.errors import EncodeError, LimitError
from blazen_nb.shipping.codecs.registry import decode_with_codec
from blazen_nb.shipping.diversion import BUFFERS
from blazen_nb.shipping.pickling import Unpickling, is_pickle, reason_of
from blazen_nb.shipping.values import EncodedValue, decode, leaf_refusal

_LEAST_MAPPING = 4 << 20
"""From this size on memory comes in huge pages where the system has them: ordinary ones cost more than the copy."""


class _Part(Protocol):
    """A part's memory."""

    def getbuffer(self) -> memoryview:
        """To write into, or to lend to the value for good."""

    def getvalue(self) -> bytes:
        """Its bytes; no copy where it was announced as bytes."""


class BulkReader:
    """Puts a value together from the bytes of its parts.

    Args:
        sizes: Bytes of each part: JSON, leaves, buffers.
        tags: Codec tags of the leaves.
        bytes_buffers: Which buffers become bytes objects; any other that does costs a copy.

    Raises:
        EncodeError: The sizes and tags are none of a value's.
        LimitError: There is no memory for it.
    """

    def __init__(
        self, sizes: Sequence[int], tags: Sequence[str], bytes_buffers: Collection[int] = ()
    ) -> None:
        if len(sizes) <= len(tags):
            raise EncodeError("a value that arrives in parts has too few of them")
        self._tags = list(tags)
        first = len(tags) + 1
        lasting = {first + number for number in bytes_buffers}
        try:
            self._parts: list[_Part] = [
                _Lent(size)
                if number >= first and number not in lasting
                else io.BytesIO(bytes(size))
                for number, size in enumerate(sizes)
            ]
        except (MemoryError, OSError, OverflowError):
            raise LimitError(
                f"there is no memory for a value of {sum(sizes):,} bytes on the side that reads it"
            ) from None
        self._ends = list(accumulate(sizes))
        self.size = sum(sizes)
        """Bytes of all parts together."""
        self.arrived = 0
        """Bytes that were written so far."""

    def room(self, start: int, end: int) -> list[memoryview]:
        """The memory that the bytes from start to end belong into; each byte is written once."""
        return [
            self._parts[number].getbuffer()[first : first + count]
            for number, first, count in _spans(self._ends, start, end)
        ]

    def write(self, offset: int, data: memoryview) -> None:
        """Take bytes of the value from this offset on.

        Raises:
            EncodeError: They are more than was announced.
        """
        if offset + data.nbytes > self.size:
            raise EncodeError("more bytes of a value arrive than were announced")
        rest = data
        for room in self.room(offset, offset + data.nbytes):
            room[:] = rest[: room.nbytes]
            rest = rest[room.nbytes :]
        self.took(data.nbytes)

    def took(self, count: int) -> None:
        """So many more bytes are in their room."""
        self.arrived += count

    def finish(self) -> None:
        """Nothing more comes.

        Raises:
            EncodeError: Something is missing.
        """
        if self.arrived < self.size:
            raise EncodeError("a value arrived cut short")

    def raw(self) -> bytes:
        """The first part's bytes."""
        return self._parts[0].getvalue()

    def value(self, *, trusted: bool, home: str = "__main__") -> Any:
        """The value; arguments and errors as for ``shipping.values.decode``."""
        inline, lent = self._parts[: len(self._tags) + 1], self._parts[len(self._tags) + 1 :]
        leaves = zip(self._tags, (part.getvalue() for part in inline[1:]), strict=True)
        borrower = _Borrower(lent, trusted, home)
        encoded = EncodedValue(inline[0].getvalue(), tuple(leaves))
        return decode(encoded, trusted=trusted, home=home, open_leaf=borrower.open)


class _Lent:
    """Memory that becomes an array's own; it goes with the array."""

    def __init__(self, size: int) -> None:
        if size < _LEAST_MAPPING:
            self._memory: bytearray | mmap.mmap = bytearray(size)
            return
        self._memory = _private(size)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            self._memory.madvise(mmap.MADV_HUGEPAGE)

    def getbuffer(self) -> memoryview:
        """See _Part."""
        return memoryview(self._memory)

    def getvalue(self) -> bytes:
        """See _Part."""
        return bytes(self._memory)


def _private(size: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, size)
    # The default would be shared memory, which gets no huge pages, and which a forked child would write into.
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class _Borrower:
    """Opens the leaves that refer to buffers."""

    def __init__(self, buffers: Sequence[_Part], trusted: bool, home: str) -> None:
        self._buffers: list[_Part | None] = [*buffers]
        self._trusted = trusted
        self._unpickling = Unpickling(home)

    def open(self, tag: str, payload: bytes) -> Any:
        """See OpenLeaf."""
        if tag != BUFFERS:
            raise EncodeError("a ref arrived inside a value that was fetched")
        codec, head, pickled = _read(payload)
        first, count = int(head["first"]), int(head["count"])
        lent = self._taken(first, count)
        if codec == "bytes":
            return lent[0].getvalue()
        if not is_pickle(codec):
            return decode_with_codec(codec, head.get("head"), lent[0].getbuffer())
        if not self._trusted:
            raise leaf_refusal()
        return self._unpickling.load(codec, pickled, [each.getbuffer() for each in lent])

    def _taken(self, first: int, count: int) -> list[_Part]:
        """The buffers, each for one leaf only: many leaves could make many copies of one."""
        there = [part for part in self._buffers[first : first + count] if part is not None]
        if not 0 < count == len(there):
            raise EncodeError("a value that arrived names a buffer that did not, or one twice")
        self._buffers[first : first + count] = [None] * count
        return there


def is_pickled(tag: str, payload: bytes) -> bool:
    """Whether opening this leaf of a value that arrives in parts runs code of whoever wrote it.

    Raises:
        EncodeError: The leaf is damaged.
    """
    try:
        return is_pickle(_read(payload)[0] if tag == BUFFERS else tag)
    except Exception as error:  # hostile bytes: nothing but typed errors may leave
        raise EncodeError(f"a value that arrived is damaged: {reason_of(error)}") from error


def _read(payload: bytes) -> tuple[str, dict[str, Any], bytes]:
    """Of a leaf that refers to buffers: its codec, what it says of them, and what of it is no buffer."""
    text, _, rest = payload.partition(b"\n")
    head: dict[str, Any] = json.loads(text)
    return str(head["codec"]), head, rest


def _spans(ends: Sequence[int], start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The (part, start in it, count) that the bytes from start to end cover."""
    begin = 0
    for number, stop in enumerate(ends):
        first, last = max(start, begin), min(end, stop)
        if first < last:
            yield number, first - begin, last - first
        begin = stop
