"""How long to wait between two attempts to come back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 10.0


def pauses(draw: Callable[[], float] = random.random) -> Iterator[float]:
    """Seconds before each attempt: none before the first, then growing, and never the same for all who were cut off.

    Args:
        draw: A number in [0, 1).
    """
    yield 0.0
    longest = FIRST_SECONDS
    while True:
        yield longest * (0.5 + draw() / 2)
        longest = min(LONGEST_SECONDS, longest * 2)
