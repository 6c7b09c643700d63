"""Whether outputs are to be the same at every execution: the one thing that pictures and texts ask their surroundings."""

from __future__ import annotations

import os

STATIC_VARIABLE = "BLAZEN_NB_STATIC"
"""The environment variable that asks for stable text and no widgets; empty counts as unset."""


def is_static() -> bool:
    """True where outputs are to be the same at every execution; read anew at each call."""
    return bool(os.environ.get(STATIC_VARIABLE, "").strip())
