"""Images: the same pixels, palette and info again; no size that lies is allocated."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blazen_nb.shipping.described import describe
from tests.unit.codecs.crossing import BOTH_WAYS, in_bulk, inline, tag_of, taken_apart
from tests.unit.codecs.hostile import HUGE, changed, cut_short, damage, refused

Image = pytest.importorskip("PIL.Image")

MODES = [
    *("1", "L", "P", "LA", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "LAB"),
    *("HSV", "I", "F", "I;16", "I;16L", "I;16B"),
]

infos = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)


@st.composite
def images(draw: st.DrawFn) -> Any:
    mode = draw(st.sampled_from(MODES))
    size = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    image = Image.new(mode, size)
    if all(size):
        count = len(image.tobytes())
        raw = draw(st.binary(min_size=count, max_size=count))
        if mode != "1":  # bits beyond a row's end are nobody's
            image.frombytes(raw)
    if mode in ("P", "PA"):
        palette = draw(st.sampled_from(["RGB", "RGBA"]))
        colours = draw(st.integers(1, 256))
        image.putpalette([value % 251 for value in range(colours * len(palette))], palette)
    image.info = draw(st.dictionaries(st.text(), infos, max_size=3))
    return image


def same_image(left: Any, right: Any) -> bool:
    def palette(image: Any) -> Any:
        return image.palette and (image.palette.mode, image.getpalette(image.palette.mode))

    return (
        (left.mode, left.size, left.info) == (right.mode, right.size, right.info)
        and (not all(left.size) or left.tobytes() == right.tobytes())
        and palette(left) == palette(right)
    )


@settings(max_examples=250, deadline=None)
@given(images(), st.sampled_from(BOTH_WAYS))
def test_an_image_comes_back_pixel_for_pixel(image: Any, way: Callable[[Any], Any]) -> None:
    assert tag_of(image) == "pil"
    back = way([image])[0]
    assert same_image(image, back)
    if all(image.size):
        back.putpixel((0, 0), back.getpixel((0, 0)))


def test_black_and_white_keeps_every_pixel() -> None:
    image = Image.effect_noise((77, 33), 90).convert("1")
    assert same_image(image, inline(image))


@pytest.mark.parametrize("form", ["PNG", "GIF", "TIFF", "BMP", "WEBP"])
def test_an_image_of_a_file_arrives_as_the_image_that_it_shows(form: str) -> None:
    file = io.BytesIO()
    Image.effect_noise((300, 400), 90).convert("RGB").save(file, form)
    image = Image.open(io.BytesIO(file.getvalue()))
    back = in_bulk({"image": image})["image"]
    assert type(back) is Image.Image
    assert back.tobytes() == image.tobytes()
    assert back.info == image.info
    assert back.convert("RGB").getpixel((5, 7)) == image.convert("RGB").getpixel((5, 7))


def test_info_that_is_no_plain_data_is_left_to_the_pickle() -> None:
    image = Image.new("L", (2, 2))
    for what in (1 + 2j, object(), {1, 2}):
        image.info["what"] = what
        assert tag_of(image) == "pickle"


def test_a_ref_tells_the_size_and_mode_of_an_image() -> None:
    about = describe(Image.new("RGB", (20, 10)))
    assert (about.type_tag, about.type_name) == ("pil", "PIL.Image.Image")
    assert (about.shape, about.dtype, about.size) == ((10, 20, 3), "RGB", 600)
    assert describe(Image.new("1", (20, 10))).shape == (10, 20)


@pytest.mark.parametrize("mode", ["RGB", "P", "1"])
def test_cut_payloads_are_refused(mode: str) -> None:
    cut_short(Image.effect_noise((40, 40), 90).convert(mode))


@pytest.mark.parametrize(
    "fields",
    [
        {"size": [HUGE, 1]},
        {"size": [1 << 30, 1 << 30]},
        {"size": [0, (1 << 31) - 1]},
        {"size": [-20, -20]},
        {"size": [20]},
        {"size": [20.0, 20]},
        {"mode": "RGB"},
        {"mode": "XYZ"},
        {"mode": ["P"]},
        {"palette": ["CMYK", ""]},
        {"palette": ["RGB", "é"]},
        {"palette": ["RGB", "A" * 10_000]},
        {"info": None},
        {"info": {"$bytes": "!"}},
        {"info": {"a": 1, "b": 2}},
        {"info": {"$dict": [1]}},
    ],
)
def test_heads_that_lie_are_refused(fields: Any) -> None:
    head, memory = taken_apart(Image.effect_noise((20, 20), 90).convert("P"))
    refused("pil", changed(head, **fields), memory if "size" not in fields else b"")


@settings(max_examples=150, deadline=None)
@given(images(), st.data())
def test_damaged_payloads_are_an_image_or_a_typed_error(image: Any, data: st.DataObject) -> None:
    damage(image, data, Image.Image)
