"""DataFrames and Series of polars, as Arrow IPC."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

from blazen_nb.shipping.codecs.ipc import check_rows, ipc_memory, ipc_table, rows_fit
from blazen_nb.shipping.codecs.library import library
from blazen_nb.shipping.codecs.protocol import Encoded

_OBJECTS = b"POLARS_EXTENSION_TYPE"
"""Before 2.0 polars took what is in such a column for addresses of objects in its own process."""


class PolarsCodec:
    """Frames and series whose types Arrow gives back as they were.

    Others (of Python objects) and lazy frames, which are queries and no data, are pickled. Needs pyarrow.
    """

    tag = "polars"

    def claims(self, value: Any) -> bool:
        """See Codec."""
        pl = sys.modules.get("polars")
        return (
            pl is not None
            and type(value) in (pl.DataFrame, pl.Series)
            and find_spec("pyarrow") is not None
        )

    def encode(self, value: Any) -> Encoded | None:
        """See Codec."""
        pl = sys.modules["polars"]
        is_series = type(value) is pl.Series
        frame = value.to_frame() if is_series else value
        names = frame.columns
        try:
            plain = frame.rename(dict(zip(names, map(str, range(len(names))), strict=True)))
            table = plain.to_arrow(compat_level=pl.CompatLevel.newest())
            exact = pl.from_arrow(table.slice(0, 0)).schema == plain.schema
        except Exception:  # a type that Arrow does not have
            return None
        memory = ipc_memory(table)
        encoded = Encoded({"series": is_series, "names": names, "rows": frame.height}, memory)
        return encoded if exact and rows_fit(frame.height, encoded.nbytes) else None

    def decode(self, head: Any, memory: memoryview) -> Any:
        """See Codec."""
        pl = library("polars", "a polars frame")
        table = ipc_table(memory)
        check_rows(table.num_rows, memory)
        _refuse_objects(table.schema)
        names = [str(name) for name in head["names"]]
        if head["series"] and len(names) != 1:
            raise ValueError("a series is one column")
        try:
            frame = pl.from_arrow(table)
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise ValueError("polars cannot read it") from None
        frame.columns = names
        return frame.to_series() if head["series"] else frame

    def about(self, value: Any) -> dict[str, Any]:
        """See ``described``."""
        dtype = str(value.dtype) if hasattr(value, "dtype") else ""
        return {"size": int(value.estimated_size()), "dtype": dtype}


def _refuse_objects(fields: Any) -> None:
    """Look through a schema, or the fields of a nested type."""
    for field in fields:
        if (field.metadata or {}).get(b"ARROW:extension:name") == _OBJECTS:
            raise ValueError("Python objects do not travel as Arrow")
        _refuse_objects(field.type.field(at) for at in range(field.type.num_fields))
