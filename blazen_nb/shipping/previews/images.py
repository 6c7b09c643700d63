"""Previews of Pillow images: mode, size and a small copy as PNG."""

from __future__ import annotations

import sys
from contextlib import suppress
from io import BytesIO
from typing import Any

from blazen_nb.render.preview import PNG_BYTES, Preview

_SIDES = (160, 112, 80, 56)
"""Of the small copy, in pixels: the first whose file is small enough."""
_FINER = 3
_DIRECTLY = ("L", "RGB", "RGBA")
_NUMBERS = ("I", "F", "I;16", "I;16L", "I;16B")


def image_preview(value: Any) -> Preview | None:
    """The preview of an image; what is not read from its file yet is left there."""
    pil = sys.modules.get("PIL.Image")
    if pil is None or not isinstance(value, pil.Image):
        return None
    about = f"{value.mode}, {value.width:,} x {value.height:,} pixels"
    if getattr(value, "tile", None):
        return Preview(about=f"{about}, not read from its file yet")
    png = b""
    with suppress(OSError, ValueError):  # modes that Pillow does not convert
        png = _small_copy(pil, value)
    return Preview(about=about, png=png)


def _small_copy(pil: Any, value: Any) -> bytes:
    if not all(value.size):
        return b""
    for side in _SIDES:
        size = _within(value.size, side)
        # Every so many pixels first: to take the mean of all would mean to read all.
        sampled = value.resize(_within(value.size, _FINER * side), pil.Resampling.NEAREST)
        small = _shown(sampled).resize(size, pil.Resampling.BOX)
        small.info = {}  # a colour profile would be written along
        file = BytesIO()
        small.save(file, "PNG", optimize=False)
        if file.tell() <= PNG_BYTES:
            return file.getvalue()
    return b""


def _within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size, made smaller where it is larger, in the same proportion."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _shown(image: Any) -> Any:
    if image.mode in _NUMBERS:
        image = image.convert("F" if image.mode == "F" else "I")
        low, high = image.getextrema()
        scale = 255 / (high - low) if high > low else 0.0
        return image.point(lambda number: number * scale - low * scale).convert("L")
    if image.mode in _DIRECTLY:
        return image
    has_alpha = image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")
