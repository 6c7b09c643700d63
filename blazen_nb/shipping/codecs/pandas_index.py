"""The indexes of pandas as descriptions and memory, and back."""

from __future__ import annotations

import sys
from typing import Any

from blazen_nb.shipping.codecs.library import library
from blazen_nb.shipping.codecs.pandas_columns import (
    ColumnReader,
    ColumnWriter,
    NotExact,
    string_dtype,
    string_json,
)

_CLASSES = (
    *("Index", "RangeIndex", "DatetimeIndex", "TimedeltaIndex", "PeriodIndex"),
    *("CategoricalIndex", "IntervalIndex", "MultiIndex"),
)
_LABELS = frozenset({str, int, float, bool, type(None)})
_MOST_LABELS = 10_000
"""Labels of mixed types, and text, stand in the head; more text is a column, more of mixed types are pickled."""

_LONGEST_INNER_RANGE = 1 << 16
"""A range takes no bytes, but what is made of one within another index does: pandas writes it out."""


def is_index(value: Any) -> bool:
    """Whether it is an index of pandas' own."""
    pd = sys.modules["pandas"]
    return type(value) in [getattr(pd, name) for name in _CLASSES]


def index_json(index: Any, writer: ColumnWriter) -> dict[str, Any]:
    """The index's description; its memory is with the writer.

    Raises:
        NotExact: It would not come back as it is.
    """
    pd = sys.modules["pandas"]
    if not is_index(index):
        raise NotExact
    if type(index) is pd.MultiIndex:
        return {
            "levels": [inner_index_json(level, writer) for level in index.levels],
            "codes": [writer.array(codes) for codes in index.codes],
            "names": [label_json(name) for name in index.names],
        }
    name = label_json(index.name)
    if type(index) is pd.RangeIndex:
        return {"range": [index.start, index.stop, index.step], "name": name}
    if index.dtype == object and len(index) <= _MOST_LABELS:
        return {"labels": [label_json(label) for label in index], "name": name}
    if isinstance(index.dtype, pd.StringDtype) and len(index) <= _MOST_LABELS:
        labels = [label if isinstance(label, str) else None for label in index]
        return {"labels": labels, "name": name, "string": string_json(index.dtype)}
    told = {"values": writer.values(index), "name": name}
    if getattr(index, "freq", None) is not None and type(index) is not pd.PeriodIndex:
        told["freq"] = index.freqstr
        if pd.tseries.frequencies.to_offset(index.freqstr) != index.freq:
            raise NotExact
    return told


def index_of(told: Any, reader: ColumnReader) -> Any:
    """The index.

    Raises:
        Exception: It is no description of ``index_json``, or lies.
    """
    pd = library("pandas", "a pandas table")
    if "levels" in told:
        return pd.MultiIndex(
            levels=[inner_index_of(level, reader) for level in told["levels"]],
            codes=[reader.array(codes) for codes in told["codes"]],
            names=[label_of(name) for name in told["names"]],
        )
    name = label_of(told["name"])
    if "range" in told:
        start, stop, step = map(int, told["range"])
        return pd.RangeIndex(start, stop, step, name=name)
    if "labels" in told:
        labels = pd.Series([None] * len(told["labels"]), dtype=object).to_numpy(copy=True)
        for place, label in enumerate(told["labels"]):
            labels[place] = label_of(label)
        dtype = string_dtype(pd, told["string"]) if "string" in told else object
        return pd.Index(labels, dtype=dtype, name=name, tupleize_cols=False)
    values = reader.values(told["values"])
    index = pd.Index(values, dtype=values.dtype, name=name, copy=False)
    if "freq" in told:
        if type(index) not in (pd.DatetimeIndex, pd.TimedeltaIndex):
            raise ValueError("only times have a frequency")
        index.freq = str(told["freq"])
    return index


def inner_index_json(index: Any, writer: ColumnWriter) -> dict[str, Any]:
    """As ``index_json``, for what is within an index: levels, categories and bounds."""
    if type(index) is sys.modules["pandas"].RangeIndex and len(index) > _LONGEST_INNER_RANGE:
        raise NotExact
    return index_json(index, writer)


def inner_index_of(told: Any, reader: ColumnReader) -> Any:
    """As ``index_of``, for what is within an index."""
    index = index_of(told, reader)
    if type(index) is sys.modules["pandas"].RangeIndex and len(index) > _LONGEST_INNER_RANGE:
        raise ValueError(f"a range of {len(index):,} is too long here")
    return index


def label_json(label: Any) -> Any:
    """A label or name as JSON.

    Raises:
        NotExact: It is neither plain nor a tuple of what is.
    """
    if type(label) in _LABELS:
        return label
    if type(label) is tuple:
        return [label_json(part) for part in label]
    raise NotExact


def label_of(told: Any) -> Any:
    """The label again."""
    return tuple(label_of(part) for part in told) if type(told) is list else told
