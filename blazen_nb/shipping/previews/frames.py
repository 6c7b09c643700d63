"""Previews of the frames and columns of pandas, polars and pyarrow: their first rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from blazen_nb.render.preview import LONGEST_CELL, MOST_COLUMNS, MOST_ROWS, Column, Preview, Row
from blazen_nb.shipping.previews.short import cell, short

_ITEMS_SHOWN = 4


def pandas_preview(value: Any) -> Preview | None:
    """The preview of a DataFrame, a Series or an Index."""
    pandas = sys.modules["pandas"]
    if isinstance(value, pandas.DataFrame):
        head = value.iloc[:MOST_ROWS, :MOST_COLUMNS]
        columns = [Column(cell(name), str(dtype)) for name, dtype in head.dtypes.items()]
        rows = [
            Row(cell(head.index[at]), tuple(cell(head.iat[at, of]) for of in range(len(columns))))
            for at in range(len(head))
        ]
        return _frame(columns, rows, len(value), len(value.columns))
    if isinstance(value, pandas.Series):
        top = value.iloc[:MOST_ROWS]
        rows = [Row(cell(top.index[at]), (cell(top.iat[at]),)) for at in range(len(top))]
        return _frame([_column(value)], rows, len(value), 1)
    if isinstance(value, pandas.Index):
        rows = [Row(str(at), (cell(item),)) for at, item in enumerate(value[:MOST_ROWS])]
        return _frame([_column(value)], rows, len(value), 1)
    return None


def polars_preview(value: Any) -> Preview | None:
    """The preview of a DataFrame or a Series; a query is not run for it."""
    polars = sys.modules["polars"]
    if isinstance(value, polars.LazyFrame):
        return Preview(about="a query that has not run")
    if isinstance(value, polars.Series):
        column = Column(cell(value.name), str(value.dtype))
        items = [(cell(value[at]),) for at in range(min(MOST_ROWS, len(value)))]
        return _frame([column], _numbered(items), len(value), 1)
    if not isinstance(value, polars.DataFrame):
        return None
    head = value[:MOST_ROWS, :MOST_COLUMNS]
    columns = [Column(cell(name), str(dtype)) for name, dtype in head.schema.items()]
    lines = [tuple(cell(head[at, of]) for of in range(len(columns))) for at in range(head.height)]
    return _frame(columns, _numbered(lines), value.height, value.width)


def arrow_preview(value: Any) -> Preview | None:
    """The preview of a Table, a RecordBatch, an Array or a ChunkedArray."""
    arrow = sys.modules["pyarrow"]
    if isinstance(value, arrow.Array | arrow.ChunkedArray):
        column = Column("", str(value.type))
        items = [(_arrow_cell(value[at]),) for at in range(min(MOST_ROWS, len(value)))]
        return _frame([column], _numbered(items), len(value), 1)
    if not isinstance(value, arrow.Table | arrow.RecordBatch):
        return None
    width = min(MOST_COLUMNS, value.num_columns)
    columns = [
        Column(cell(value.schema.field(of).name), str(value.schema.field(of).type))
        for of in range(width)
    ]
    lines = [
        tuple(_arrow_cell(value.column(of)[at]) for of in range(width))
        for at in range(min(MOST_ROWS, value.num_rows))
    ]
    return _frame(columns, _numbered(lines), value.num_rows, value.num_columns)


def _arrow_cell(scalar: Any) -> str:
    """What a scalar holds; of one that is a list, or long, only the start is made an object."""
    if not scalar.is_valid:
        return "null"
    items: Any = getattr(scalar, "values", None)
    if hasattr(items, "slice"):
        shown = ", ".join(_arrow_cell(item) for item in items.slice(0, _ITEMS_SHOWN))
        return f"[{shown}{', ...' if len(items) > _ITEMS_SHOWN else ''}]"
    if not hasattr(scalar, "as_buffer"):
        return cell(scalar.as_py())
    buffer = scalar.as_buffer()
    start = buffer.slice(0, min(buffer.size, 4 * LONGEST_CELL)).to_pybytes()
    is_text = "string" in str(scalar.type)
    return cell(start.decode("utf-8", "ignore")) if is_text else short(start)


def _column(value: Any) -> Column:
    return Column("" if value.name is None else cell(value.name), str(value.dtype))


def _numbered(lines: Sequence[tuple[str, ...]]) -> list[Row]:
    return [Row(str(at), cells) for at, cells in enumerate(lines)]


def _frame(columns: list[Column], rows: list[Row], height: int, width: int) -> Preview:
    return Preview(
        about=f"{height:,} x {width:,}" if not rows else "",
        columns=tuple(columns),
        rows=tuple(rows),
        more_rows=height - len(rows),
        more_columns=width - len(columns),
    )
