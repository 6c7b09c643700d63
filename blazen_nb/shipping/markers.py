"""What stands in a value's JSON for what JSON cannot give back exactly: a dict with one key.

{"$leaf": 3}            the fourth leaf, bytes under a codec tag
{"$tuple": [...]}       also "$set" and "$frozenset"
{"$dict": [[k, v]...]}  a dict with keys that are not str, or one that looks like a marker
"""

from __future__ import annotations

from typing import Any

from blazen_nb.errors import EncodeError

MARKERS = frozenset({"$leaf", "$tuple", "$set", "$frozenset", "$dict"})


class MarkedReader:
    """Puts leaves and containers in the place of their markers."""

    def __init__(self, leaves: list[Any]) -> None:
        self._leaves = leaves

    def unmark(self, found: dict[str, Any]) -> Any:
        """What the dict stands for; itself where it is no marker.

        Raises:
            EncodeError: It is a damaged one.
        """
        if len(found) != 1:
            return found
        ((marker, content),) = found.items()
        match marker:
            case "$leaf":
                if type(content) is not int or not 0 <= content < len(self._leaves):
                    raise EncodeError("a value that arrived names a leaf that did not")
                return self._leaves[content]
            case "$tuple":
                return tuple(_list(content))
            case "$set":
                return set(_list(content))
            case "$frozenset":
                return frozenset(_list(content))
            case "$dict":
                return {key: item for key, item in _list(content)}  # noqa: C416  checks for pairs
        return found


def _list(content: Any) -> list[Any]:
    if type(content) is not list:
        raise EncodeError("a value that arrived has a marker without a list")
    return content
