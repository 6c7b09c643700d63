"""What the steps of one run share: ``ctx.state`` (captured by value) and ``ctx.session`` (live objects)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from threading import RLock
from typing import Any

from blazen_nb.engine.refs import SessionRef
from blazen_nb.events import is_json


class _Namespace:
    """A dict with a lock, `[]`, `in`, get, set, remove, has and an awaitable twin of each."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._lock = RLock()

    def _captured(self, value: Any) -> Any:
        return value

    def _given(self, value: Any) -> Any:
        return value

    def set(self, key: str, value: Any) -> None:
        """Store the value under the key."""
        captured = self._captured(value)
        with self._lock:
            self._values[key] = captured

    def get(self, key: str, default: Any = None) -> Any:
        """The value of the key, else the default."""
        with self._lock:
            if key not in self._values:
                return default
            return self._given(self._values[key])

    def remove(self, key: str) -> Any:
        """Take the key out and return its value; None where it was not there."""
        with self._lock:
            return self._values.pop(key, None)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        with self._lock:
            return key in self._values

    def keys(self) -> list[str]:
        """The keys, in the order they were first set."""
        with self._lock:
            return list(self._values)

    def __getitem__(self, key: str) -> Any:
        with self._lock:
            return self._given(self._values[key])

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        with self._lock:
            del self._values[key]

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._values

    # Without __iter__ Python would ask for [0], and a loop over the keys would end in a KeyError.
    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"

    async def aset(self, key: str, value: Any) -> None:
        """As ``set``."""
        self.set(key, value)

    async def aget(self, key: str, default: Any = None) -> Any:
        """As ``get``."""
        return self.get(key, default)

    async def aremove(self, key: str) -> Any:
        """As ``remove``."""
        return self.remove(key)

    async def ahas(self, key: str) -> bool:
        """As ``has``."""
        return self.has(key)


class StateNamespace(_Namespace):
    """State of the run, captured when it is set: JSON and bytes by value, anything else stays the live object.

    What is read is a copy too: changing it changes nothing until it is set again.
    """

    def _captured(self, value: Any) -> Any:
        if isinstance(value, bytearray):
            return bytes(value)
        return copy.deepcopy(value) if is_json(value) else value

    def _given(self, value: Any) -> Any:
        return copy.deepcopy(value) if type(value) in (list, dict) and is_json(value) else value

    def set_bytes(self, key: str, value: bytes | bytearray) -> None:
        """Store a copy of the bytes."""
        self.set(key, bytes(value))

    def get_bytes(self, key: str, default: bytes | None = None) -> bytes | None:
        """The bytes under the key; the default where there are none."""
        value = self.get(key, default)
        return value if isinstance(value, bytes) else default

    async def aset_bytes(self, key: str, value: bytes | bytearray) -> None:
        """As ``set_bytes``."""
        self.set_bytes(key, value)

    async def aget_bytes(self, key: str, default: bytes | None = None) -> bytes | None:
        """As ``get_bytes``."""
        return self.get_bytes(key, default)

    def exported_refs(self) -> list[Any]:
        """The session refs among what ``exported`` gives."""
        with self._lock:
            return [
                value
                for key, value in self._values.items()
                if not key.startswith("_") and _is_kept(value)
            ]

    def captured(self) -> dict[str, Any]:
        """All values as they are kept; not to be changed."""
        with self._lock:
            return dict(self._values)

    def restore(self, values: dict[str, Any]) -> None:
        """Keep these values and no others."""
        with self._lock:
            self._values = dict(values)

    def exported(self) -> dict[str, Any]:
        """The JSON values and session refs, keys starting with ``_`` left out: ``WorkflowResult.state``."""
        with self._lock:
            return {
                key: copy.deepcopy(value)
                for key, value in self._values.items()
                if not key.startswith("_") and (is_json(value) or _is_kept(value))
            }


def _is_kept(value: Any) -> bool:
    return isinstance(value, SessionRef) and not value.is_dropped


class SessionNamespace(_Namespace):
    """Live objects of the run, by identity; they do not go into snapshots."""
