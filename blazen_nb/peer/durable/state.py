"""The state of a durable run: knows what has changed in it since it was last kept."""

from __future__ import annotations

from typing import Any

from blazen_nb.engine.state import StateNamespace
from blazen_nb.errors import JournalError
from blazen_nb.shipping.live import Gone


class KeptState(StateNamespace):
    """As every run's; a value that ended with the process before is an error for whoever reads it."""

    def __init__(self) -> None:
        super().__init__()
        self._changed: set[str] = set()

    def set(self, key: str, value: Any) -> None:
        """See StateNamespace."""
        captured = self._captured(value)
        with self._lock:
            self._values[key] = captured
            self._changed.add(key)

    def remove(self, key: str) -> Any:
        """See StateNamespace."""
        with self._lock:
            self._changed.add(key)
            return self._values.pop(key, None)

    def __delitem__(self, key: str) -> None:
        with self._lock:
            del self._values[key]
            self._changed.add(key)

    def _given(self, value: Any) -> Any:
        if isinstance(value, Gone):
            raise JournalError(
                f"this value of ctx.state was {value.what}, which ended with the process that made it; "
                "keep what a durable run needs as JSON, bytes, or anything that can be pickled under 1 MiB"
            )
        return super()._given(value)

    def take_changes(self) -> dict[str, tuple[Any, ...]]:
        """The keys that have changed since the last call, each with its value alone; without one where it is gone."""
        with self._lock:
            changed, self._changed = self._changed, set()
            return {key: (self._values[key],) if key in self._values else () for key in changed}
