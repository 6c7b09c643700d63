"""Previews of Python's own values, and of classes whose code is hostile."""

from __future__ import annotations

import array
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import pytest

from blazen_nb.errors import BlazenError
from blazen_nb.render.preview import (
    LONGEST_CELL,
    LONGEST_TEXT,
    MOST_LINES,
    PNG_BYTES,
    Column,
    Preview,
    Row,
    bounded,
)
from blazen_nb.shipping.previews.making import preview_of
from blazen_nb.wire.preview_messages import preview_from, preview_message
from blazen_nb.wire.v1 import kernel_pb2 as pb

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (8).to_bytes(4, "big") * 2


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Batch:
    items: list[int]
    secret: int = field(default=0, repr=False)


class Plain:
    def __init__(self) -> None:
        self.rate = 0.1
        self.itself = self


def rows(value: Any) -> list[tuple[str, ...]]:
    """The rows of its preview: name and cells."""
    return [(row.name, *row.cells) for row in preview_of(value).rows]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": 1, 2: [1, 2, 3, 4, 5]}, [("a", "1"), ("2", "[1, 2, 3, 4, ...]")]),
        (OrderedDict(b=(1,)), [("b", "(1,)")]),
        (defaultdict(list, a=[]), [("a", "[]")]),
        (Counter("aab"), [("a", "2"), ("b", "1")]),
        (UserDict(a=1), [("a", "1")]),
        (ChainMap({"a": 1}), [("a", "1")]),
        ([1, "two", None], [("0", "1"), ("1", "'two'"), ("2", "None")]),
        (UserList([1]), [("0", "1")]),
        (deque([1]), [("0", "1")]),
        (array.array("d", [0.5]), [("0", "0.5")]),
        (range(5, 7), [("0", "5"), ("1", "6")]),
        ({7}, [("", "7")]),
        (Point(1, 2), [("x", "1"), ("y", "2")]),
        (Batch([1, 2]), [("items", "[1, 2]")]),
        (SimpleNamespace(a=1), [("a", "1")]),
        (Plain(), [("rate", "0.1"), ("itself", "<tests.unit.previews.test_plain.Plain>")]),
    ],
)
def test_a_container_shows_its_first_items(value: Any, shown: list[tuple[str, ...]]) -> None:
    assert rows(value) == shown


def test_what_is_left_out_of_a_container_is_counted() -> None:
    made = preview_of({n: n for n in range(1000)})
    assert (made.about, len(made.rows), made.more_rows) == ("1,000 items", 6, 994)
    assert preview_of(range(10**9)).more_rows == 10**9 - 6
    assert preview_of([]) == Preview(about="0 items")


def test_text_and_bytes_show_their_start() -> None:
    assert preview_of("short\ntext") == Preview(about="10 characters", text="short\ntext")
    long = preview_of("x" * 10**7)
    assert (long.about, len(long.text)) == ("10,000,000 characters", LONGEST_TEXT)
    assert long.text.endswith("x...")
    lines = preview_of("\n" * 500).text.split("\n")
    assert (len(lines), lines[-1]) == (MOST_LINES, "...")
    assert preview_of(b"\x00a") == Preview(about="2 bytes", text="b'\\x00a'")
    assert preview_of(bytearray(10**7)).text.endswith("\\x00' ...")
    assert preview_of(memoryview(b"abc")[::2]).about == "2 bytes"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "None"), (True, "True"), (1.5, "1.5"), (10**9, "1000000000"), (len, None)],
)
def test_other_values_show_what_they_say_of_themselves(value: Any, text: str | None) -> None:
    assert preview_of(value).text == (text or repr(value))


def test_an_int_of_many_digits_is_not_written_out() -> None:
    assert preview_of(1 << 10_000_000).text == "<int of 10,000,001 bits>"
    assert rows([1 << 10_000_000]) == [("0", "<int of 10,000,001 bits>")]


def test_a_list_that_contains_itself_ends() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert rows(loop) == [("0", "1"), ("1", "[1, [1, [...]]]")]


class Never:
    """Its list is too long to be written: the fifth one of it must not be."""


@pytest.fixture
def many() -> list[Any]:
    """A long list that cannot be written as a whole."""

    def too_far() -> str:
        raise AssertionError("it was written to its end")

    return [*[Never() for _ in range(10)], *[Hostile(too_far)] * 100_000]


