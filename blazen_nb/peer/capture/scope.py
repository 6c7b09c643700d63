"""The scope of one running step, and the context variable that says to which one code belongs.

Every part of the capture asks ``current``; nothing here knows streams, IPython or matplotlib.
"""

from __future__ import annotations

import codecs
import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Literal, Protocol
from weakref import WeakKeyDictionary

from blazen_nb.updates import DisplayAction, StreamName

RoutedName = Literal["stdout", "stderr"]


class Sink(Protocol):
    """Where the output of one step goes; called from whichever thread the step's code runs on."""

    def write(self, stream: StreamName, text: str) -> None:
        """Text was printed or logged; not cut at line ends."""

    def display(
        self,
        action: DisplayAction,
        data: dict[str, Any],
        metadata: dict[str, Any],
        display_id: str | None,
        wait: bool,
    ) -> None:
        """A bundle was displayed or updated, or the output cleared; binary types are base64 str."""

    def progress(self, label: str, done: float, total: float | None) -> None:
        """A bar of this name is so far, of so much where that is known."""


class Scope:
    """One activation of a sink, with what has to be remembered until the step ends."""

    __slots__ = ("_decoders", "_warned", "bars", "figures", "redirects", "sink")

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.figures: OrderedDict[int, Any] = OrderedDict()
        """The step's own pyplot figures: number -> manager."""
        self.bars: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        """The step's open bars: bar -> name."""
        self.redirects: dict[RoutedName, list[Any]] = {}
        """Where the step's ``redirect_stdout`` and ``redirect_stderr`` lead, innermost last."""
        self._warned: set[tuple[str, type[Warning], str, int]] = set()
        self._decoders: dict[StreamName, codecs.IncrementalDecoder] = {}

    def write(self, stream: StreamName, text: str) -> None:
        """Hand text to the sink; what the sink itself prints meanwhile goes to the real stream."""
        # A sink that logs, or a __del__ that prints while it holds its lock, would come back here.
        token = current.set(None)
        try:
            self.sink.write(stream, text)
        finally:
            current.reset(token)

    def write_bytes(self, stream: StreamName, data: bytes) -> None:
        """Hand bytes to the sink as text; a character cut between two writes is put together."""
        decoder = self._decoders.get(stream)
        if decoder is None:
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            self._decoders[stream] = decoder
        text = decoder.decode(data)
        if text:
            self.write(stream, text)

    def display(
        self,
        action: DisplayAction,
        data: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        display_id: str | None = None,
        wait: bool = False,
    ) -> None:
        """Hand a display to the sink, under the same rule as ``write``."""
        with muted():
            self.sink.display(action, data or {}, metadata or {}, display_id, wait)

    def progress(self, label: str, done: float, total: float | None) -> None:
        """Hand over how far a bar is, under the same rule as ``write``."""
        with muted():
            self.sink.progress(label, done, total)

    def warns_first(self, key: tuple[str, type[Warning], str, int]) -> bool:
        """True the first time this step emits this warning at this place."""
        first = key not in self._warned
        self._warned.add(key)
        return first

    def end_text(self) -> None:
        """Hand over what is left of a character that was never completed."""
        for stream, decoder in self._decoders.items():
            rest = decoder.decode(b"", final=True)
            if rest:
                self.write(stream, rest)
        self._decoders.clear()


current: ContextVar[Scope | None] = ContextVar("blazen_nb_capture_scope", default=None)


@contextlib.contextmanager
def muted() -> Iterator[None]:
    """Code inside belongs to no step: its output goes to the real streams."""
    token = current.set(None)
    try:
        yield
    finally:
        current.reset(token)
