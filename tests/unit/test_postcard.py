from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazen_nb.errors import EncodeError
from blazen_nb.wire.postcard import Reader, Writer

A_UUID = UUID("6f1c2c52-8f7e-4a0b-9d6d-0123456789ab")


def written(write: Callable[[Writer], None]) -> bytes:
    writer = Writer()
    write(writer)
    return writer.finish()


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (16_384, "808001"),
        (2**32 - 1, "ffffffff0f"),
        (2**64 - 1, "ffffffffffffffffff01"),
    ],
)
def test_integers_are_varints_of_seven_bits_a_byte(value: int, encoded: str) -> None:
    assert written(lambda writer: writer.u64(value)).hex() == encoded
    assert Reader(bytes.fromhex(encoded)).u64() == value


@pytest.mark.parametrize("value", [-1, 2**32])
def test_an_integer_over_its_width_is_not_written(value: int) -> None:
    with pytest.raises(EncodeError, match="does not fit an unsigned integer of 32 bits"):
        Writer().u32(value)
    with pytest.raises(EncodeError, match="64 bits"):
        Writer().u64(value << 32)


@pytest.mark.parametrize(
    ("read", "encoded"),
    [
        (Reader.u32, "ffffffff1f"),
        (Reader.u32, "808080808000"),
        (Reader.u64, "ffffffffffffffffff02"),
        (Reader.u64, "8080808080808080808000"),
    ],
)
def test_an_integer_over_its_width_is_refused(read: Callable[[Reader], int], encoded: str) -> None:
    with pytest.raises(EncodeError, match=r"too long|is over"):
        read(Reader(bytes.fromhex(encoded)))


def test_padding_zeros_within_the_width_are_legal() -> None:
    assert Reader(b"\x80\x00").u32() == 0
    assert Reader(b"\x81\x80\x80\x80\x00").u32() == 1


def test_an_option_is_one_byte_or_one_byte_and_the_value() -> None:
    assert written(lambda writer: writer.option(None, writer.u64)) == b"\x00"
    assert written(lambda writer: writer.option(0, writer.u64)) == b"\x01\x00"
    assert Reader(b"\x01\x05").option(Reader(b"\x05").u64) == 5


@pytest.mark.parametrize("byte", [2, 0x80, 0xFF])
def test_a_byte_beyond_1_is_no_boolean_and_no_option(byte: int) -> None:
    with pytest.raises(EncodeError, match="0 or 1 must stand"):
        Reader(bytes([byte])).boolean()
    reader = Reader(bytes([byte, 0]))
    with pytest.raises(EncodeError, match="0 or 1 must stand"):
        reader.option(reader.u64)


def test_text_that_is_not_utf8_is_refused_with_its_place() -> None:
    with pytest.raises(EncodeError, match="not UTF-8 at byte 2"):
        Reader(b"\x02a\xff").text()


def test_a_lone_surrogate_is_not_written() -> None:
    with pytest.raises(EncodeError, match="UTF-8"):
        Writer().text("\ud800")


def test_a_uuid_of_another_length_is_refused() -> None:
    with pytest.raises(EncodeError, match="UUID of 15 bytes"):
        Reader(b"\x0f" + bytes(15)).uuid()


@pytest.mark.parametrize("count", [4, 2**32, 2**64 - 1])
def test_a_count_that_the_rest_cannot_hold_is_refused_before_any_entry_is_read(count: int) -> None:
    encoded = written(lambda writer: writer.u64(count)) + b"\x00\x00\x00"
    calls: list[int] = []
    with pytest.raises(EncodeError, match="entries announced"):
        Reader(encoded).sequence(lambda: calls.append(1))
    with pytest.raises(EncodeError, match="entries announced"):
        Reader(encoded).mapping(lambda: calls.append(1), lambda: calls.append(1))
    with pytest.raises(EncodeError, match="bytes announced"):
        Reader(encoded).blob()
    assert calls == []


def test_a_map_entry_takes_two_bytes_at_least() -> None:
    reader = Reader(b"\x02\x00\x00\x00")
    with pytest.raises(EncodeError, match="2 entries announced"):
        reader.mapping(reader.text, reader.text)


def test_bytes_after_the_last_field_stay_unread() -> None:
    reader = Reader(b"\x05\x01\x02\x03")
    assert reader.u32() == 5
    assert reader.remaining == 3


def write_all(writer: Writer, values: dict[str, Any]) -> None:
    writer.u32(values["u32"])
    writer.u64(values["u64"])
    writer.boolean(values["boolean"])
    writer.text(values["text"])
    writer.blob(values["blob"])
    writer.uuid(values["uuid"])
    writer.option(values["option"], writer.text)
    writer.sequence(values["sequence"], writer.text)
    writer.mapping(values["mapping"], writer.text, writer.blob)


def read_all(reader: Reader) -> dict[str, Any]:
    return {
        "u32": reader.u32(),
        "u64": reader.u64(),
        "boolean": reader.boolean(),
        "text": reader.text(),
        "blob": reader.blob(),
        "uuid": reader.uuid(),
        "option": reader.option(reader.text),
        "sequence": reader.sequence(reader.text),
        "mapping": reader.mapping(reader.text, reader.blob),
    }


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.fixed_dictionaries(
        {
            "u32": st.integers(0, 2**32 - 1),
            "u64": st.integers(0, 2**64 - 1),
            "boolean": st.booleans(),
            "text": TEXT,
            "blob": st.binary(),
            "uuid": st.uuids(),
            "option": st.none() | TEXT,
            "sequence": st.lists(TEXT).map(tuple),
            "mapping": st.dictionaries(TEXT, st.binary()),
        }
    )
)
def test_every_type_comes_back_as_it_was_written(values: dict[str, Any]) -> None:
    reader = Reader(written(lambda writer: write_all(writer, values)))
    assert read_all(reader) == values
    assert reader.remaining == 0


def test_a_struct_cut_at_any_byte_is_refused() -> None:
    values = {
        "u32": 300,
        "u64": 2**40,
        "boolean": True,
        "text": "größe",
        "blob": b"\x00\xff",
        "uuid": A_UUID,
        "option": "x",
        "sequence": ("a", "bc"),
        "mapping": {"k": b"v"},
    }
    whole = written(lambda writer: write_all(writer, values))
    for size in range(len(whole)):
        with pytest.raises(EncodeError, match="cut short"):
            read_all(Reader(whole[:size]))


@given(st.binary(max_size=200))
def test_junk_raises_encode_error_or_reads(junk: bytes) -> None:
    with contextlib.suppress(EncodeError):
        read_all(Reader(junk))
