"""Tables, record batches and arrays of pyarrow, as Arrow IPC."""

from __future__ import annotations

import sys
from typing import Any

from blazen_nb.shipping.codecs.ipc import ipc_memory, ipc_table
from blazen_nb.shipping.codecs.library import library
from blazen_nb.shipping.codecs.protocol import Encoded

_COLUMN = "column"


class ArrowCodec:
    """Table, RecordBatch, ChunkedArray and Array with types, chunks, nulls and metadata of the schema."""

    tag = "arrow"

    def claims(self, value: Any) -> bool:
        """See Codec."""
        pa = sys.modules.get("pyarrow")
        return pa is not None and isinstance(
            value, (pa.Table, pa.RecordBatch, pa.ChunkedArray, pa.Array)
        )

    def encode(self, value: Any) -> Encoded | None:
        """See Codec."""
        pa = sys.modules["pyarrow"]
        if isinstance(value, pa.Table):
            return Encoded(["table"], ipc_memory(value))
        if isinstance(value, pa.RecordBatch):
            return Encoded(["batch"], ipc_memory(value))
        kind = "chunks" if isinstance(value, pa.ChunkedArray) else "array"
        chunks = value if kind == "chunks" else pa.chunked_array([value], type=value.type)
        return Encoded([kind], ipc_memory(pa.table({_COLUMN: chunks})))

    def decode(self, head: Any, memory: memoryview) -> Any:
        """See Codec."""
        pa = library("pyarrow", "an Arrow table")
        (kind,) = head
        table = ipc_table(memory)
        if kind == "table":
            return table
        if kind == "batch":
            batches = table.to_batches()
            if len(batches) > 1:
                raise ValueError("a batch arrived in several")
            return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)
        column = table.column(_COLUMN)
        if kind == "chunks":
            return column
        if kind != "array" or column.num_chunks > 1:
            raise ValueError("an array arrived in several")
        return column.chunk(0) if column.num_chunks else pa.array([], column.type)
