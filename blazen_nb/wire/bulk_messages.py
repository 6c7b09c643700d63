"""Chunks of values in bulk as messages and back, with one copy of the data on either side.

Protobuf would copy the data two more times: a chunk's data field is written and found here, the rest is protobuf's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.message import DecodeError

from blazen_nb.errors import DamagedError, EncodeError, refused_with
from blazen_nb.shipping.bulk import Bulk
from blazen_nb.shipping.bulk_reader import BulkReader
from blazen_nb.shipping.checksum import checksum
from blazen_nb.wire.v1 import kernel_pb2 as pb
from blazen_nb.wire.varint import varint

CHUNK_BYTES = 1 << 20
"""A value in bulk travels in pieces of this size."""

_DATA_TAG = bytes([pb.ValueChunk.DATA_FIELD_NUMBER << 3 | 2])


class Chunk(NamedTuple):
    """A message of a value."""

    rest: pb.ValueChunk
    """All but the data."""
    data: memoryview


def data_message(offset: int, pieces: Sequence[memoryview], of_pieces: bytes = b"") -> bytes:
    """A chunk with the pieces' bytes, which are the value's from this offset on.

    Args:
        of_pieces: Their checksum, where it is known.
    """
    rest = pb.ValueChunk(offset=offset, checksum=of_pieces or checksum(pieces)).SerializeToString()
    size = varint(sum(piece.nbytes for piece in pieces))
    return b"".join((_DATA_TAG, size, *pieces, rest))


def chunk_of(message: bytes) -> Chunk:
    """The chunk in a message.

    Raises:
        EncodeError: There is none.
        DamagedError: Its data is not what its checksum is of.
        BlazenError: It says why the value does not come.
    """
    try:
        data, behind = _data_in(message)
        rest = pb.ValueChunk.FromString(bytes(behind))
    except (DecodeError, IndexError):
        raise EncodeError("a chunk of a value cannot be read") from None
    if rest.HasField("refusal"):
        raise refused_with(rest.refusal.kind, rest.refusal.message)
    data = data or memoryview(rest.data)
    if rest.checksum and rest.checksum != checksum((data,)):
        raise DamagedError("a value arrives damaged: its checksum is another one")
    return Chunk(rest, data)


def header_of(bulk: Bulk) -> pb.ValueHeader:
    """What the reader is told of a value before it comes."""
    return pb.ValueHeader(sizes=bulk.sizes, tags=bulk.tags, bytes_buffers=bulk.bytes_buffers)


def reader_of(header: pb.ValueHeader) -> BulkReader:
    """The memory for a value that was announced; errors as for BulkReader."""
    return BulkReader(header.sizes, header.tags, frozenset(header.bytes_buffers))


def _data_in(message: bytes) -> tuple[memoryview, memoryview]:
    """The data, where the message begins with it, and the rest of the message."""
    view = memoryview(message)
    if message[:1] != _DATA_TAG:
        return view[:0], view
    size = shift = 0
    at = 1
    while True:
        byte = message[at]
        size |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    if at + size > len(message):
        raise DecodeError("the data is longer than the message")
    return view[at : at + size], view[at + size :]
