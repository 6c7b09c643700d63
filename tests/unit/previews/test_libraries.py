"""Previews of the values of libraries: right, small, and without a look at the whole."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blazen_nb.render.preview import PNG_BYTES, PNG_SIDE, Column, Preview, Row
from blazen_nb.shipping.previews.making import preview_of

NAN = float("nan")


def table(*rows: tuple[str, ...]) -> tuple[Row, ...]:
    """Rows, each its name and its cells."""
    return tuple(Row(row[0], row[1:]) for row in rows)


# --- numpy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.arange(4), "0, 1, 2, 3"),
        (np.arange(1000.0), "0, 1, 2, 3, 4, 5, 6, 7, ..., 997, 998, 999"),
        (np.array([NAN, np.inf, -np.inf, 0.1], "f4"), "nan, inf, -inf, 0.1"),
        (np.array([1 + 2j]), "(1+2j)"),
        (np.array(["2026-01-02"], "M8[D]"), "2026-01-02"),
        (np.array([True, False]), "True, False"),
        (np.array(["a", "b"]), "a, b"),
        (np.array([{"a": 1}, None], object), "{'a': 1}, None"),
        (np.array([(1, 2.5)], [("n", "i4"), ("x", "f8")]), "(1, 2.5)"),
        (np.ma.masked_array([1, 2], mask=[False, True]), "1, --"),
        (np.array(3.5), "3.5"),
        (np.float16(0.5), "0.5"),
    ],
)
def test_a_line_of_numbers_shows_its_first_and_last_ones(value: Any, text: str) -> None:
    assert preview_of(value) == Preview(text=text)


def test_a_matrix_shows_its_corner_and_how_much_is_left_out() -> None:
    made = preview_of(np.arange(200).reshape(10, 20))
    assert made.columns == tuple(Column(str(n)) for n in range(8))
    assert made.rows[1] == Row("1", tuple(str(20 + n) for n in range(8)))
    assert (len(made.rows), made.more_rows, made.more_columns) == (6, 4, 12)


def test_of_more_dimensions_the_first_matrix_shows() -> None:
    made = preview_of(np.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2))
    assert made.about == "[0, 0] of 2 x 3 x 2 x 2"
    assert made.rows == table(("0", "0", "1"), ("1", "2", "3"))
    assert preview_of(np.zeros((3, 0))) == Preview(about="empty")


def test_a_huge_array_is_not_looked_through(tmp_path: Path) -> None:
    for shape in [(10**12,), (10**6, 10**6), (10**4, 10**4, 10**4)]:
        made = preview_of(np.broadcast_to(np.float32(1), shape))
        assert "1" in (made.text or made.rows[0].cells[0])
    file = np.lib.format.open_memmap(
        tmp_path / "sparse.npy", mode="w+", dtype="u1", shape=(1 << 36,)
    )
    assert preview_of(file).text == "0, 0, 0, 0, 0, 0, 0, 0, ..., 0, 0, 0"


# --- torch ---------------------------------------------------------------------------------------------------


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is too large for the tests' environment")


def test_a_tensor_shows_what_an_array_shows(torch: Any) -> None:
    line = torch.arange(100, dtype=torch.bfloat16, requires_grad=True)
    assert preview_of(line).text == "0, 1, 2, 3, 4, 5, 6, 7, ..., 97, 98, 99"
    made = preview_of(torch.zeros(1, dtype=torch.float32).expand(10**5, 10**5))
    assert (made.rows[0].cells[0], made.more_rows) == ("0", 10**5 - 6)
    assert preview_of(torch.nn.Parameter(torch.ones(2))).text == "1, 1"
    assert preview_of(torch.tensor(0.25)).text == "0.25"
    assert preview_of(torch.ones(2).to(torch.float8_e4m3fn)).text == "1, 1"


def test_only_a_corner_of_a_tensor_is_copied_to_the_host(
    torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[int] = []
    cpu = torch.Tensor.cpu

    def counted(tensor: Any) -> Any:
        copied.append(tensor.numel())
        return cpu(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", counted)
    preview_of(torch.zeros(1000))
    preview_of(torch.zeros(100, 100))
    preview_of(torch.zeros(4, 100, 100))
    assert copied == [8, 3, 48, 48]


def test_a_tensor_that_has_no_numbers_to_slice_says_what_it_is(torch: Any) -> None:
    assert preview_of(torch.zeros(2, device="meta")).about == "no data: on meta"
    assert preview_of(torch.eye(2).to_sparse()).about == "sparse_coo"

    class Shared(torch.Tensor):  # type: ignore[misc]
        pass

    assert preview_of(torch.zeros(2).as_subclass(Shared)).about == "a kind of tensor of its own"


def test_a_module_shows_its_parts_and_counts_its_parameters(torch: Any) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    model[2].requires_grad_(False)
    made = preview_of(model)
    assert made.about == "21 parameters, 16 trained"
    assert made.rows == table(("0", "Linear", "16"), ("1", "ReLU", "0"), ("2", "Linear", "5"))


def test_a_state_dict_shows_names_types_and_shapes(torch: Any) -> None:
    made = preview_of(torch.nn.Linear(3, 4).state_dict())
    assert made.rows == table(("weight", "Tensor 4 x 3 float32"), ("bias", "Tensor 4 float32"))


# --- frames --------------------------------------------------------------------------------------------------


def test_a_pandas_frame_shows_its_head_with_types() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"n": range(100), "x": [0.125, NAN] * 50, "when": pandas.date_range("2026", periods=100)}
        | {f"more {n}": 0 for n in range(10)},
        index=[f"row {n}" for n in range(100)],
    )
    made = preview_of(frame)
    assert [column.name for column in made.columns[:3]] == ["n", "x", "when"]
    assert [column.dtype for column in made.columns[:2]] == ["int64", "float64"]
    assert made.rows[1].name == "row 1"
    assert made.rows[1].cells[:3] == ("1", "nan", "2026-01-02 00:00:00")
    assert (made.more_rows, made.more_columns) == (94, 5)
    empty = preview_of(frame.iloc[:0])
    assert (empty.about, empty.rows, empty.columns[0].name) == ("0 x 13", (), "n")


def test_pandas_series_and_indexes_show_their_first_items() -> None:
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([1.5, None], index=["a", "b"], name="price")
    assert preview_of(series) == Preview(
        columns=(Column("price", "float64"),), rows=table(("a", "1.5"), ("b", "nan"))
    )
    assert preview_of(pandas.Index([7, 8])).rows == table(("0", "7"), ("1", "8"))
    many = pandas.MultiIndex.from_product([range(1000), ["a", "b"]])
    assert preview_of(many).rows[1] == Row("1", ("(0, 'b')",))


def test_a_polars_frame_shows_its_head_and_a_query_does_not_run() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"n": range(10), "items": [[1, 2]] * 10, "text": ["x"] * 10})
    made = preview_of(frame)
    assert made.columns == (
        Column("n", "Int64"),
        Column("items", "List(Int64)"),
        Column("text", "String"),
    )
    assert made.rows[0].cells == ("0", "Series 2 Int64", "x")
    assert made.more_rows == 4
    assert preview_of(frame["n"]).rows[5] == Row("5", ("5",))

    def runs(_: Any) -> Any:
        raise AssertionError("it ran")

    query = frame.lazy().map_batches(runs)
    assert preview_of(query) == Preview(about="a query that has not run")


def test_arrow_tables_and_arrays_show_their_first_items() -> None:
    arrow = pytest.importorskip("pyarrow")
    table_ = arrow.table({"n": [1, None], "text": ["é" * 500, "b"], "items": [[1] * 9, []]})
    for value in (table_, table_.to_batches()[0]):
        made = preview_of(value)
        assert [column.dtype for column in made.columns] == ["int64", "string", "list<item: int64>"]
        assert made.rows[0].cells == ("1", "é" * 57 + "...", "[1, 1, 1, 1, ...]")
        assert made.rows[1].cells == ("null", "b", "[]")
    assert preview_of(arrow.array(range(10))).more_rows == 4
    assert preview_of(table_["text"]).rows[1].cells == ("b",)


# --- sparse matrices and images ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_a_sparse_matrix_shows_what_it_stores(form: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.zeros((4, 5))
    dense[1, 2], dense[3, 0], dense[3, 4] = 1.5, 2.0, 3.0
    made = preview_of(getattr(sparse, f"{form}_array")(dense))
    assert made.about == f"{form}, 3 stored"
    row, column = (
        [c.name for c in made.columns].index("row"),
        [c.name for c in made.columns].index("column"),
    )
    shown = {(r.cells[row], r.cells[column]): r.cells[2] for r in made.rows}
    assert shown == {("1", "2"): "1.5", ("3", "0"): "2", ("3", "4"): "3"}


def test_other_sparse_formats_say_which_they_are() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    assert preview_of(sparse.dia_array(np.eye(3))) == Preview(about="dia")


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I", "F", "I;16"])
def test_an_image_comes_as_a_small_png(mode: str) -> None:
    pil = pytest.importorskip("PIL.Image")
    image = pil.effect_noise((700, 350), 90).convert("RGB")
    image = pil.new(mode, (700, 350)) if mode == "I;16" else image.convert(mode)
    image.info["icc_profile"] = b"x" * 100_000
    made = preview_of(image)
    assert made.about == f"{mode}, 700 x 350 pixels"
    assert 0 < len(made.png) <= PNG_BYTES
    small = pil.open(BytesIO(made.png))
    assert max(small.size) <= PNG_SIDE
    assert small.size[0] == 2 * small.size[1]


def test_an_image_shows_its_own_colours() -> None:
    pil = pytest.importorskip("PIL.Image")
    image = pil.new("RGB", (2000, 2000), (200, 30, 10))
    image.paste((0, 0, 250), (1000, 0, 2000, 2000))
    small = pil.open(BytesIO(preview_of(image).png))
    assert small.getpixel((10, 10)) == (200, 30, 10)
    assert small.getpixel((small.width - 10, 10)) == (0, 0, 250)


def test_an_image_that_is_still_in_its_file_stays_there(tmp_path: Path) -> None:
    pil = pytest.importorskip("PIL.Image")
    pil.new("RGB", (20, 10)).save(tmp_path / "image.png")
    with pil.open(tmp_path / "image.png") as image:
        made = preview_of(image)
        assert made == Preview(about="RGB, 20 x 10 pixels, not read from its file yet")
        image.load()
        assert preview_of(image).png


# --- what it costs -------------------------------------------------------------------------------------------


def _long_list() -> Any:
    return list(range(2_000_000))


def _long_column() -> Any:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({f"c{n}": np.zeros(1_000_000) for n in range(4)})


def _long_text() -> Any:
    return "x" * 50_000_000


def _matrix() -> Any:
    return np.zeros((5000, 5000))


@pytest.mark.parametrize("make", [_long_list, _long_column, _long_text, _matrix])
def test_a_preview_takes_little_memory_however_large_the_value(make: Callable[[], Any]) -> None:
    value = make()
    preview_of(value)  # what is loaded once does not count
    tracemalloc.start()
    try:
        preview_of(value)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


def test_no_library_is_loaded_for_a_value_that_is_none_of_its() -> None:
    code = (
        "import sys; from blazen_nb.shipping.previews.making import preview_of\n"
        "preview_of({'a': [1.5, b'x', object()]})\n"
        "print(sorted({'numpy', 'torch', 'pandas', 'polars', 'pyarrow', 'PIL', 'scipy'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
