"""The columns of pandas: NumPy's memory as it lies, text and Arrow's types as Arrow IPC; and back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from blazen_nb.shipping.codecs.arrays import array_memory, array_of
from blazen_nb.shipping.codecs.dtypes import dtype_json
from blazen_nb.shipping.codecs.ipc import check_rows, ipc_memory, ipc_table
from blazen_nb.shipping.codecs.library import library
from blazen_nb.shipping.codecs.protocol import count_of
from blazen_nb.shipping.codecs.sections import joined, parted

_MASKED = {"i": "IntegerArray", "u": "IntegerArray", "f": "FloatingArray", "b": "BooleanArray"}


_MASKED_DTYPES = frozenset(
    {"BooleanDtype", "Float32Dtype", "Float64Dtype"}
    | {f"{sign}Int{bits}Dtype" for sign in ("", "U") for bits in (8, 16, 32, 64)}
)


class NotExact(Exception):
    """It would not come back as it is: a pickle must do."""


class ColumnWriter:
    """Describes columns, and collects what they lie in.

    Args:
        index: Describes an index, for the categories and bounds of columns.
    """

    def __init__(self, index: Callable[[Any, ColumnWriter], Any]) -> None:
        self._index = index
        self._parts: list[tuple[memoryview, ...]] = []

    def memory(self) -> tuple[list[int], tuple[memoryview, ...]]:
        """As of ``sections.joined``."""
        return joined(self._parts)

    def values(self, values: Any) -> dict[str, Any]:
        """The description of a Series, an Index or one of their arrays.

        Raises:
            NotExact: It is of a type that would not come back.
        """
        pd = sys.modules["pandas"]
        dtype = values.dtype
        if dtype.kind == "O" and dtype.type is sys.modules["numpy"].object_:
            return self._text(values)
        if isinstance(dtype, pd.CategoricalDtype):
            codes = getattr(values, "cat", values).codes
            return {
                "categories": self._index(dtype.categories, self),
                "ordered": bool(dtype.ordered),
                "codes": self.array(pd.Series(codes).to_numpy()),
            }
        if isinstance(dtype, pd.DatetimeTZDtype):
            return self._zoned(pd.DatetimeIndex(values))
        if isinstance(dtype, pd.PeriodDtype):
            self._must_be_named(dtype, str(dtype))
            return {
                "period": str(dtype),
                "ordinals": self.array(pd.PeriodIndex(values).asi8),
            }
        if isinstance(dtype, pd.IntervalDtype):
            intervals = pd.IntervalIndex(values)
            bounds = [self._index(each, self) for each in (intervals.left, intervals.right)]
            return {"interval": bounds, "closed": dtype.closed}
        if isinstance(dtype, pd.StringDtype):
            return {"string": string_json(dtype), "arrow": self._arrow(values)}
        if isinstance(dtype, pd.ArrowDtype):
            return {"arrow_dtype": True, "arrow": self._arrow(values)}
        return self._numeric(values, dtype)

    def _numeric(self, values: Any, dtype: Any) -> dict[str, Any]:
        np = sys.modules["numpy"]
        if isinstance(dtype, np.dtype) and dtype_json(dtype) is not None:
            return {"numpy": self.array(values.to_numpy())}
        if type(dtype).__name__ in _MASKED_DTYPES and type(dtype).__module__.startswith("pandas"):
            numpy_dtype = dtype.numpy_dtype
            data = values.to_numpy(dtype=numpy_dtype, na_value=numpy_dtype.type(0))
            return {"masked": self.array(data), "mask": self.array(np.asarray(values.isna()))}
        raise NotExact

    def array(self, array: Any) -> dict[str, Any]:
        """The description of a NumPy array."""
        head, memory = array_memory(array)
        self._parts.append((memory,))
        return {"head": head, "part": len(self._parts) - 1}

    def _zoned(self, moments: Any) -> dict[str, Any]:
        dtype = moments.dtype
        self._must_be_named(dtype, str(dtype))
        utc = moments.tz_convert("UTC").tz_localize(None)
        return {"zoned": str(dtype), "utc": self.array(utc.to_numpy())}

    def _must_be_named(self, dtype: Any, name: str) -> None:
        pandas_dtype = sys.modules["pandas"].api.types.pandas_dtype
        try:
            again = pandas_dtype(name)
        except (TypeError, ValueError, KeyError):
            raise NotExact from None
        if again != dtype or type(getattr(again, "tz", None)) is not type(
            getattr(dtype, "tz", None)
        ):
            raise NotExact

    def _text(self, values: Any) -> dict[str, Any]:
        """Objects that are str or one kind of missing."""
        items = values.to_numpy()
        kinds = set(map(type, items)) - {str}
        if kinds - {type(None), float} or len(kinds) > 1:
            raise NotExact
        if kinds == {float} and not all(item != item for item in items if type(item) is float):
            raise NotExact
        missing = "nan" if kinds == {float} else "None"
        pa = _pyarrow()
        try:
            text = pa.array(items, pa.large_string(), from_pandas=True)
        except (UnicodeError, pa.ArrowException):  # lone surrogates
            raise NotExact from None
        return {"text": missing, "arrow": self._column(pa, text)}

    def _arrow(self, values: Any) -> int:
        pa = _pyarrow()
        try:
            column = pa.array(getattr(values, "array", values))
        except (UnicodeError, pa.ArrowException):
            raise NotExact from None
        return self._column(pa, column)

    def _column(self, pa: Any, column: Any) -> int:
        chunks = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
        self._parts.append(ipc_memory(pa.table({"column": chunks})))
        return len(self._parts) - 1


class ColumnReader:
    """Makes columns of descriptions and memory.

    Args:
        index: Makes an index.
    """

    def __init__(
        self, sizes: Any, memory: memoryview, index: Callable[[Any, ColumnReader], Any]
    ) -> None:
        self._parts: list[memoryview | None] = [*parted(sizes, memory)]
        self._index = index

    def values(self, told: Any) -> Any:
        """A NumPy array, or one of pandas.

        Raises:
            Exception: It is no description of ColumnWriter, or lies.
        """
        pd = library("pandas", "a pandas table")
        if "numpy" in told:
            return self.array(told["numpy"])
        if "text" in told:
            return self._text(told)
        if "categories" in told:
            categories = pd.CategoricalDtype(
                self._index(told["categories"], self), bool(told["ordered"])
            )
            return pd.Categorical.from_codes(self.array(told["codes"]), dtype=categories)
        if "zoned" in told:
            return self._zoned(pd, told)
        if "period" in told:
            dtype = pd.PeriodDtype(str(told["period"]).removeprefix("period[").removesuffix("]"))
            return pd.arrays.PeriodArray(self.array(told["ordinals"]), dtype=dtype)
        if "interval" in told:
            left, right = (self._index(each, self) for each in told["interval"])
            return pd.arrays.IntervalArray.from_arrays(left, right, closed=told["closed"])
        if "masked" in told:
            data, mask = self.array(told["masked"]), self.array(told["mask"])
            return getattr(pd.arrays, _MASKED[data.dtype.kind])(data, mask)
        return self._arrow(pd, told)

    def array(self, told: Any) -> Any:
        """A NumPy array."""
        return array_of(told["head"], self._part(told["part"]))

    def _part(self, number: Any) -> memoryview:
        place = count_of(number, len(self._parts) - 1)
        part, self._parts[place] = self._parts[place], None
        if part is None:  # a few bytes could be made a great many columns of
            raise ValueError("two columns lie in the same memory")
        return part

    def _column(self, number: Any) -> Any:
        part = self._part(number)
        (column,) = ipc_table(part).columns
        check_rows(len(column), part)
        return column

    def _text(self, told: Any) -> Any:
        np = sys.modules["numpy"]
        column = self._column(told["arrow"])
        if str(column.type) != "large_string":
            raise ValueError("text is no text")
        items = np.empty(len(column), dtype=object)
        items[:] = column.to_pylist()
        if told["text"] == "nan":
            items[np.asarray(column.is_null())] = float("nan")
        return items

    def _zoned(self, pd: Any, told: Any) -> Any:
        dtype = pd.api.types.pandas_dtype(str(told["zoned"]))
        utc = self.array(told["utc"])
        return pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(dtype.tz).array

    def _arrow(self, pd: Any, told: Any) -> Any:
        column = self._column(told["arrow"])
        if "string" not in told:
            return pd.ArrowDtype(column.type).__from_arrow__(column)
        if str(column.type) not in ("string", "large_string"):
            raise ValueError("text is no text")
        return string_dtype(pd, told["string"]).__from_arrow__(column)


def string_json(dtype: Any) -> list[str]:
    """What tells one type of text from another.

    Raises:
        NotExact: It is one that pandas has given up.
    """
    if dtype.storage not in ("python", "pyarrow"):
        raise NotExact
    return [dtype.storage, "NA" if dtype.na_value is sys.modules["pandas"].NA else "nan"]


def string_dtype(pd: Any, told: Any) -> Any:
    """The type again."""
    storage, missing = told
    if missing == "NA":
        return pd.StringDtype(storage)
    return pd.StringDtype(storage, na_value=float("nan"))


def _pyarrow() -> Any:
    try:
        return import_module("pyarrow")
    except ModuleNotFoundError:
        raise NotExact from None
