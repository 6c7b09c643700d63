"""Text that a step prints, logs or warns: routers in place of ``sys.stdout`` and ``sys.stderr``.

Only the two objects in ``sys`` and the logging handlers that hold them are replaced: code that
kept an older reference to a stream, and what writes to the file descriptors 1 and 2, speaks to
no step (``descriptors`` brings the latter to a peer's log). Displays and figures are not known here.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

from blazen_nb.peer.capture.patches import Patches
from blazen_nb.peer.capture.scope import RoutedName, Scope, current

_NAMES: tuple[RoutedName, RoutedName] = ("stdout", "stderr")


class StreamRouter(io.TextIOBase):
    """A text stream: inside a step its text goes to the step's sink, else to the real stream."""

    def __init__(self, name: RoutedName, real: Any) -> None:
        self._name: RoutedName = name
        self._real = real
        self._bytes = _BytesRouter(name, real)

    def write(self, text: str, /) -> int:
        """Text written, to the step or to the real stream."""
        scope = current.get()
        if scope is None:
            return int(self._real.write(text) or 0)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        target = self.target_in(scope) if scope.redirects else self._name
        if target == "stdout" or target == "stderr":
            if text:
                scope.write(target, text)
        else:
            target.write(text)
        return len(text)

    def target_in(self, scope: Scope) -> Any:
        """Where the step has this stream lead: an object with ``write``, or a stream's name."""
        redirects = scope.redirects.get(self._name)
        return redirects[-1] if redirects else self._name

    def flush(self) -> None:
        """Outside a step the real stream is flushed; a sink has nothing to flush."""
        if current.get() is None and not self._real.closed:
            self._real.flush()

    def close(self) -> None:
        """The stream belongs to the peer: a step, or the collector, that closes it only flushes."""
        self.flush()

    def isatty(self) -> bool:
        """False inside a step, whatever the peer itself writes to."""
        return current.get() is None and bool(self._real.isatty())

    def writable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The real stream's descriptor; what is written to it is not captured."""
        return int(self._real.fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The real stream's."""
        return getattr(self._real, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """The real stream's."""
        return getattr(self._real, "errors", None)

    @property
    def buffer(self) -> Any:
        """Inside a step a binary stream that ends in the step's text, else the real one."""
        return self._real.buffer if current.get() is None else self._bytes

    def __getattr__(self, name: str) -> Any:
        if name == "_real":
            raise AttributeError(name)
        return getattr(self._real, name)


class _BytesRouter(io.BufferedIOBase):
    def __init__(self, name: RoutedName, real: Any) -> None:
        self._name: RoutedName = name
        self._real = real

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        scope = current.get()
        if scope is None:
            return int(self._real.buffer.write(data))
        raw = bytes(data)
        scope.write_bytes(self._name, raw)
        return len(raw)


def leads_to_step(stream: Any, scope: Scope) -> bool:
    """Whether what the step writes to this stream ends in its output."""
    return isinstance(stream, StreamRouter) and isinstance(stream.target_in(scope), str)


def route_streams(patches: Patches) -> None:
    """Replace ``sys.stdout`` and ``sys.stderr``, also in handlers of ``logging`` made earlier."""
    for name in _NAMES:
        _route_stream(name, patches)


def _route_stream(name: RoutedName, patches: Patches) -> None:
    real = getattr(sys, name)
    router = StreamRouter(name, real)
    patches.attribute(sys, name, router)
    repoint_handlers(real, router)
    # At the end handlers that were made meanwhile get the real stream back, too.
    patches.on_undo(lambda: repoint_handlers(router, real))


def repoint_handlers(old: Any, new: Any) -> None:
    """Handlers of ``logging`` that write to the old stream write to the new one."""
    for handler in _stream_handlers():
        if handler.stream is old:
            handler.setStream(new)


def _stream_handlers() -> Iterator[logging.StreamHandler[Any]]:
    known = list(logging.root.manager.loggerDict.values())
    for logger in [logging.root, *known]:
        if isinstance(logger, logging.Logger):
            yield from (h for h in logger.handlers if isinstance(h, logging.StreamHandler))


class _StepRedirects(list[Any]):
    """The redirects of one stream in one step; the type tells them from a stream to put back."""


def route_redirects(patches: Patches) -> None:
    """Keep ``redirect_stdout`` and ``redirect_stderr`` of a step to that step.

    They exchange ``sys.stdout`` for the whole process: two steps that overlap would print into each
    other's target, and the one that leaves last would put the wrong stream back for good.
    """
    base: Any = redirect_stdout.__mro__[1]
    enter, leave = base.__enter__, base.__exit__

    def enter_step(block: Any) -> Any:
        scope = current.get()
        if scope is None:
            return enter(block)
        target = block._new_target
        redirects = scope.redirects.setdefault(block._stream, _StepRedirects())
        # A router as the target is resolved now: it would lead back to itself.
        redirects.append(target.target_in(scope) if isinstance(target, StreamRouter) else target)
        block._old_targets.append(redirects)
        return target

    def leave_step(block: Any, *error: Any) -> None:
        redirects = block._old_targets[-1]
        if isinstance(redirects, _StepRedirects):
            block._old_targets.pop()
            redirects.pop()
        else:
            leave(block, *error)

    patches.attribute(base, "__enter__", enter_step)
    patches.attribute(base, "__exit__", leave_step)