def test_what_would_write_all_that_it_holds_does_not(many: list[Any]) -> None:
    class Holder:
        def __init__(self) -> None:
            self.many = many

        def __repr__(self) -> str:
            return repr(self.many)

    for value in (
        deque(many),
        dict.fromkeys(range(100_000)).keys(),
        MappingProxyType({"many": many}),
        Batch(many),
        SimpleNamespace(many=many),
        Holder(),
        ValueError(many),
        partial(print, many),
        Holder().__repr__,
    ):
        made = preview_of(value)
        assert made.about != "cannot be looked at"
        assert "Error" not in rows([value])[0][1].removeprefix("ValueError")
    never = "<tests.unit.previews.test_plain.Never>"
    assert rows(Holder()) == [("many", f"[{never}, <tests.unit.prev...")]


# --- hostile classes -----------------------------------------------------------------------------------------


class Hostile:
    """Its ``__repr__`` is a function of the test's."""

    def __init__(self, says: Callable[[], Any]) -> None:
        self.says = says

    def __repr__(self) -> str:
        return self.says()  # type: ignore[no-any-return]


class Text(str):
    """Text whose own slices are longer."""

    def __getitem__(self, _: Any) -> str:
        return "y" * 10_000_000


def fails() -> str:
    raise ValueError("secret")


def recurses() -> str:
    return repr(Hostile(recurses))


@pytest.mark.parametrize(
    ("says", "name"),
    [
        (fails, "ValueError"),
        (recurses, "RecursionError"),
        (lambda: 7, "TypeError"),
        (lambda: None, "TypeError"),
    ],
)
def test_a_repr_that_fails_is_told_of_by_the_errors_name(
    says: Callable[[], Any], name: str
) -> None:
    made = preview_of(Hostile(says))
    assert (made.about, made.text) == ("cannot be looked at", f"{name} was raised")
    assert rows([Hostile(says), 1])[1] == ("1", "1")
    assert rows([Hostile(says)]) == [("0", f"<Hostile: {name}>")]


def test_a_repr_that_is_enormous_is_cut() -> None:
    for says in (lambda: "x" * 10**7, lambda: Text("x" * 10**7)):
        assert preview_of(Hostile(says)).text == "x" * (LONGEST_TEXT - 3) + "..."
        assert rows({"a": Hostile(says)}) == [("a", "x" * (LONGEST_CELL - 3) + "...")]


def test_what_no_frame_could_carry_is_replaced() -> None:
    made = preview_of("a\ud800b\x1b[31m\u202e")
    assert made.text == "a?b"
    assert preview_from(preview_message(made)) == made
    assert rows({"\ud800": "\ud800"}) == [("?", "'\\ud800'")]


def test_attributes_that_fail_are_told_of() -> None:
    class Sly:
        @property
        def shape(self) -> tuple[int, ...]:
            raise KeyError("no")

    class Unsized(dict[str, int]):
        def __len__(self) -> int:
            raise BlazenError("no")

    assert rows([Sly()]) == [("0", "<Sly: KeyError>")]
    assert preview_of(Unsized(a=1)).text == "BlazenError was raised"


def test_an_array_of_an_unknown_library_is_not_written_out() -> None:
    class Array:
        nbytes = 8 << 30

        def __repr__(self) -> str:
            raise AssertionError("would copy all of it from the GPU")

    assert preview_of(Array()).text.endswith(".Array>")


# --- limits --------------------------------------------------------------------------------------------------

TOO_MUCH = Preview(
    about="é" * 10**6,
    text="é" * 10**6,
    columns=(Column("é" * 10**6, "é" * 10**6),) * 100,
    rows=(Row("é" * 10**6, ("é" * 10**6,) * 100),) * 100,
    more_rows=1 << 80,
    more_columns=-1,
    png=PNG + b"x" * (PNG_BYTES - len(PNG)),
)


def test_a_preview_is_a_few_kib_however_much_there_is() -> None:
    message = preview_message(bounded(TOO_MUCH))
    assert message.png
    assert message.ByteSize() < 40 << 10
    assert (message.more_rows, message.more_columns) == ((1 << 63) - 1, 0)


def test_what_a_peer_sends_is_cut_here_as_well() -> None:
    row = pb.PreviewRow(name="x" * 10**6, cells=["<b>" * 1000] * 100)
    sent = pb.Preview(about="x" * 10**6, text="x" * 10**6, rows=[row] * 50, more_rows=(1 << 64) - 1)
    assert preview_message(preview_from(sent)).ByteSize() < 10 << 10


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg onload='alert(1)'>",
        b"GIF89a" + PNG,
        PNG + b"x" * PNG_BYTES,
        PNG[:16],
        PNG[:16] + (60_000).to_bytes(4, "big") * 2,
        PNG[:16] + bytes(8),
    ],
)
def test_a_picture_that_is_no_small_png_is_left_out(data: bytes) -> None:
    assert preview_from(pb.Preview(png=data)).png == b""
    assert preview_from(pb.Preview(png=PNG)).png == PNG
