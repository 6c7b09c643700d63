"""The table of codecs: users' own ones, tags that are taken or not known, and what is loaded when."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from blazen_nb import ValidationError, register_codec
from blazen_nb.errors import EncodeError
from blazen_nb.shipping.codecs import registry
from blazen_nb.shipping.described import describe
from tests.unit.codecs.crossing import BOTH_WAYS, inline, opened, tag_of

LIBRARIES = {"numpy", "pandas", "pyarrow", "polars", "torch", "PIL", "scipy", "cloudpickle"}


class Samples:
    """A type of a user's own that is mostly memory."""

    def __init__(self, rate: int, data: bytearray) -> None:
        self.rate = rate
        self.data = data


class SamplesCodec:
    tag = "samples"

    def claims(self, value: Any) -> bool:
        return type(value) is Samples

    def encode(self, value: Any) -> Any:
        return {"rate": value.rate}, [value.data]

    def decode(self, head: Any, memory: memoryview) -> Any:
        return Samples(head["rate"], bytearray(memory))


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    register_codec(SamplesCodec())


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("size", [0, 5, 1 << 20])
def test_a_value_of_a_registered_type_travels_without_a_pickle(size: int) -> None:
    for way in BOTH_WAYS:
        (back,) = way([Samples(44_100, bytearray(b"x" * size))])
        assert (back.rate, back.data) == (44_100, b"x" * size)
    assert describe(Samples(1, bytearray())).type_tag == "samples"


@pytest.mark.usefixtures("registered")
def test_a_codec_that_passes_leaves_the_value_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SamplesCodec, "encode", lambda self, value: None)
    assert tag_of(Samples(1, bytearray())) == "pickle"


@pytest.mark.usefixtures("registered")
def test_a_users_codec_is_asked_before_those_that_come_along() -> None:
    class RoundedCodec:
        tag = "rounded"

        def claims(self, value: Any) -> bool:
            return type(value) is np.float64

        def encode(self, value: Any) -> Any:
            return round(float(value)), ()

        def decode(self, head: Any, memory: memoryview) -> Any:
            return np.float64(head)

    register_codec(RoundedCodec())
    assert inline([np.float64(1.7), np.float32(1.5)]) == [2.0, 1.5]


@pytest.mark.usefixtures("registered")
def test_a_tag_that_is_taken_is_refused_unless_the_same_class_comes_again() -> None:
    register_codec(SamplesCodec())

    class Other(SamplesCodec):
        pass

    with pytest.raises(ValidationError, match=r"'samples' is taken by .*SamplesCodec"):
        register_codec(Other())


@pytest.mark.parametrize(
    "tag", ["json", "bytes", "pickle", "ref", "buffers", "ndarray", "npscalar", "cloudpickle-3.11"]
)
def test_the_packages_own_tags_are_refused(tag: str) -> None:
    codec = SamplesCodec()
    codec.tag = tag
    with pytest.raises(ValidationError, match="blazen_nb's own"):
        register_codec(codec)


@pytest.mark.parametrize("tag", ["", "a\nb", "x" * 65, 5, None])
def test_a_tag_that_is_no_name_is_refused(tag: Any) -> None:
    codec = SamplesCodec()
    codec.tag = tag
    with pytest.raises(ValidationError, match="printable text"):
        register_codec(codec)


def test_a_codec_without_its_methods_is_refused() -> None:
    class Half:
        tag = "half"

        def claims(self, value: Any) -> bool:
            return False

    with pytest.raises(ValidationError, match="no encode and no decode"):
        register_codec(Half())  # type: ignore[arg-type]


def test_a_tag_that_this_side_does_not_know_is_named() -> None:
    with pytest.raises(EncodeError, match=r"'martian'.*register_codec\(\)"):
        opened("martian", {})


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("payload", [None, [], {"rat": 1}])
def test_what_a_users_codec_raises_becomes_a_typed_error(payload: Any) -> None:
    with pytest.raises(EncodeError, match="'samples' is damaged"):
        opened("samples", payload)


def test_a_codec_whose_type_raises_when_asked_names_the_place(
    monkeypatch: pytest.MonkeyPatch, registered: None
) -> None:
    def fails(self: Any, value: Any) -> bool:
        raise RuntimeError("not today")

    monkeypatch.setattr(SamplesCodec, "claims", fails)
    with pytest.raises(EncodeError, match=r"\['a'\].*not today"):
        inline({"a": Fraction(1, 2)})


PROBE = """
import sys
import blazen_nb
from blazen_nb import register_codec
from blazen_nb.shipping.bulk import encode_bulk
from blazen_nb.shipping.values import decode, encode
value = {"a": [1, 2.5, "x", b"bytes", None], "b": (1, 2), "c": {1: {3}}}
assert decode(encode(value), trusted=False) == value
encode_bulk(value)
print("\\n".join(sys.modules))
"""


def test_plain_values_load_no_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=20, check=True
    )
    assert not {name.partition(".")[0] for name in done.stdout.split()} & LIBRARIES
