"""Values: exact round trips, errors that name the place, and nothing but typed errors for hostile bytes."""

from __future__ import annotations

import contextlib
import datetime
import enum
import json
import math
import pickle
import pickletools
import subprocess
import sys
import threading
import types
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from blazen_nb.errors import (
    BlazenError,
    EncodeError,
    EnvironmentMismatchError,
    LimitError,
    ShippingError,
)
from blazen_nb.events import is_json
from blazen_nb.shipping.values import (
    EncodedValue,
    decode,
    decode_leaf,
    encode,
    encode_leaf,
)
from tests.unit.home_module import home_module


@dataclass
class Point:
    x: int
    y: int


class Color(enum.Enum):
    RED = 1


def same(left: object, right: object) -> bool:
    """Equality that tells types apart and takes NaN for equal to itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and math.isnan(left):
        return math.isnan(right)  # type: ignore[arg-type]
    if isinstance(left, dict):
        assert isinstance(right, dict)
        return len(left) == len(right) and all(
            same(a, b) and same(left[a], right[b]) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, (list, tuple)):
        assert isinstance(right, (list, tuple))
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["$leaf", "$dict", "$tuple", "\ud800", "$"])
)
keys = st.text() | st.sampled_from(["$leaf", "$dict", "$tuple", "$set"])
leaves = (
    st.binary() | st.decimals(allow_nan=False) | st.dates() | st.complex_numbers(allow_nan=False)
)
hashable = st.integers() | st.text() | st.binary() | st.tuples(st.integers(), st.text())
values = st.recursive(
    scalars | leaves | st.sets(hashable) | st.frozensets(hashable),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(hashable, inner, max_size=3)
    ),
    max_leaves=12,
)


@given(values)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    encoded = encode(value)
    assert same(decode(encoded, trusted=True), value)
    if is_json(value):
        assert encoded.leaves == ()


@given(st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_without_markers_is_sent_as_the_json_it_is(value: Any) -> None:
    if '"$' not in json.dumps(value):
        assert same(json.loads(encode(value).json.decode("utf-8", "surrogatepass")), value)


@given(st.binary() | st.text().map(str.encode), st.lists(st.tuples(st.text(), st.binary())))
def test_hostile_bytes_are_a_typed_error(data: bytes, leaves: list[tuple[str, bytes]]) -> None:
    with contextlib.suppress(BlazenError):
        decode(EncodedValue(data, tuple(leaves)), trusted=False)


def names_a_far_place(pickled: bytes) -> bool:
    """Whether it has an entry of its memo so far up that the memo alone is large."""
    with contextlib.suppress(Exception):
        for operation, argument, _ in pickletools.genops(pickled):
            if operation.name == "LONG_BINPUT" and (argument or 0) > 1 << 16:
                return True
    return False


@settings(max_examples=300)
@given(st.sampled_from(["pickle", "ndarray", "npscalar"]), st.data())
def test_damaged_leaves_are_a_typed_error(tag: str, data: st.DataObject) -> None:
    whole = {
        "pickle": pickle.dumps({"a": Point(1, 2)}, 5),
        "ndarray": encode_leaf(np.arange(4).reshape(2, 2))[1],
        "npscalar": encode_leaf(np.float32(2))[1],
    }[tag]
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:place] + data.draw(st.binary(max_size=3)) + whole[place + 1 :]
    # CPython makes a memo as large as the highest place that a pickle names, which is gigabytes of nothing. Who may
    # send pickles may do as much with code.
    assume(tag != "pickle" or not names_a_far_place(damaged))
    with contextlib.suppress(BlazenError):
        decode_leaf(tag, damaged, trusted=True)


@pytest.mark.parametrize(
    "text",
    [
        '{"$leaf": 0}',
        '{"$leaf": -1}',
        '{"$leaf": true}',
        '{"$leaf": "0"}',
        '{"$tuple": 1}',
        '{"$set": [[]]}',
        '{"$dict": [1]}',
        '{"$dict": [[1, 2, 3]]}',
        '{"$dict": [[[], 2]]}',
        "",
        "{",
        "[" * 100_000,
        '{"$tuple": ' + "[" * 100_000,
        "1" * 10_000,
        "\\",
    ],
)
def test_malformed_trees_are_encode_errors(text: str) -> None:
    with pytest.raises(EncodeError):
        decode(EncodedValue(text.encode()), trusted=True)


@pytest.mark.parametrize("leaf", [("?", b""), ("pickle", "text"), (3, b""), ("pickle", b"")])
def test_malformed_leaves_are_encode_errors(leaf: Any) -> None:
    with pytest.raises(EncodeError):
        decode(EncodedValue(b'{"$leaf":0}', (leaf,)), trusted=True)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.arange(6).reshape(2, 3).T,
        np.arange(10)[::3],
        np.zeros((0, 3), dtype=np.float32),
        np.array(5),
        np.array(["a", "bcd"]),
        np.array(["2024-01-01"], dtype="M8[D]"),
        np.array([1, 2], dtype=">i4"),
        np.array([True, False]),
    ],
)
def test_arrays_travel_without_pickle_and_stay_writable(array: Any) -> None:
    encoded = encode({"a": array})
    assert [tag for tag, _ in encoded.leaves] == ["ndarray"]
    back = decode(encoded, trusted=False)["a"]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert (back == array).all()
    assert back.flags.writeable


@pytest.mark.parametrize("scalar", [np.float64(2.5), np.int8(-3), np.bool_(True), np.str_("ab")])
def test_numpy_scalars_keep_their_type_without_pickle(scalar: Any) -> None:
    encoded = encode([scalar])
    assert [tag for tag, _ in encoded.leaves] == ["npscalar"]
    (back,) = decode(encoded, trusted=False)
    assert type(back) is type(scalar)
    assert back == scalar


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, "a", None], dtype=object),
        np.array([(1, None)], dtype=[("a", "i4"), ("b", "O")]),
        np.ma.array([1, 2], mask=[False, True]),
    ],
)
def test_arrays_of_other_kinds_are_pickled(array: Any) -> None:
    encoded = encode(array)
    assert [tag for tag, _ in encoded.leaves] == ["pickle"]
    assert (decode(encoded, trusted=True) == array).all()


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.5"),
        datetime.date(2024, 1, 2),
        OrderedDict(a=1),
        Point(1, 2),
        Color.RED,
        pytest.param(10**6000, id="long"),
    ],
)
def test_other_objects_are_pickled_and_open_only_where_trusted(value: Any) -> None:
    encoded = encode({"a": value})
    assert [tag for tag, _ in encoded.leaves] == ["pickle"]
    back = decode(encoded, trusted=True)["a"]
    assert back == value
    assert type(back) is type(value)
    with pytest.raises(ShippingError, match="trust_peer=True"):
        decode(encoded, trusted=False)


def test_functions_travel_by_value_between_equal_minors_only() -> None:
    factor = 3
    encoded = encode([lambda x: x * factor])
    assert decode(encoded, trusted=True)[0](4) == 12
    ((tag, payload),) = encoded.leaves
    assert tag == f"cloudpickle-{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(EnvironmentMismatchError, match=r"3\.99"):
        decode_leaf("cloudpickle-3.99", payload, trusted=True)
    with pytest.raises(EnvironmentMismatchError, match=r"\[0\]: a function .* same Python minor"):
        encode([lambda x: x], same_minor=False)


def test_an_error_names_the_place_in_the_value() -> None:
    holder = types.SimpleNamespace(encoder=types.SimpleNamespace(lock=threading.Lock()))
    with pytest.raises(
        EncodeError, match=r"\['model'\]\[1\]\.encoder\.lock: a lock cannot be pickled"
    ):
        encode({"model": [1, holder]})
    lock = threading.Lock()
    with pytest.raises(EncodeError, match=r"\['f'\] variable lock: a lock"):
        encode({"f": lambda: lock})


def test_a_value_that_contains_itself_or_is_too_deep_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(EncodeError, match="contains itself"):
        encode({"a": loop})
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(EncodeError, match="too deep"):
        encode(deep)


@pytest.mark.parametrize(
    "value",
    ["x" * 2000, [b"x" * 600, b"y" * 600], np.zeros(200), {1: Decimal(1)} | {2: bytearray(2000)}],
)
def test_a_value_above_the_limit_is_refused(value: Any) -> None:
    with pytest.raises(LimitError, match="1,000 bytes"):
        encode(value, limit=1000)
    assert encode(value, limit=100_000).size <= 100_000


def test_pickling_stops_at_the_limit_and_does_not_go_on_to_the_end() -> None:
    class Endless:
        def __reduce__(self) -> Any:
            return list, (), None, ("x" * 70_000 + str(i) for i in range(10**9))

    with pytest.raises(LimitError):
        encode(Endless(), limit=1_000_000)


def test_hostile_pickles_raise_typed_errors_where_trusted() -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return divmod, (1, 0)

    with pytest.raises(EncodeError, match="ZeroDivisionError"):
        decode_leaf("pickle", pickle.dumps(Bomb()), trusted=True)
    with pytest.raises(ShippingError, match="module no_such_module"):
        decode_leaf("pickle", b"cno_such_module\nThing\n.", trusted=True)
    with pytest.raises(ShippingError, match="NoSuchThing"):
        decode_leaf("pickle", b"cjson\nNoSuchThing\n.", trusted=True)


@pytest.fixture
def peer_home() -> Iterator[types.ModuleType]:
    with home_module("blazen_test_namespace") as module:
        yield module


@pytest.fixture
def notebook_home() -> Iterator[types.ModuleType]:
    with home_module("blazen_test_notebook") as module:
        yield module


REPORT = (
    "class Report:\n    def __init__(self, n): self.n = n\n    def twice(self): return self.n * 2\n"
)


def test_a_class_of_one_home_is_found_in_the_home_of_the_other(
    peer_home: types.ModuleType, notebook_home: types.ModuleType
) -> None:
    exec(REPORT, peer_home.__dict__)
    exec(REPORT, notebook_home.__dict__)
    encoded = encode([peer_home.Report(2)], home=peer_home.__name__)
    (back,) = decode(encoded, trusted=True, home=notebook_home.__name__)
    assert type(back) is notebook_home.Report
    assert back.twice() == 4
    assert encoded.references == {"Report"}


def test_a_class_that_only_the_peer_has_travels_by_value_once(
    peer_home: types.ModuleType, notebook_home: types.ModuleType
) -> None:
    exec(REPORT, peer_home.__dict__)
    encoded = encode([peer_home.Report(n) for n in range(50)], home=peer_home.__name__)
    back = decode(encoded, trusted=True, home=notebook_home.__name__)
    assert [report.twice() for report in back] == list(range(0, 100, 2))
    assert len({type(report) for report in back}) == 1
    assert encoded.size < 15_000


def test_a_class_the_other_side_has_is_only_named(
    peer_home: types.ModuleType, notebook_home: types.ModuleType
) -> None:
    exec(REPORT, notebook_home.__dict__)
    for options in ({"named": {"Report"}}, {"same_minor": False}):
        encoded = encode(notebook_home.Report(2), home=notebook_home.__name__, **options)
        assert [tag for tag, _ in encoded.leaves] == ["pickle"]
        with pytest.raises(ShippingError, match="Report is not defined on this side"):
            decode(encoded, trusted=True, home=peer_home.__name__)
    exec(REPORT, peer_home.__dict__)
    assert type(decode(encoded, trusted=True, home=peer_home.__name__)) is peer_home.Report


def test_values_need_neither_numpy_nor_cloudpickle_for_plain_data() -> None:
    code = (
        "import sys; from blazen_nb.shipping.values import encode, decode\n"
        "decode(encode({'a': (1, {2}, b'')}), trusted=False)\n"
        "assert not {'numpy', 'cloudpickle', 'IPython', 'grpc'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
