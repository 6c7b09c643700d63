"""Several memories as one, each at an offset that every type of number can lie at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from blazen_nb.shipping.codecs.protocol import count_of

ALIGNMENT = 64
"""What Arrow and vector instructions like."""


def joined(parts: Iterable[tuple[memoryview, ...]]) -> tuple[list[int], tuple[memoryview, ...]]:
    """The size of each part, and the pieces of all of them with zeros between."""
    sizes: list[int] = []
    pieces: list[memoryview] = []
    for part in parts:
        size = sum(piece.nbytes for piece in part)
        sizes.append(size)
        pieces += part
        if size % ALIGNMENT:
            pieces.append(memoryview(bytes(ALIGNMENT - size % ALIGNMENT)))
    return sizes, tuple(pieces)


def parted(sizes: Any, memory: memoryview) -> list[memoryview]:
    """The parts again.

    Raises:
        ValueError: Sizes and memory do not belong together.
    """
    parts: list[memoryview] = []
    at = 0
    for size in list(sizes):
        parts.append(memory[at : at + count_of(size)])
        at += size + -size % ALIGNMENT
    if at != memory.nbytes:
        raise ValueError(f"parts of {at:,} bytes do not fit {memory.nbytes:,}")
    return parts
