"""Sparse matrices of SciPy: the same arrays again, and no index out of bounds gets to SciPy's C code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.codecs.crossing import BOTH_WAYS, in_bulk, tag_of, taken_apart
from tests.unit.codecs.hostile import HUGE, changed, cut_short, damage, refused

sparse = pytest.importorskip("scipy.sparse")

FORMS = ["csr", "csc", "coo", "bsr", "dia"]
DTYPES = ["f8", "f4", "i4", "i8", "u1", "c16", "bool"]


@st.composite
def matrices(draw: st.DrawFn) -> Any:
    rows, columns = draw(st.integers(1, 6)) * 2, draw(st.integers(1, 6)) * 2
    count = draw(st.integers(0, 12))
    data = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    i = draw(st.lists(st.integers(0, rows - 1), min_size=count, max_size=count))
    j = draw(st.lists(st.integers(0, columns - 1), min_size=count, max_size=count))
    coo = sparse.coo_array(
        (np.array(data, dtype=draw(st.sampled_from(DTYPES))), (i, j)), shape=(rows, columns)
    )
    form, kind = draw(st.sampled_from(FORMS)), draw(st.sampled_from(["array", "matrix"]))
    made = getattr(sparse, f"{form}_{kind}")(coo)
    if form in ("csr", "csc") and draw(st.booleans()):
        made.indices, made.indptr = made.indices.astype("i8"), made.indptr.astype("i8")
    return made


def arrays_of(matrix: Any) -> list[Any]:
    names = ["data", "indices", "indptr", "offsets"]
    found = [getattr(matrix, name) for name in names if hasattr(matrix, name)]
    return found + list(matrix.coords) if matrix.format == "coo" else found


def same_matrix(left: Any, right: Any) -> bool:
    return (
        type(left) is type(right)
        and left.shape == right.shape
        and left.dtype == right.dtype
        and all(
            a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
            for a, b in zip(arrays_of(left), arrays_of(right), strict=True)
        )
    )


@settings(max_examples=200, deadline=None)
@given(matrices(), st.sampled_from(BOTH_WAYS))
def test_a_matrix_comes_back_array_for_array(matrix: Any, way: Callable[[Any], Any]) -> None:
    assert tag_of(matrix) == "scipy.sparse"
    back = way(matrix)
    assert same_matrix(matrix, back)
    assert (back.toarray() == matrix.toarray()).all()
    assert all(each.flags.writeable for each in arrays_of(back))


def test_large_ones_travel_in_bulk() -> None:
    matrix = sparse.random_array((2000, 3000), density=0.02, format="csr", rng=1)
    assert same_matrix(matrix, in_bulk(matrix))


def test_an_array_of_one_or_three_dimensions_travels() -> None:
    for shape in ((7,), (2, 3, 4)):
        dense = np.zeros(shape)
        dense.flat[2] = 5.0
        array = sparse.coo_array(dense)
        assert same_matrix(array, BOTH_WAYS[0](array))
    row = sparse.csr_array(np.array([0, 1, 0, 2]))
    assert same_matrix(row, BOTH_WAYS[0](row))


def test_formats_of_lists_and_dicts_are_left_to_the_pickle() -> None:
    assert tag_of(sparse.lil_array((3, 3))) == "pickle"
    assert tag_of(sparse.dok_array((3, 3))) == "pickle"


@pytest.mark.parametrize("form", FORMS)
def test_cut_payloads_are_refused(form: str) -> None:
    cut_short(sparse.random_array((40, 40), density=0.2, format=form, rng=1))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "fields",
    [
        {"shape": [HUGE, HUGE]},
        {"shape": [-1, 40]},
        {"shape": []},
        {"shape": [2, 2, 2, 2]},
        {"class": "lil_array"},
        {"class": "os_array"},
        {"class": 5},
        {"arrays": []},
        {"sizes": [HUGE]},
    ],
)
def test_heads_that_lie_are_refused(form: str, fields: Any) -> None:
    head, memory = taken_apart(sparse.random_array((40, 40), density=0.2, format=form, rng=1))
    if fields == {"shape": [HUGE, HUGE]} and form in ("coo", "dia"):
        fields = {"shape": [1, 1]} if form == "coo" else {"shape": [1]}  # theirs may be any
    refused("scipy.sparse", changed(head, **fields), memory)


@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "coo"])
@pytest.mark.parametrize("index", [-1, 40, 1 << 30])
def test_an_index_out_of_bounds_is_refused(form: str, index: int) -> None:
    matrix = sparse.random_array((40, 40), density=0.2, format=form, rng=1)
    (matrix.coords[1] if form == "coo" else matrix.indices)[3] = index
    head, memory = taken_apart(matrix)
    refused("scipy.sparse", head, memory)


@settings(max_examples=150, deadline=None)
@given(matrices(), st.data())
def test_damaged_payloads_are_a_matrix_or_a_typed_error(matrix: Any, data: st.DataObject) -> None:
    damage(matrix, data, (sparse.sparray, sparse.spmatrix))
