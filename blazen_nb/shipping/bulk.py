"""A large value as parts that travel one after the other, with no second copy of what is large.

The parts are the JSON of the value, its leaves, and buffers: the memory of arrays, bytes and whatever a pickle lends
out, as it lies. A leaf under the tag ``buffers`` says which of them it needs:

    {"codec": "ndarray", "first": 0, "count": 1, "head": ...} newline payload
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from blazen_nb.shipping.checksum import checksum
from blazen_nb.shipping.codecs.protocol import Encoded, payload_of
from blazen_nb.shipping.codecs.registry import encode_with_codec
from blazen_nb.shipping.described import JSON, tag_of
from blazen_nb.shipping.diversion import BUFFERS, Leaf
from blazen_nb.shipping.pickling import LEAST_BUFFER, Pickling
from blazen_nb.shipping.values import encode, encode_leaf


class Bulk(NamedTuple):
    """A value ready to travel."""

    pieces: tuple[memoryview, ...]
    """The bytes of all parts: JSON, leaves, buffers. A part may lie in several pieces."""
    sizes: list[int]
    """Bytes of each part."""
    tags: tuple[str, ...]
    """Codec tags of the leaves."""
    references: frozenset[str] = frozenset()
    """As of an EncodedValue."""
    modules: frozenset[str] = frozenset()
    """As of an EncodedValue."""
    bytes_buffers: tuple[int, ...] = ()
    """Which buffers are those of bytes objects, counted from the first buffer."""

    @property
    def size(self) -> int:
        """Bytes of all parts together."""
        return sum(self.sizes)

    @property
    def digest(self) -> str:
        """What tells it from any other value that is no forgery."""
        head = repr((self.tags, self.sizes)).encode()
        return checksum((head, *self.pieces)).hex()

    def span(self, start: int, end: int) -> list[memoryview]:
        """Its bytes from start to end, in pieces that lie in one part each."""
        found, begin = [], 0
        for piece in self.pieces:
            first, last = max(start - begin, 0), min(end - begin, piece.nbytes)
            if first < last:
                found.append(piece[first:last])
            begin += piece.nbytes
        return found


def encode_bulk(
    value: Any, *, same_minor: bool = True, home: str = "__main__", current: bool = False
) -> Bulk:
    """The value in parts; what its buffers hold must not change until they have travelled.

    Args:
        value: Anything that can travel.
        same_minor: As for ``values.encode``.
        home: As for ``values.encode``.
        current: As for ``values.encode``.

    Raises:
        EncodeError: It cannot travel.
    """
    lender = _Lender(same_minor, home, current)
    encoded = encode(value, same_minor=same_minor, home=home, diversion=lender, current=current)
    inline = [memoryview(encoded.json), *(memoryview(payload) for _, payload in encoded.leaves)]
    lent = [piece for buffer in lender.buffers for piece in buffer]
    return Bulk(
        (*inline, *lent),
        [part.nbytes for part in inline] + [_size(buffer) for buffer in lender.buffers],
        tuple(tag for tag, _ in encoded.leaves),
        encoded.references | lender.references,
        encoded.modules | lender.modules,
        tuple(lender.bytes_buffers),
    )


def encode_raw(value: Any, *, same_minor: bool = True, home: str = "__main__") -> Bulk:
    """Only what the value's own codec writes: UTF-8 text of JSON, bytes as they are, an array, a pickle.

    Raises:
        EncodeError: It cannot travel.
    """
    if tag_of(value) == JSON:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        raw = text.encode("utf-8", "surrogatepass")
    else:
        raw = encode_leaf(value, same_minor=same_minor, home=home)[1]
    return Bulk((memoryview(raw),), [len(raw)], ())


class _Lender:
    """Diverts the memory of large leaves into buffers."""

    largest_leaf: int | None = None

    def __init__(self, same_minor: bool, home: str, current: bool) -> None:
        self._same_minor = same_minor
        self._home = home
        self._current = current
        self.buffers: list[tuple[memoryview, ...]] = []
        self.bytes_buffers: list[int] = []
        self.references: frozenset[str] = frozenset()
        self.modules: frozenset[str] = frozenset()

    def take(self, value: Any) -> Leaf | None:
        """See Diversion."""
        if type(value) is bytes:
            if len(value) < LEAST_BUFFER:
                return None
            self.bytes_buffers.append(len(self.buffers))
            return self._lent("bytes", Encoded(None, (memoryview(value),)))
        try:
            coded = encode_with_codec(value)
        except Exception:  # then it cannot travel, and encode() says why
            return None
        if coded is None:
            return self._pickled(value)
        tag, encoded = coded
        return (
            self._lent(tag, encoded)
            if encoded.nbytes >= LEAST_BUFFER
            else (tag, payload_of(encoded))
        )

    def take_rest(self, value: Any) -> Leaf | None:
        """See Diversion: nothing is left to try."""
        return None

    def _lent(self, tag: str, encoded: Encoded) -> Leaf:
        self.buffers.append(encoded.memory)
        first = len(self.buffers) - 1
        return _leaf({"codec": tag, "first": first, "count": 1, "head": encoded.head}, b"")

    def _pickled(self, value: Any) -> Leaf | None:
        pickling = Pickling(
            same_minor=self._same_minor,
            home=self._home,
            named=(),
            limit=None,
            defining="",
            current=self._current,
        )
        pickling.buffers = []
        try:
            tag, payload = pickling.dump(value)
        except Exception:  # then it cannot travel, and encode() says why
            return None
        self.references |= pickling.references
        self.modules |= pickling.modules
        if not pickling.buffers:
            return tag, payload
        first = len(self.buffers)
        self.buffers += [(buffer,) for buffer in pickling.buffers]
        return _leaf({"codec": tag, "first": first, "count": len(pickling.buffers)}, payload)


def _leaf(head: dict[str, Any], payload: bytes) -> Leaf:
    return BUFFERS, json.dumps(head, separators=(",", ":")).encode() + b"\n" + payload


def _size(pieces: tuple[memoryview, ...]) -> int:
    return sum(piece.nbytes for piece in pieces)
