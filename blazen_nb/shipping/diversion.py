"""Leaves of a value that no codec writes: they name what is elsewhere, or gone, or whose bulk travels beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Leaf = tuple[str, bytes]
"""(codec tag, payload)"""

OpenLeaf = Callable[[str, bytes], Any]
"""Opens a leaf whose codec tag is in FOREIGN."""

REF = "ref"
"""The tag of a leaf that names a value on a peer."""
BUFFERS = "buffers"
"""The tag of a leaf whose bulk travels beside the value."""
LIVE = "live"
"""The tag of a leaf in the place of an object that could not be kept; its payload says what that was."""
FOREIGN = frozenset({REF, BUFFERS, LIVE})


class Diversion(Protocol):
    """Has its own way for some of a value's leaves."""

    largest_leaf: int | None
    """Codecs make no more bytes than this for one leaf."""

    def take(self, value: Any) -> Leaf | None:
        """The leaf for this object; None = a codec is to make it."""

    def take_rest(self, value: Any) -> Leaf | None:
        """The leaf for an object that no codec can write, or that is too large for one leaf; None = an error."""
