"""The postcard encoding of a few plain types; it knows no message and no gRPC.

Fields follow each other in order, without tags. Unsigned integers are little-endian base-128 varints, a length or
count is such a varint before its content. A reader takes what it needs and ignores bytes after that, which is where
newer writers put new fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar
from uuid import UUID

from blazen_nb.errors import EncodeError
from blazen_nb.wire.varint import varint

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

_UUID_BYTES = 16


class Writer:
    """Bytes of one struct, grown field by field."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def finish(self) -> bytes:
        """Everything written so far."""
        return bytes(self._buffer)

    def u32(self, value: int) -> None:
        """Append an integer of 32 bits."""
        self._varint(value, 32)

    def u64(self, value: int) -> None:
        """Append an integer of 64 bits."""
        self._varint(value, 64)

    def boolean(self, value: bool) -> None:
        """Append one byte, 0 or 1."""
        self._buffer.append(1 if value else 0)

    def blob(self, value: bytes) -> None:
        """Append bytes after their length."""
        self.u64(len(value))
        self._buffer += value

    def text(self, value: str) -> None:
        """Append text as UTF-8 after its length in bytes."""
        try:
            raw = value.encode()
        except UnicodeEncodeError as error:
            raise EncodeError(
                f"text cannot be written as UTF-8 ({error.reason}); remove it"
            ) from None
        self.blob(raw)

    def uuid(self, value: UUID) -> None:
        """Append a UUID as 16 bytes after their length."""
        self.blob(value.bytes)

    def option(self, value: T | None, write: Callable[[T], None]) -> None:
        """Append a 0 byte for None, else a 1 byte and the value."""
        self.boolean(value is not None)
        if value is not None:
            write(value)

    def sequence(self, values: Iterable[T], write: Callable[[T], None]) -> None:
        """Append the count and each value."""
        items = tuple(values)
        self.u64(len(items))
        for item in items:
            write(item)

    def mapping(
        self,
        values: Mapping[K, V],
        write_key: Callable[[K], None],
        write_value: Callable[[V], None],
    ) -> None:
        """Append the count, then key and value of each entry in the mapping's order."""
        self.u64(len(values))
        for key, value in values.items():
            write_key(key)
            write_value(value)

    def _varint(self, value: int, bits: int) -> None:
        if not 0 <= value < 1 << bits:
            raise EncodeError(f"{value} does not fit an unsigned integer of {bits} bits")
        self._buffer += varint(value)


class Reader:
    """A struct's fields, taken from its bytes one by one; any malformed byte raises EncodeError and nothing else."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def u32(self) -> int:
        """The next integer of 32 bits."""
        return self._varint(32)

    def u64(self) -> int:
        """The next integer of 64 bits."""
        return self._varint(64)

    def boolean(self) -> bool:
        """The next byte, which must be 0 or 1."""
        value = self._byte()
        if value > 1:
            raise EncodeError(
                f"malformed payload: byte {self._at - 1} is {value} where 0 or 1 must stand"
            )
        return value == 1

    def blob(self) -> bytes:
        """The next length and as many bytes."""
        size = self.u64()
        if size > self.remaining:
            raise EncodeError(
                f"payload is cut short: {size} bytes announced at byte {self._at}, {self.remaining} are left"
            )
        self._at += size
        return self._data[self._at - size : self._at]

    def text(self) -> str:
        """The next length and as many bytes of UTF-8."""
        raw = self.blob()
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            at = self._at - len(raw) + error.start
            raise EncodeError(f"malformed payload: text is not UTF-8 at byte {at}") from None

    def uuid(self) -> UUID:
        """The next UUID."""
        raw = self.blob()
        if len(raw) != _UUID_BYTES:
            raise EncodeError(
                f"malformed payload: a UUID of {len(raw)} bytes ends at byte {self._at}, 16 are needed"
            )
        return UUID(bytes=raw)

    def option(self, read: Callable[[], T]) -> T | None:
        """The next value, or None."""
        return read() if self.boolean() else None

    def sequence(self, read: Callable[[], T]) -> tuple[T, ...]:
        """The next count and as many values."""
        return tuple(read() for _ in range(self._count(entry_bytes=1)))

    def mapping(self, read_key: Callable[[], K], read_value: Callable[[], V]) -> dict[K, V]:
        """The next count and as many entries; of entries with the same key the last one stays."""
        entries: dict[K, V] = {}
        for _ in range(self._count(entry_bytes=2)):
            key = read_key()
            entries[key] = read_value()
        return entries

    def _count(self, *, entry_bytes: int) -> int:
        # Every value takes at least one byte, so a count that the rest cannot hold is a lie worth no work.
        count = self.u64()
        if count * entry_bytes > self.remaining:
            raise EncodeError(
                f"payload is cut short: {count} entries announced at byte {self._at}, {self.remaining} bytes are left"
            )
        return count

    def _byte(self) -> int:
        if self._at >= len(self._data):
            raise EncodeError(
                f"payload is cut short: it ends at byte {self._at}, where a field is expected"
            )
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self, bits: int) -> int:
        # Padding zeros (0x80 0x00 for 0) are legal as long as the width holds them, as in postcard itself.
        value = 0
        for shift in range(0, bits, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        else:
            raise EncodeError(
                f"malformed payload: the integer that ends at byte {self._at} is too long"
            )
        if value >> bits:
            raise EncodeError(
                f"malformed payload: the integer that ends at byte {self._at} is over {bits} bits"
            )
        return value
