"""DataFrames, Series and indexes of pandas."""

from __future__ import annotations

import sys
from typing import Any

from blazen_nb.events import is_json
from blazen_nb.shipping.codecs.dtypes import dtype_json
from blazen_nb.shipping.codecs.library import library
from blazen_nb.shipping.codecs.pandas_columns import ColumnReader, ColumnWriter, NotExact
from blazen_nb.shipping.codecs.pandas_index import (
    index_json,
    index_of,
    inner_index_json,
    inner_index_of,
    is_index,
    label_json,
    label_of,
)
from blazen_nb.shipping.codecs.protocol import Encoded


class PandasCodec:
    """What comes back exactly, with index, names and attrs; everything else is left to a pickle.

    That is: columns of objects other than text, sparse ones, types and subclasses of other packages, labels that are
    neither text nor numbers, and text where pyarrow is not installed.
    """

    tag = "pandas"

    def claims(self, value: Any) -> bool:
        """See Codec."""
        pd = sys.modules.get("pandas")
        return pd is not None and (type(value) in (pd.DataFrame, pd.Series) or is_index(value))

    def encode(self, value: Any) -> Encoded | None:
        """See Codec."""
        pd = sys.modules["pandas"]
        writer = ColumnWriter(inner_index_json)
        try:
            if is_index(value):
                head: dict[str, Any] = {"index": index_json(value, writer)}
            elif type(value) is pd.Series:
                head = {**_shared(value, writer), "series": writer.values(value)}
                head["name"] = label_json(value.name)
            else:
                head = {**_shared(value, writer), **_columns(value, writer)}
        except NotExact:
            return None
        head["sizes"], memory = writer.memory()
        return Encoded(head, memory)

    def decode(self, head: Any, memory: memoryview) -> Any:
        """See Codec."""
        pd = library("pandas", "a pandas table")
        reader = ColumnReader(head["sizes"], memory, inner_index_of)
        index = index_of(head["index"], reader)
        if "attrs" not in head:
            return index
        if "series" in head:
            made = _series(pd, reader.values(head["series"]))
            made.name = label_of(head["name"])
        else:
            made = _frame(pd, head, reader, len(index))
        if len(made) != len(index):
            raise ValueError("rows and index do not fit each other")
        made.index = index
        made.attrs = dict(head["attrs"])
        return made


def _shared(value: Any, writer: ColumnWriter) -> dict[str, Any]:
    if not is_json(value.attrs) or not value.flags.allows_duplicate_labels:
        raise NotExact
    return {"index": index_json(value.index, writer), "attrs": value.attrs}


def _columns(frame: Any, writer: ColumnWriter) -> dict[str, Any]:
    columns = index_json(frame.columns, writer)
    whole = _in_one_piece(frame)
    if whole is not None:
        return {"columns": columns, "whole": writer.array(whole)}
    count = frame.shape[1]
    return {
        "columns": columns,
        "each": [writer.values(frame.iloc[:, at]) for at in range(count)],
    }


def _in_one_piece(frame: Any) -> Any:
    """The memory of a frame that is one array; None where it is several."""
    np = sys.modules["numpy"]
    dtypes = set(frame.dtypes)
    if frame.shape[1] < 2 or not frame.shape[0] or len(dtypes) != 1:
        return None
    (dtype,) = dtypes
    if not isinstance(dtype, np.dtype) or dtype_json(dtype) is None:
        return None
    whole = frame.to_numpy()
    return whole if np.may_share_memory(whole, frame.iloc[:, -1].to_numpy()) else None


def _series(pd: Any, values: Any) -> Any:
    return pd.Series(values, dtype=values.dtype, copy=False)


def _frame(pd: Any, head: Any, reader: ColumnReader, rows: int) -> Any:
    if "whole" in head:
        frame = pd.DataFrame(reader.array(head["whole"]), copy=False)
    else:
        each = [_series(pd, reader.values(told)) for told in head["each"]]
        if any(len(series) != rows for series in each):
            raise ValueError("a column and the index do not fit each other")
        frame = pd.DataFrame(dict(enumerate(each)), index=pd.RangeIndex(rows), copy=False)
    columns = index_of(head["columns"], reader)
    frame.columns = columns
    return frame
