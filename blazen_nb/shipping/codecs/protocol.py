"""What a codec is, and the payload of a value that travels in one piece; knows no library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from blazen_nb.errors import EncodeError, LimitError


class Encoded(NamedTuple):
    """What a codec makes of a value."""

    head: Any
    """JSON: what the memory does not say."""
    memory: tuple[memoryview, ...] = ()
    """Contiguous bytes, one piece after the other: the value's own memory where that is possible."""

    @property
    def nbytes(self) -> int:
        """Bytes of the memory."""
        return sum(piece.nbytes for piece in self.memory)


class Codec(Protocol):
    """Writes and reads the values of one type; the side that encodes and the side that decodes each have one."""

    tag: str
    """Names it on the wire."""

    def claims(self, value: Any) -> bool:
        """Whether ``encode`` is to be asked; must be quick, and must import nothing."""

    def encode(self, value: Any) -> tuple[Any, Sequence[Any]] | None:
        """The head, which is JSON, and objects whose bytes are the memory; None = another codec is to write it."""

    def decode(self, head: Any, memory: memoryview) -> Any:
        """The value. The memory is its own from now on; both may be anything where the sender is hostile.

        Raises:
            Exception: They are not what ``encode`` makes; the caller sees an EncodeError.
        """


def payload_of(encoded: Encoded, limit: int | None = None) -> bytes:
    """Head and memory in one piece: a line of JSON, then the bytes.

    Raises:
        LimitError: It is larger than the limit.
    """
    line = json.dumps(encoded.head, separators=(",", ":")).encode() + b"\n"
    if limit is not None and len(line) + encoded.nbytes > limit:
        raise LimitError(f"the value is larger than {limit:,} bytes")
    return b"".join((line, *encoded.memory))


def split_payload(payload: bytes) -> tuple[Any, memoryview]:
    """The head, and a copy of the memory that may be written into.

    Raises:
        EncodeError: There is no head.
    """
    end = payload.find(b"\n")
    if end < 0:
        raise EncodeError("a value that arrived is damaged: its head is missing")
    try:
        head = json.loads(payload[:end])
    except (ValueError, RecursionError) as error:
        raise EncodeError(
            f"a value that arrived is damaged: its head is no JSON: {error}"
        ) from None
    return head, memoryview(bytearray(memoryview(payload)[end + 1 :]))


def count_of(number: Any, most: int = 1 << 62) -> int:
    """The number, where it is an int from 0 to ``most``.

    Raises:
        ValueError: It is not.
    """
    if type(number) is not int or not 0 <= number <= most:
        raise ValueError(f"{str(number)[:40]} is no count here")
    return number


def shape_of(lengths: Any, most_dimensions: int = 64) -> tuple[int, ...]:
    """The shape, where it is one.

    Raises:
        ValueError: It is not.
    """
    if type(lengths) is not list or len(lengths) > most_dimensions:
        raise ValueError("the shape is no list, or too long")
    return tuple(count_of(length) for length in lengths)
