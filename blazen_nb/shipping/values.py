"""Values as JSON with leaves, and back; knows nothing of frames, and of refs only that some leaves are not its own.

JSON stays JSON. What JSON cannot give back exactly is marked inside it, as ``markers`` says.
"""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any, NamedTuple

from blazen_nb.errors import BlazenError, EncodeError, LimitError, ShippingError
from blazen_nb.shipping.codecs.protocol import payload_of, split_payload
from blazen_nb.shipping.codecs.registry import decode_with_codec, encode_with_codec
from blazen_nb.shipping.diversion import FOREIGN, Diversion, Leaf, OpenLeaf
from blazen_nb.shipping.environment import bytecode_refusal
from blazen_nb.shipping.markers import MARKERS, MarkedReader
from blazen_nb.shipping.pickling import (
    Pickling,
    RedefinedClass,
    Unpickling,
    is_pickle,
    reason_of,
)

_SCALARS = frozenset({str, int, float, bool, type(None)})
_LONGEST_INT_BITS = 10_000
"""Above about 4,300 digits Python refuses to print an int, so it travels as a leaf."""

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_loads = json.JSONDecoder().decode

_Path = tuple[Any, str] | None
"""The way into a value, innermost step first; put together only for an error."""


class EncodedValue(NamedTuple):
    """A value as it crosses the wire."""

    json: bytes
    leaves: tuple[Leaf, ...] = ()
    references: frozenset[str] = frozenset()
    """Top-level names of the sender's home that the leaves refer to; stays with the sender."""
    modules: frozenset[str] = frozenset()
    """Other modules that the leaves refer to; stays with the sender."""

    @property
    def size(self) -> int:
        """Bytes of the JSON and all leaves together."""
        return len(self.json) + sum(len(payload) for _, payload in self.leaves)


def encode(
    value: Any,
    *,
    same_minor: bool = True,
    home: str = "__main__",
    named: Container[str] = frozenset(),
    limit: int | None = None,
    defining: str = "",
    diversion: Diversion | None = None,
    current: bool = False,
) -> EncodedValue:
    """The value, encoded.

    Args:
        value: Anything; what is not JSON is pickled leaf by leaf.
        same_minor: Whether the other side runs this Python minor; only then may bytecode travel.
        home: The module whose classes and functions are the user's own.
        named: Names of home that the other side has; a class not in here travels by value too.
        limit: Refuse to make more bytes than this.
        defining: The name of home that the value will be on the other side, so never sent by this name.
        diversion: Makes the leaves that are not codecs' own.
        current: Refuse instances of classes of home that were defined again since.

    Raises:
        EncodeError: naming the place in the value that cannot travel.
        EnvironmentMismatchError: it could, between equal Python minors.
        LimitError: it is larger than ``limit``.
    """
    try:
        if _is_plain(value):
            encoded = EncodedValue(_dumps(value).encode("utf-8", "surrogatepass"))
            _refuse_above(limit, len(encoded.json))
            return encoded
    except (ValueError, RecursionError):
        pass  # too long an int, or too deep: the writer finds out where
    pickling = Pickling(
        same_minor=same_minor,
        home=home,
        named=named,
        limit=limit,
        defining=defining,
        current=current,
    )
    return _Writer(pickling, limit, diversion).write(value)


def decode(
    encoded: EncodedValue,
    *,
    trusted: bool,
    home: str = "__main__",
    open_leaf: OpenLeaf | None = None,
) -> Any:
    """The value again.

    Args:
        encoded: What the other side encoded.
        trusted: Whether the other side may run code here, which is what unpickling amounts to.
        home: The module in which named classes and functions are looked up.
        open_leaf: Opens the leaves that a diversion made.

    Raises:
        EncodeError: the bytes are not what ``encode`` writes.
        ShippingError: pickled by a side that is not trusted, or what it needs is missing here.
    """
    try:
        text = encoded.json.decode("utf-8", "surrogatepass")
        if not encoded.leaves and '"$' not in text:
            return _loads(text)
        unpickling = Unpickling(home)
        leaves = [_decode_leaf(*leaf, trusted, unpickling, open_leaf) for leaf in encoded.leaves]
        return json.loads(text, object_hook=MarkedReader(leaves).unmark)
    except BlazenError:
        raise
    except Exception as error:  # hostile bytes: nothing but typed errors may leave
        raise EncodeError(f"a value that arrived is damaged: {reason_of(error)}") from error


def encode_leaf(
    value: Any,
    *,
    same_minor: bool = True,
    home: str = "__main__",
    named: Container[str] = frozenset(),
    limit: int | None = None,
) -> Leaf:
    """One object as (codec tag, payload), whatever JSON could do; arguments and errors as for ``encode``."""
    pickling = Pickling(same_minor=same_minor, home=home, named=named, limit=limit, defining="")
    return _Writer(pickling, limit, None).leaf(value, None)


def decode_leaf(tag: str, payload: bytes, *, trusted: bool, home: str = "__main__") -> Any:
    """The object of one leaf; arguments and errors as for ``decode``."""
    return _decode_leaf(tag, payload, trusted, Unpickling(home))


def _decode_leaf(
    tag: str,
    payload: bytes,
    trusted: bool,
    unpickling: Unpickling,
    open_leaf: OpenLeaf | None = None,
) -> Any:
    if not isinstance(payload, bytes) or not isinstance(tag, str):
        raise EncodeError("a leaf that arrived is no (tag, bytes) pair")
    if tag == "bytes":
        return payload
    if tag in FOREIGN and open_leaf is not None:
        return open_leaf(tag, payload)
    if not is_pickle(tag):
        return decode_with_codec(tag, *split_payload(payload))
    if not trusted:
        raise leaf_refusal()
    return unpickling.load(tag, payload)


