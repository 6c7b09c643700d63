"""A sink that keeps everything, and the capture installed for one test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from blazen_nb.peer import capture


class Recorder:
    """Keeps what its step said and showed, in order."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []

    def write(self, stream: str, text: str) -> None:
        self.entries.append((stream, text))

    def display(
        self,
        action: str,
        data: dict[str, Any],
        metadata: dict[str, Any],
        display_id: str | None,
        wait: bool,
    ) -> None:
        self.entries.append((action, data, metadata, display_id, wait))

    def progress(self, label: str, done: float, total: float | None) -> None:
        self.entries.append(("progress", label, done, total))

    def text(self, stream: str) -> str:
        return "".join(entry[1] for entry in self.entries if entry[0] == stream)

    @property
    def stdout(self) -> str:
        return self.text("stdout")

    @property
    def stderr(self) -> str:
        return self.text("stderr")

    @property
    def displays(self) -> list[tuple[Any, ...]]:
        return [entry for entry in self.entries if entry[0] in {"display", "update", "clear"}]

    @property
    def bars(self) -> dict[str, tuple[float, float | None]]:
        """How far each one came."""
        return {entry[1]: entry[2:] for entry in self.entries if entry[0] == "progress"}

    @property
    def images(self) -> list[str]:
        return [d[1]["image/png"] for d in self.displays if "image/png" in d[1]]


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Decorates a test. No fixture: the test runner exchanges ``sys.stdout`` after the fixtures."""
    capture.install()
    try:
        yield
    finally:
        capture.uninstall()
