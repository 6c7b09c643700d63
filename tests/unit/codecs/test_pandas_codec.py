"""Tables of pandas: values, types, index, names and attrs again, or a pickle where that cannot be."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blazen_nb.errors import ShippingError
from blazen_nb.shipping.bulk import encode_bulk
from blazen_nb.shipping.codecs import pandas_columns
from blazen_nb.shipping.described import describe
from tests.unit.codecs.crossing import BOTH_WAYS, in_bulk, inline, tag_of, taken_apart
from tests.unit.codecs.hostile import HUGE, changed, cut_short, damage, refused

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

integers = st.integers(-100, 100)
texts = st.text(st.characters(codec="utf-8"), max_size=5)
moments = st.integers(0, 2**40)

COLUMNS: dict[str, Callable[[list[int]], Any]] = {
    "int64": lambda ns: np.array(ns, dtype="i8"),
    "big-endian": lambda ns: np.array(ns, dtype=">i4"),
    "float": lambda ns: np.array([n / 7 if n % 3 else np.nan for n in ns], dtype="f8"),
    "bool": lambda ns: np.array([n > 0 for n in ns], dtype=bool),
    "complex": lambda ns: np.array([n * 1j for n in ns], dtype="c16"),
    "datetime": lambda ns: np.array(ns, dtype="M8[ms]"),
    "timedelta": lambda ns: np.array(ns, dtype="m8[s]"),
    "zoned": lambda ns: pd.DatetimeIndex(np.array(ns, dtype="M8[us]"), tz="Europe/Zurich").array,
    "offset": lambda ns: pd.DatetimeIndex(np.array(ns, dtype="M8[us]"), tz="+03:00").array,
    "category": lambda ns: pd.Categorical([f"c{n % 3}" if n % 4 else None for n in ns]),
    "ordered": lambda ns: pd.Categorical([n % 3 for n in ns], [2, 0, 1], ordered=True),
    "period": lambda ns: (
        pd.PeriodIndex(
            [pd.Period(ordinal=n, freq="M") if n % 5 else pd.NaT for n in ns], dtype="period[M]"
        ).array
    ),
    "interval": lambda ns: (
        pd.arrays.IntervalArray.from_tuples([(n, n + 1.5) for n in ns], "left")
        if ns
        else pd.arrays.IntervalArray.from_breaks([0.5], "left")
    ),
    "Int16": lambda ns: pd.array([n % 99 if n % 3 else None for n in ns], dtype="Int16"),
    "Float32": lambda ns: pd.array([n / 2 if n % 3 else None for n in ns], dtype="Float32"),
    "boolean": lambda ns: pd.array([n > 0 if n % 3 else None for n in ns], dtype="boolean"),
    "string": lambda ns: pd.array([f"é{n}" if n % 3 else None for n in ns], dtype="string"),
    "str": lambda ns: pd.array([f"é{n}" if n % 3 else None for n in ns], dtype="str"),
    "python string": lambda ns: pd.array([f"{n}" for n in ns], dtype="string[python]"),
    "objects": lambda ns: np.array([f"é{n}" if n % 3 else None for n in ns], dtype=object),
    "nan objects": lambda ns: np.array([f"{n}" if n % 3 else np.nan for n in ns], dtype=object),
    "arrow": lambda ns: pd.array(ns, dtype=pd.ArrowDtype(pa.int32())),
    "arrow list": lambda ns: pd.array(
        [[n % 99] for n in ns], dtype=pd.ArrowDtype(pa.list_(pa.int8()))
    ),
}

labels = texts | integers | st.none() | st.booleans() | st.tuples(integers, texts)


@st.composite
def indexes(draw: st.DrawFn, rows: int) -> Any:
    ns = draw(st.lists(integers, min_size=rows, max_size=rows))
    name = draw(labels)
    match draw(st.integers(0, 6)):
        case 0:
            first, step = draw(integers), draw(st.integers(1, 5))
            return pd.RangeIndex(first, first + step * rows, step, name=name)
        case 1:
            start = draw(st.sampled_from(["2024-02-28", "2024-02-28T05:00+01:00"]))
            return pd.date_range(
                start, periods=rows, freq=draw(st.sampled_from(["D", "2h", "min"]))
            )
        case 2:
            return pd.MultiIndex.from_arrays(
                [ns, [f"x{n % 2}" for n in ns]], names=[name, draw(labels)]
            )
        case 3:
            mixed = np.empty(rows, dtype=object)
            mixed[:] = draw(st.lists(texts | integers | st.none(), min_size=rows, max_size=rows))
            return pd.Index(mixed, dtype=object, name=name)
        case _:
            kind = draw(st.sampled_from(sorted(COLUMNS.keys() - {"arrow list"})))
            values = COLUMNS[kind](ns)
            return pd.Index(values, dtype=values.dtype, name=name)


@st.composite
def frames(draw: st.DrawFn) -> Any:
    rows = draw(st.integers(0, 6))
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), max_size=5))
    if draw(st.booleans()):
        kinds = kinds[:1] * len(kinds)
    columns = []
    for kind in kinds:
        values = COLUMNS[kind](draw(st.lists(integers, min_size=rows, max_size=rows)))
        columns.append(pd.Series(values, dtype=values.dtype))
    frame = pd.DataFrame(dict(enumerate(columns)), index=pd.RangeIndex(rows))
    frame.index = draw(indexes(rows))
    frame.columns = draw(indexes(len(kinds)))
    frame.attrs = draw(st.dictionaries(texts, integers, max_size=2))
    return frame


def assert_same_frame(left: Any, right: Any) -> None:
    pd.testing.assert_frame_equal(
        left, right, check_exact=True, check_column_type=True, check_freq=True
    )
    assert type(left.index) is type(right.index)
    assert type(left.columns) is type(right.columns)
    assert [str(each) for each in left.dtypes] == [str(each) for each in right.dtypes]
    assert left.attrs == right.attrs
    for at in range(left.shape[1]):
        if left.dtypes.iloc[at].kind == "O" and isinstance(left.dtypes.iloc[at], np.dtype):
            assert list(map(type, left.iloc[:, at])) == list(map(type, right.iloc[:, at]))


@settings(max_examples=250, deadline=None)
@given(frames(), st.sampled_from(BOTH_WAYS))
def test_a_frame_comes_back_as_it_was(frame: Any, way: Callable[[Any], Any]) -> None:
    assert tag_of(frame) == "pandas"
    assert_same_frame(frame, way([frame])[0])


@pytest.mark.parametrize("kind", sorted(COLUMNS))
@pytest.mark.parametrize("way", BOTH_WAYS)
def test_a_series_and_an_index_of_every_type_come_back(
    kind: str, way: Callable[[Any], Any]
) -> None:
    values = COLUMNS[kind](list(range(1, 30_000, 7)))
    series = pd.Series(values, dtype=values.dtype, name=("a", 1))
    assert tag_of(series) == "pandas"
    back = way(series)
    pd.testing.assert_series_equal(series, back, check_exact=True)
    assert str(back.dtype) == str(series.dtype)
    assert back.name == ("a", 1)
    if kind != "arrow list":
        index = pd.Index(values, dtype=values.dtype)
        pd.testing.assert_index_equal(index, way(index), exact=True)


@pytest.mark.parametrize("way", BOTH_WAYS)
@pytest.mark.parametrize("kind", sorted(COLUMNS.keys() - {"arrow list"}))
def test_what_arrives_can_be_changed(kind: str, way: Callable[[Any], Any]) -> None:
    values = COLUMNS[kind](list(range(1, 40_000)))
    frame = pd.DataFrame({"a": pd.Series(values, dtype=values.dtype)})
    back = way(frame)
    first = back.iloc[4, 0]
    back.iloc[3, 0] = first
    assert back.iloc[3, 0] == first or first != first
    assert_same_frame(frame.iloc[4:], back.iloc[4:])


def test_a_frame_of_one_array_is_lent_and_arrives_as_one() -> None:
    array = np.arange(500_000.0).reshape(50_000, 10)
    frame = pd.DataFrame(array, columns=list("abcdefghij"), copy=False)
    bulk = encode_bulk(frame)
    assert any(
        piece.nbytes == array.nbytes and np.shares_memory(np.frombuffer(piece, dtype="u1"), array)
        for piece in bulk.pieces
    )
    back = in_bulk(frame)
    assert_same_frame(frame, back)
    back.loc[5, "a"] = -1
    assert back.loc[5, "a"] == -1


def test_duplicate_labels_and_no_columns_or_rows_travel() -> None:
    for frame in (
        pd.DataFrame([[1, 2.5, "x"]] * 2, columns=["a", "a", "a"], index=[7, 7]),
        pd.DataFrame(index=pd.RangeIndex(5)),
        pd.DataFrame(columns=["a", 1]),
        pd.DataFrame(),
    ):
        for way in BOTH_WAYS:
            assert_same_frame(frame, way(frame))


class Frame(pd.DataFrame):  # type: ignore[misc, name-defined]
    """A subclass, which knows more than the table."""


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": [1, "x", None]}, dtype=object),
        pd.DataFrame({"a": [decimal.Decimal(1), decimal.Decimal(2)]}),
        pd.Series([datetime.date(2024, 1, 1)]),
        pd.Series([[1], [2]]),
        pd.Series([None, np.nan, "x"], dtype=object),
        pd.Series(["\ud800"], dtype=object),
        pd.Series([True, "x"], dtype=object),
        pd.Series(pd.arrays.SparseArray([0, 0, 1])),
        pd.Series([1], name=pd.Timestamp("2024-01-01")),
        pd.DataFrame([[1, 2]], columns=[1, (1 + 2j,)]),
        Frame({"a": [1]}),
        pd.Timestamp("2024-01-01"),
    ],
)
def test_what_would_not_come_back_exactly_is_left_to_the_pickle(value: Any) -> None:
    assert tag_of(value) == "pickle"
    with pytest.raises(ShippingError, match="not opened"):
        inline(value)


def test_attrs_that_are_no_json_are_left_to_the_pickle() -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["when"] = datetime.date(2024, 1, 1)
    assert tag_of(frame) == "pickle"


def test_text_is_left_to_the_pickle_where_pyarrow_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(pandas_columns, "import_module", missing)
    assert tag_of(pd.DataFrame({"a": ["x"]})) == "pickle"
    assert tag_of(pd.DataFrame({"a": pd.Series(["x"], dtype=object)})) == "pickle"
    assert tag_of(pd.DataFrame({"a": [1.0]})) == "pandas"


def test_a_ref_tells_the_shape_and_size_of_a_frame() -> None:
    about = describe(pd.DataFrame({"a": np.arange(1000), "b": 1.0}))
    assert (about.type_tag, about.shape) == ("pandas", (1000, 2))
    assert about.size is not None
    assert about.size >= 16_000
    assert describe(pd.Series([1.5])).dtype == "float64"


def table() -> Any:
    return pd.DataFrame(
        {
            "n": [1, 2, 3],
            "s": ["a", "bb", None],
            "c": pd.Categorical(["x", "y", "x"]),
            "i": pd.array([1, None, 3], dtype="Int8"),
        },
        index=pd.MultiIndex.from_product([[1], ["u", "v", "w"]]),
    )


def test_cut_payloads_are_refused() -> None:
    cut_short(table())
    cut_short(table()["s"])
    cut_short(table().index)


def _lies() -> list[Any]:
    head, _ = taken_apart(table())
    n, s, c, i = head["each"]
    longer = {"range": [0, 4, 1], "name": None}
    return [
        {"index": {"range": [0, HUGE, 1], "name": None}},
        {"index": longer},
        {"index": {"range": [0, 3, 0], "name": None}},
        {"index": {"values": s, "name": None, "freq": "D"}},
        {"index": {"labels": ["a"] * 3, "name": None, "freq": "D", "string": ["mars", "NA"]}},
        {"index": None},
        {"index": {"name": []}},
        {"columns": longer | {"range": [0, 5, 1]}},
        {"each": [n, s, c]},
        {"each": [n, s, c, {"numpy": {"head": ["<i8", [HUGE], "C"], "part": 0}}]},
        {"each": [n, s, c, {"numpy": {"head": ["<i8", [3], "C"], "part": 99}}]},
        {"each": [n, s, c, {"numpy": {"head": ["<i8", [3], "C"], "part": -1}}]},
        {"each": [n, s, c, {"arrow_dtype": True, "arrow": 0}]},
        {"each": [n, s, c, {**c, "ordered": True, "codes": n["numpy"]}]},
        {"each": [n, s, c, {"zoned": "datetime64[ns, Mars/Base]", "utc": n["numpy"]}]},
        {"each": [n, s, c, {"zoned": "datetime64[ns, UTC]", "utc": i["mask"]}]},
        {"each": [n, s, c, {"period": "period[??]", "ordinals": n["numpy"]}]},
        {"each": [n, s, c, {"interval": [], "closed": "left"}]},
        {"each": [n, s, c, {**i, "mask": n["numpy"]}]},
        {"each": [n, s, c, {}]},
        {"each": None},
        {"sizes": []},
        {"sizes": [HUGE]},
        {"sizes": None},
        {"attrs": 5},
    ]


@pytest.mark.parametrize("fields", _lies())
def test_heads_that_lie_are_refused(fields: Any) -> None:
    head, memory = taken_apart(table())
    refused("pandas", changed(head, **fields), memory)


@settings(max_examples=200, deadline=None)
@given(frames(), st.data())
def test_damaged_payloads_are_a_frame_or_a_typed_error(frame: Any, data: st.DataObject) -> None:
    damage(frame, data, (pd.DataFrame, pd.Series, pd.Index))
