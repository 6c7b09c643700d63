"""Makes the preview of any value, whatever the value's own code does short of not returning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blazen_nb.render.preview import Preview, bounded
from blazen_nb.shipping.previews.arrays import numpy_preview, sparse_preview, tensor_preview
from blazen_nb.shipping.previews.frames import arrow_preview, pandas_preview, polars_preview
from blazen_nb.shipping.previews.images import image_preview
from blazen_nb.shipping.previews.models import module_preview
from blazen_nb.shipping.previews.plain import plain_preview

_BY_LIBRARY: dict[str, tuple[Callable[[Any], Preview | None], ...]] = {
    "numpy": (numpy_preview,),
    "torch": (tensor_preview, module_preview),
    "pandas": (pandas_preview,),
    "polars": (polars_preview,),
    "pyarrow": (arrow_preview,),
    "PIL": (image_preview,),
    "scipy": (sparse_preview,),
}
"""By the first part of the name of the module of a value's type, or of one that it is made from."""


def preview_of(value: Any) -> Preview:
    """A little of the value, within the limits of previews; where its code raises, a word about that instead."""
    try:
        return bounded(_of_a_library(value) or plain_preview(value))
    except Exception as error:  # its own code, or a step changes it at this moment
        return bounded(
            Preview(about="cannot be looked at", text=f"{type(error).__name__} was raised")
        )


def _of_a_library(value: Any) -> Preview | None:
    for kind in type(value).__mro__:
        for make in _BY_LIBRARY.get(str(kind.__module__).partition(".")[0], ()):
            made = make(value)
            if made is not None:
                return made
    return None
