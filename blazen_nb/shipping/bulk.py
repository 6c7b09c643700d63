"""A large value as parts that travel one after the other, and back, with no second copy of what is large.

The parts are the JSON of the value, its leaves, and buffers: the memory of arrays, bytes and whatever a pickle lends
out, as it lies. A leaf under the tag ``buffers`` says which of them it needs:

    {"codec": "ndarray", "first": 0, "count": 1, ...} newline payload
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from blazen_nb.errors import EncodeError
from blazen_nb.shipping.arrays import ARRAY, array_codec_takes, array_of_buffer, buffer_of_array
from blazen_nb.shipping.described import JSON, tag_of
from blazen_nb.shipping.diversion import BUFFERS, Leaf
from blazen_nb.shipping.pickling import LEAST_BUFFER, PLAIN, WITH_BYTECODE, Pickling, Unpickling
from blazen_nb.shipping.values import EncodedValue, decode, encode, encode_leaf, leaf_refusal


class Bulk(NamedTuple):
    """A value ready to travel."""

    parts: tuple[memoryview, ...]
    """JSON, leaves, buffers."""
    tags: tuple[str, ...]
    """Codec tags of the leaves."""
    references: frozenset[str] = frozenset()
    """As of an EncodedValue."""
    modules: frozenset[str] = frozenset()
    """As of an EncodedValue."""

    @property
    def size(self) -> int:
        """Bytes of all parts together."""
        return sum(self.sizes)

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        digest = hashlib.sha256(repr((self.tags, self.sizes)).encode())
        for part in self.parts:
            digest.update(part)
        return digest.hexdigest()

    @property
    def sizes(self) -> list[int]:
        """Bytes of each part."""
        return [part.nbytes for part in self.parts]

    def pieces(self, size: int) -> Iterator[memoryview]:
        """All of it, in pieces of at most this many bytes."""
        for part in self.parts:
            for start in range(0, part.nbytes, size):
                yield part[start : start + size]


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
    return Bulk(
        (*inline, *lender.buffers),
        tuple(tag for tag, _ in encoded.leaves),
        encoded.references | lender.references,
        encoded.modules | lender.modules,
    )


def encode_raw(value: Any, *, same_minor: bool = True, home: str = "__main__") -> Bulk:
    """Only what the value's own codec writes: UTF-8 text of JSON, bytes as they are, an array, a pickle.

    Raises:
        EncodeError: It cannot travel.
    """
    if tag_of(value) == JSON:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return Bulk((memoryview(text.encode("utf-8", "surrogatepass")),), ())
    return Bulk((memoryview(encode_leaf(value, same_minor=same_minor, home=home)[1]),), ())


class BulkReader:
    """Puts the parts together again as their bytes come.

    Raises:
        EncodeError: The sizes and tags are none of a value's.
    """

    def __init__(self, sizes: Sequence[int], tags: Sequence[str]) -> None:
        if len(sizes) <= len(tags):
            raise EncodeError("a value that arrives in parts has too few of them")
        self._sizes = list(sizes)
        self._tags = list(tags)
        self._parts = [io.BytesIO() for _ in sizes]
        self._at = 0

    def write(self, data: bytes) -> None:
        """The next bytes.

        Raises:
            EncodeError: They are more than was announced.
        """
        rest = memoryview(data)
        while rest.nbytes:
            self._skip_full()
            if self._at == len(self._parts):
                raise EncodeError("more bytes of a value arrive than were announced")
            part = self._parts[self._at]
            room = self._sizes[self._at] - part.tell()
            part.write(rest[:room])
            rest = rest[room:]

    def _skip_full(self) -> None:
        while self._at < len(self._parts) and self._parts[self._at].tell() == self._sizes[self._at]:
            self._at += 1

    def finish(self) -> None:
        """Nothing more comes.

        Raises:
            EncodeError: Something is missing.
        """
        self._skip_full()
        if self._at < len(self._parts):
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


class _Lender:
    """Diverts the memory of large leaves into buffers."""

    largest_leaf: int | None = None

    def __init__(self, same_minor: bool, home: str, current: bool) -> None:
        self._same_minor = same_minor
        self._home = home
        self._current = current
        self.buffers: list[memoryview] = []
        self.references: frozenset[str] = frozenset()
        self.modules: frozenset[str] = frozenset()

    def take(self, value: Any) -> Leaf | None:
        """See Diversion."""
        if type(value) is bytes:
            return self._lent(memoryview(value), {"codec": "bytes"})
        array = buffer_of_array(value)
        if array is not None:
            return self._lent(array[1], {"codec": ARRAY, **array[0]})
        return None if array_codec_takes(value) else self._pickled(value)

    def take_rest(self, value: Any) -> Leaf | None:
        """See Diversion: nothing is left to try."""
        return None

    def _lent(self, buffer: memoryview, head: dict[str, Any]) -> Leaf | None:
        if buffer.nbytes < LEAST_BUFFER:
            return None
        self.buffers.append(buffer)
        return _leaf({**head, "first": len(self.buffers) - 1, "count": 1}, b"")

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
        self.buffers += pickling.buffers
        return _leaf({"codec": tag, "first": first, "count": len(pickling.buffers)}, payload)


class _Borrower:
    """Opens the leaves that refer to buffers."""

    def __init__(self, buffers: Sequence[io.BytesIO], trusted: bool, home: str) -> None:
        self._buffers = buffers
        self._trusted = trusted
        self._unpickling = Unpickling(home)

    def open(self, tag: str, payload: bytes) -> Any:
        """See OpenLeaf."""
        if tag != BUFFERS:
            raise EncodeError("a ref arrived inside a value that was fetched")
        text, _, pickled = payload.partition(b"\n")
        head = json.loads(text)
        codec = str(head["codec"])
        first, count = int(head["first"]), int(head["count"])
        lent = self._buffers[first : first + count]
        if not 0 < count == len(lent):
            raise EncodeError("a value that arrived names a buffer that did not")
        if codec == "bytes":
            return lent[0].getvalue()
        if codec == ARRAY:
            return array_of_buffer(head, lent[0].getbuffer())
        if codec != PLAIN and not codec.startswith(WITH_BYTECODE):
            raise EncodeError(f"a buffer arrived with the codec {codec[:40]!r}, which is not known")
        if not self._trusted:
            raise leaf_refusal()
        return self._unpickling.load(codec, pickled, [each.getbuffer() for each in lent])


def _leaf(head: dict[str, Any], payload: bytes) -> Leaf:
    return BUFFERS, json.dumps(head, separators=(",", ":")).encode() + b"\n" + payload
