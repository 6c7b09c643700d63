"""Values inside a snapshot: JSON as it is, other leaves as base64 under their codec tags."""

from __future__ import annotations

import base64
import json
from typing import Any

from blazen_nb.errors import BlazenError, ShippingError, SnapshotError
from blazen_nb.shipping.pickling import is_pickle
from blazen_nb.shipping.values import EncodedValue, decode, encode


class _EveryName:
    """Classes of ``__main__`` go by name: the process that resumes has the steps, and their classes with them."""

    def __contains__(self, name: object) -> bool:
        return True


def store(value: Any) -> dict[str, Any]:
    """See ``engine.codec.Codec``."""
    try:
        encoded = encode(value, named=_EveryName())
    except BlazenError as error:
        raise SnapshotError(str(error)) from error
    stored: dict[str, Any] = {"json": json.loads(encoded.json)}
    if encoded.leaves:
        stored["leaves"] = [
            [tag, base64.b64encode(payload).decode()] for tag, payload in encoded.leaves
        ]
    return stored


def load(stored: dict[str, Any], *, trusted: bool) -> Any:
    """See ``engine.codec.Codec``."""
    if not trusted and needs_trust(stored):
        raise SnapshotError(
            "the snapshot holds pickled values, and opening them can run code of whoever wrote it. Pass trusted=True "
            "where it is your own file; or keep to JSON, bytes and arrays, which need no trust"
        )
    leaves = tuple((tag, base64.b64decode(payload)) for tag, payload in stored.get("leaves", ()))
    text = json.dumps(stored["json"]).encode()
    try:
        return decode(EncodedValue(text, leaves), trusted=trusted)
    except ShippingError as error:
        raise SnapshotError(f"a value of the snapshot cannot be opened here: {error}") from error


def needs_trust(stored: dict[str, Any]) -> bool:
    """See ``engine.codec.Codec``."""
    return any(is_pickle(tag) for tag, _ in stored.get("leaves", ()))
