"""Both ways in which a value travels, to a side that does not trust the sender: no pickle gets through."""

from __future__ import annotations

import json
from typing import Any

from blazen_nb.shipping.bulk import encode_bulk
from blazen_nb.shipping.bulk_reader import BulkReader
from blazen_nb.shipping.values import decode, decode_leaf, encode, encode_leaf


def inline(value: Any) -> Any:
    return decode(encode(value), trusted=False)


def in_bulk(value: Any) -> Any:
    bulk = encode_bulk(value)
    reader = BulkReader(bulk.sizes, bulk.tags, bulk.bytes_buffers)
    reader.write(0, memoryview(b"".join(bulk.span(0, bulk.size))))
    reader.finish()
    return reader.value(trusted=False)


BOTH_WAYS = [inline, in_bulk]


def tag_of(value: Any) -> str:
    return encode_leaf(value)[0]


def opened(tag: str, head: Any, memory: bytes = b"") -> Any:
    """What a side makes of such a leaf."""
    return decode_leaf(tag, json.dumps(head).encode() + b"\n" + memory, trusted=False)


def taken_apart(value: Any) -> tuple[Any, bytes]:
    """The head and the memory that really travel."""
    line, _, memory = encode_leaf(value)[1].partition(b"\n")
    return json.loads(line), memory
