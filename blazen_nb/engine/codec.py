"""What the engine needs of the codec for values that JSON cannot hold; the codec itself lives in shipping."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol, cast

HOME = "blazen_nb.shipping.stored"


class Codec(Protocol):
    """Values as JSON trees, and back."""

    def store(self, value: Any) -> dict[str, Any]:
        """The value as a JSON object.

        Raises:
            SnapshotError: It cannot be stored; the message says which part.
        """

    def load(self, stored: dict[str, Any], *, trusted: bool) -> Any:
        """The value that ``store`` made this of.

        Args:
            trusted: What was pickled may be opened, which may run code of whoever made it.

        Raises:
            SnapshotError: It is damaged, or was pickled and is not trusted.
        """

    def needs_trust(self, stored: dict[str, Any]) -> bool:
        """Whether part of it was pickled."""


def value_codec() -> Codec:
    """The codec, loaded when a snapshot needs it.

    By name: shipping is a layer above, and a run without snapshots loads neither it nor pickle.
    """
    return cast("Codec", import_module(HOME))
