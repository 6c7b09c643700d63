"""What a value says of itself to those who have only a ref to it."""

from __future__ import annotations

from typing import Any

import pytest

from blazen_nb.shipping.described import Described, describe


class Tensor:
    """Looks like one of a GPU library."""

    shape = (2, 3)
    dtype = "torch.float16"
    device = "cuda:0"
    nbytes = 12


class Broken:
    @property
    def shape(self) -> Any:
        raise RuntimeError("not now")

    @property
    def dtype(self) -> Any:
        raise RuntimeError("not now either")

    nbytes = "many"
    device = None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Described(type_tag="json", type_name="NoneType")),
        ([1, {"a": 2.5}], Described(type_tag="json", type_name="list")),
        ((1, 2), Described(type_tag="pickle", type_name="tuple")),
        (b"abc", Described(type_tag="bytes", type_name="bytes", size=3)),
        ("abc", Described(type_tag="json", type_name="str", size=3)),
        (
            Tensor(),
            Described(
                type_tag="pickle",
                type_name=f"{__name__}.Tensor",
                shape=(2, 3),
                dtype="torch.float16",
                size=12,
                device="cuda:0",
            ),
        ),
        (Broken(), Described(type_tag="pickle", type_name=f"{__name__}.Broken")),
    ],
)
def test_a_value_is_described_as_far_as_it_answers(value: Any, expected: Described) -> None:
    assert describe(value) == expected


def test_a_list_that_contains_itself_is_described_too() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert describe(loop).type_tag == "pickle"


def test_arrays_and_tables_tell_their_shape_and_size() -> None:
    numpy = pytest.importorskip("numpy")
    about = describe(numpy.zeros((3, 4), dtype="int16"))
    assert (about.type_tag, about.shape, about.dtype, about.size) == (
        "ndarray",
        (3, 4),
        "int16",
        24,
    )
    assert describe(numpy.float32(1)).type_tag == "npscalar"
    assert describe(numpy.array([object()])).type_tag == "pickle"
    pandas = pytest.importorskip("pandas")
    table = describe(pandas.DataFrame({"a": numpy.arange(1000)}))
    assert table.shape == (1000, 1)
    assert table.size is not None
    assert table.size >= 8000
