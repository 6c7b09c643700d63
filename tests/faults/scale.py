"""How large the tests of faults are: small ones run always, the full ones where BLAZEN_NB_FAULTS=full asks for them."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")


def scale(small: T, full: T) -> T:
    """The small figure, or the full one."""
    return full if os.environ.get("BLAZEN_NB_FAULTS") == "full" else small