def leaf_refusal() -> ShippingError:
    """For a pickle from a side that is not trusted."""
    return ShippingError(
        "a pickled value arrived from a side that may not run code here, and was not opened. "
        "Send JSON, bytes, arrays, tables, tensors or images; or connect by TLS or with trust_peer=True (on a client), "
        'or accept code with accept_code="authenticated" (on a peer).'
    )


def _is_plain(value: Any) -> bool:
    """True where the JSON of the value gives it back exactly, and nothing in it looks like a marker."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is dict:
        if len(value) == 1 and next(iter(value)) in MARKERS:
            return False
        for key, item in value.items():
            if type(key) is not str or not (type(item) in _SCALARS or _is_plain(item)):
                return False
        return True
    if kind is list:
        return all(type(item) in _SCALARS or _is_plain(item) for item in value)
    return False


class _Writer:
    """Turns one value into a JSON tree and leaves."""

    def __init__(self, pickling: Pickling, limit: int | None, diversion: Diversion | None) -> None:
        self._pickling = pickling
        self._limit = limit
        self._diversion = diversion
        if diversion is not None and diversion.largest_leaf is not None:
            pickling.limit = min(limit or diversion.largest_leaf, diversion.largest_leaf)
        self._leaves: list[Leaf] = []
        self._leaves_size = 0
        self._open: set[int] = set()

    def write(self, value: Any) -> EncodedValue:
        try:
            text = _dumps(self._tree(value, None)).encode("utf-8", "surrogatepass")
        except RecursionError:
            raise EncodeError("the value is nested too deeply to travel: flatten it") from None
        _refuse_above(self._limit, len(text) + self._leaves_size)
        pickling = self._pickling
        return EncodedValue(
            text, tuple(self._leaves), frozenset(pickling.references), frozenset(pickling.modules)
        )

    def _coded(self, value: Any) -> Leaf:
        if type(value) is bytes:
            return "bytes", value
        coded = encode_with_codec(value)
        if coded is not None:
            return coded[0], payload_of(coded[1], self._pickling.limit)
        return self._pickling.dump(value)

    def leaf(self, value: Any, path: _Path) -> Leaf:
        try:
            return self._coded(value)
        except LimitError:
            raise
        except Exception as error:  # objects raise anything from their __reduce__
            raise self._cannot_travel(value, path, error) from error

    def _tree(self, value: Any, path: _Path) -> Any:
        kind = type(value)
        if kind in _SCALARS:
            if kind is int and value.bit_length() > _LONGEST_INT_BITS:
                return self._add(value, path)
            return value
        if kind not in (list, tuple, set, frozenset, dict):
            return self._add(value, path)
        if id(value) in self._open:
            place = _place(path) or "the value"
            raise EncodeError(f"{place} contains itself: a value must be a tree to travel")
        self._open.add(id(value))
        tree = self._mapping(value, path) if kind is dict else self._sequence(value, path)
        self._open.discard(id(value))
        return tree

    def _sequence(self, value: Any, path: _Path) -> Any:
        items = [self._tree(item, (path, f"[{index}]")) for index, item in enumerate(value)]
        return items if type(value) is list else {f"${type(value).__name__}": items}

    def _mapping(self, value: dict[Any, Any], path: _Path) -> Any:
        marker_like = len(value) == 1 and next(iter(value)) in MARKERS
        if not marker_like and all(type(key) is str for key in value):
            return {key: self._tree(item, (path, f"[{key!r}]")) for key, item in value.items()}
        return {
            "$dict": [
                [self._tree(key, (path, " key")), self._tree(item, (path, f"[{key!r}]"))]
                for key, item in value.items()
            ]
        }

    def _add(self, value: Any, path: _Path) -> dict[str, int]:
        leaf = self.leaf(value, path) if self._diversion is None else self._diverted(value, path)
        self._leaves_size += len(leaf[1])
        _refuse_above(self._limit, self._leaves_size)
        self._leaves.append(leaf)
        return {"$leaf": len(self._leaves) - 1}

    def _diverted(self, value: Any, path: _Path) -> Leaf:
        diversion = self._diversion
        assert diversion is not None
        leaf = diversion.take(value)
        if leaf is not None:
            return leaf
        largest = diversion.largest_leaf
        try:
            _refuse_above(largest, _weight(value))  # before anything is copied
            leaf = self._coded(value)
            _refuse_above(largest, len(leaf[1]))
            return leaf
        except RedefinedClass as error:
            raise self._cannot_travel(value, path, error) from error
        except Exception:  # objects raise anything from their __reduce__
            leaf = diversion.take_rest(value)
        return self.leaf(value, path) if leaf is None else leaf

    def _cannot_travel(self, value: Any, path: _Path, error: Exception) -> BlazenError:
        inner, culprit = self._pickling.culprit(value)
        place = (_place(path) + inner).strip()
        start = f"{place}: " if place else ""
        if isinstance(error, RedefinedClass):
            return EncodeError(
                f"{start}made by a class {error} that was defined again since, so that it is no {error} "
                "any more: make the object again, by running its cell"
            )
        if culprit is value and self._pickling.needs_bytecode(value):
            return bytecode_refusal(f"{start}a {type(value).__name__}")
        what = f"a {type(culprit).__name__} cannot be pickled ({reason_of(error)}); "
        return EncodeError(f"{start}{what}make it on the side that uses it, or send plain data")


def _weight(value: Any) -> int:
    size = len(value) if type(value) is bytes else getattr(value, "nbytes", 0)
    return size if type(size) is int else 0


def _refuse_above(limit: int | None, size: int) -> None:
    if limit is not None and size > limit:
        raise LimitError(f"the value is larger than {limit:,} bytes")


def _place(path: _Path) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(step)
    return "".join(reversed(steps))
