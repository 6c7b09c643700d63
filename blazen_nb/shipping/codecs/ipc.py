"""Arrow's IPC stream: written with its columns' memory lent, read only after its messages have been looked at."""

from __future__ import annotations

import struct
import sys
from typing import Any

from blazen_nb.errors import ShippingError
from blazen_nb.shipping.codecs.library import library

_HEADER = 2
_CUSTOM_METADATA = 4
"""Fields of a message. By metadata of its own, a message of Arrow 0.17 could say that it is compressed."""
_COMPRESSION = 3
"""The field of a record batch that says how its memory is compressed; here it never is."""
_BODIES = {"record batch": None, "dictionary": 1}
"""Where the record batch is within the header of a message of this type: itself, or a field."""
_LEAST_VERSION = 15
"""Before 14.0.1 a table could name a type that pyarrow unpickled."""
_FREE_ROWS = 1 << 20
"""So many rows may come without memory of their own (a column of nulls)."""


def ipc_memory(table: Any) -> tuple[memoryview, ...]:
    """The table's stream in pieces: the memory of its columns is its own.

    Args:
        table: A pyarrow Table, or RecordBatch.
    """
    pa = sys.modules["pyarrow"]
    sink = _Pieces()
    options = pa.ipc.IpcWriteOptions(compression=None, unify_dictionaries=False)
    with pa.ipc.new_stream(pa.PythonFile(sink, "w"), table.schema, options=options) as writer:
        writer.write(table)
    return tuple(sink.pieces)


def ipc_table(memory: memoryview) -> Any:
    """The table of a stream, with no copy.

    Raises:
        Exception: It is none, or compressed, or what is in it does not hold together.
    """
    pa = library("pyarrow", "an Arrow table")
    if int(pa.__version__.partition(".")[0]) < _LEAST_VERSION:
        raise ShippingError(
            f"an Arrow table arrived, and pyarrow {pa.__version__} here is too old to open it safely: "
            f"install pyarrow {_LEAST_VERSION} or newer on this side"
        )
    buffer = pa.py_buffer(memory)
    for message in pa.ipc.MessageReader.open_stream(buffer):
        if _is_compressed(message.type, message.metadata.to_pybytes()):
            raise ValueError("a compressed table is not accepted")
    with pa.ipc.open_stream(buffer) as reader:
        table = reader.read_all()
    table.validate(full=True)  # an offset that lies would be read later, outside of the memory
    return table


def check_rows(rows: int, memory: memoryview) -> None:
    """Refuse more rows than the memory can be of.

    Raises:
        ValueError: There are too many.
    """
    if rows > max(_FREE_ROWS, 8 * memory.nbytes):
        raise ValueError(f"{rows:,} rows do not fit {memory.nbytes:,} bytes")


def rows_fit(rows: int, nbytes: int) -> bool:
    """Whether ``check_rows`` will let it through."""
    return rows <= max(_FREE_ROWS, 8 * nbytes)


class _Pieces:
    """A file that keeps what is written."""

    closed = False

    def __init__(self) -> None:
        self.pieces: list[memoryview] = []
        self._size = 0

    def write(self, data: Any) -> int:
        piece = memoryview(data).cast("B")
        self.pieces.append(piece)
        self._size += piece.nbytes
        return piece.nbytes

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


def _is_compressed(kind: str, metadata: bytes) -> bool:
    """Whether the message's body is, or may be; pyarrow does not tell before it has decompressed it."""
    if kind not in _BODIES:
        return False
    message = _u32(metadata, 0)
    if _field(metadata, message, _CUSTOM_METADATA) is not None:
        return True
    batch = _target(metadata, _field(metadata, message, _HEADER))
    inner = _BODIES[kind]
    if inner is not None:
        batch = _target(metadata, _field(metadata, batch, inner))
    return _field(metadata, batch, _COMPRESSION) is not None


def _u32(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])


def _field(data: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffers table is; None = it is not set."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, vtable)[0]
    slot = 4 + 2 * number
    offset = struct.unpack_from("<H", data, vtable + slot)[0] if slot < size else 0
    return table + offset if offset else None


def _target(data: bytes, field: int | None) -> int:
    if field is None:
        raise ValueError("a message of a table has no header")
    return field + _u32(data, field)
