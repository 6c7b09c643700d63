"""Images of Pillow: their pixels as they are, with palette and info."""

from __future__ import annotations

import base64
import sys
from typing import Any

from blazen_nb.shipping.codecs.library import library
from blazen_nb.shipping.codecs.protocol import Encoded, count_of

_BITS = {
    "1": 1,
    "L": 8,
    "P": 8,
    "LA": 16,
    "La": 16,
    "PA": 16,
    "I;16": 16,
    "I;16L": 16,
    "I;16B": 16,
    "RGB": 24,
    "YCbCr": 24,
    "LAB": 24,
    "HSV": 24,
    "RGBA": 32,
    "RGBa": 32,
    "RGBX": 32,
    "CMYK": 32,
    "I": 32,
    "F": 32,
}
"""Bits of a pixel by mode; rows begin at whole bytes."""
_PALETTES = {"RGB": 3, "RGBA": 4}
_LONGEST_EMPTY_SIDE = 1 << 16
"""Rows of no pixels have no bytes that would bound them."""
_DEEPEST = 8


class ImageCodec:
    """Any image, also one that a file is read into lazily: the frame that it shows, as a plain ``Image``."""

    tag = "pil"

    def claims(self, value: Any) -> bool:
        """See Codec."""
        image = sys.modules.get("PIL.Image")
        return image is not None and isinstance(value, image.Image) and value.mode in _BITS

    def encode(self, value: Any) -> Encoded | None:
        """See Codec."""
        value.load()
        palette = value.palette if value.mode in ("P", "PA") else None
        if palette is not None and palette.mode not in _PALETTES:
            return None
        try:
            info = _plain(dict(value.info), _DEEPEST)
        except ValueError:
            return None
        head = {"mode": value.mode, "size": list(value.size), "info": info}
        if palette is not None:
            colours = bytes(value.getpalette(palette.mode))
            head["palette"] = [palette.mode, base64.b64encode(colours).decode()]
        return Encoded(head, (memoryview(value.tobytes() if all(value.size) else b""),))

    def decode(self, head: Any, memory: memoryview) -> Any:
        """See Codec."""
        pil = library("PIL.Image", "an image")
        mode = head["mode"]
        width, height = (count_of(side, (1 << 31) - 1) for side in head["size"])
        if (width * _BITS[mode] + 7) // 8 * height != memory.nbytes:
            raise ValueError(f"{width} x {height} of {mode} do not fit {memory.nbytes:,} bytes")
        if not memory.nbytes and max(width, height) > _LONGEST_EMPTY_SIDE:
            raise ValueError("an empty image has too long a side")
        image = pil.new(mode, (width, height))
        if "palette" in head:
            _put_palette(image, *head["palette"])
        if memory.nbytes:
            image.frombytes(memory)
        image.info = _original(head["info"])
        if type(image.info) is not dict:
            raise ValueError("an image's info is no dict")
        return image

    def about(self, value: Any) -> dict[str, Any]:
        """See ``described``."""
        bands = len(value.getbands())
        shape = (value.height, value.width, bands)[: 3 if bands > 1 else 2]
        size = (value.width * _BITS[value.mode] + 7) // 8 * value.height
        return {"shape": shape, "dtype": value.mode, "size": size}


def _put_palette(image: Any, mode: str, colours: str) -> None:
    data = base64.b64decode(colours, validate=True)
    if image.mode not in ("P", "PA") or len(data) > 256 * _PALETTES[mode]:
        raise ValueError("a palette does not fit its image")
    image.putpalette(data, mode)


def _plain(value: Any, depth: int) -> Any:
    """JSON for what files say of themselves: text, numbers, bytes, tuples, lists, dicts with text as keys."""
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, str):  # texts of PNG files are of a class of their own
        return str(value)
    if type(value) is bytes:
        return {"$bytes": base64.b64encode(value).decode()}
    if depth and type(value) is tuple:
        return {"$tuple": [_plain(item, depth - 1) for item in value]}
    if depth and type(value) is list:
        return [_plain(item, depth - 1) for item in value]
    if depth and type(value) is dict:
        items = [[_plain(key, 0), _plain(item, depth - 1)] for key, item in value.items()]
        return {"$dict": items}
    raise ValueError("not plain")


def _original(plain: Any) -> Any:
    if type(plain) is list:
        return [_original(item) for item in plain]
    if type(plain) is not dict:
        return plain
    ((kind, content),) = plain.items()
    if kind == "$bytes":
        return base64.b64decode(content, validate=True)
    if kind == "$tuple":
        return tuple(_original(item) for item in content)
    if kind == "$dict":
        return {_original(key): _original(item) for key, item in content}
    raise ValueError("an image's info is damaged")
