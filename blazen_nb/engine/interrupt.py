"""How Python code that does not look at ``ctx.cancelled`` is stopped: an exception raised in its thread.

CPython delivers such an exception between two bytecodes; code inside one long C call sees it on return.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

_set_async_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc
_set_async_exc.argtypes = (ctypes.c_ulong, ctypes.py_object)
_NOTHING = ctypes.py_object()
"""NULL, which takes a pending exception back; None would be raised as one."""


class StepCancelled(KeyboardInterrupt):
    """Raised in a step's thread to stop it; code that handles a local interrupt handles this one too."""


class _Here(threading.local):
    segment: Segment | None = None
    """The innermost segment that this thread is in."""


_here = _Here()


class Segment:
    """A stretch of synchronous user code on one thread that may be interrupted, and only it."""

    __slots__ = (
        "_holds",
        "_lock",
        "_outer",
        "_raised",
        "_swallowed",
        "_thread",
        "_wanted",
        "entered_at",
    )

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._outer: Segment | None = None
        self._raised = False
        self._swallowed = False
        """What was raised has hit code that lets nothing through, a finalizer or a weak reference's callback."""
        self._holds = 0
        self._wanted = False
        """An interrupt came during a hold and is due at its end."""
        self.entered_at = 0.0
        """``time.monotonic()`` of the last enter; 0 while nobody is inside."""

    def interrupt(self) -> bool:
        """Raise StepCancelled in the code inside; False where nobody is inside or it was already raised.

        One that Python swallowed in a finalizer counts as not raised.
        """
        _notice_swallowed()
        with self._lock:
            if self._swallowed:
                self._raised = self._swallowed = False
            if self._thread is None or self._raised or self._wanted:
                return False
            if self._holds:
                self._wanted = True
            else:
                self._raised = True
                _set_async_exc(self._thread, StepCancelled)
            return True

    def hold(self) -> None:
        """From now on an interrupt waits for release(); for the engine's own code, on the segment's thread."""
        with self._lock:
            self._holds += 1

    def release(self) -> bool:
        """End a hold; True where an interrupt came meanwhile and is due now."""
        with self._lock:
            self._holds -= 1
            due = self._wanted and not self._holds
            if due:
                self._wanted, self._raised = False, True
            return due

    def enter(self) -> None:
        """The calling thread starts user code."""
        self.entered_at = time.monotonic()
        self._outer, _here.segment = _here.segment, self
        self._thread = threading.get_ident()

    def leave(self) -> None:
        """The user code is over; an interrupt that was raised but not yet delivered is taken back."""
        with self._lock:
            thread, self._thread = self._thread, None
            self.entered_at = 0.0
            if thread is None:
                return
            _here.segment, self._outer = self._outer, None
            if self._raised:
                _set_async_exc(thread, _NOTHING)
            self._raised = self._wanted = self._swallowed = False
            self._holds = 0

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """The function's result, interruptible.

        Raises:
            StepCancelled: It was interrupted.
        """
        try:
            self.enter()
            try:
                return function(*args)
            finally:
                args = ()  # the exception's frames must not hold the exception that was thrown in
                self.leave()
        except StepCancelled:
            self.leave()  # the interrupt may have hit leave() itself
            raise


def _notice_swallowed() -> None:
    """Have Python tell when it swallows a StepCancelled, which nothing else would: the hook is in place."""
    before = sys.unraisablehook
    if getattr(before, "notices_swallowed", False):
        return

    def hook(unraisable: sys.UnraisableHookArgs, /) -> None:
        if not issubclass(unraisable.exc_type, StepCancelled):
            before(unraisable)
            return
        # No lock: this may be the thread that holds it.
        segment = _here.segment
        while segment is not None:
            segment._swallowed = segment._raised
            segment = segment._outer

    hook.notices_swallowed = True  # type: ignore[attr-defined]  # so that it is put in place only once
    sys.unraisablehook = hook


class uninterrupted:  # noqa: N801 - used as a verb: with uninterrupted():
    """Within the block an interrupt of the step that called waits: for code that must not be left half done.

    Outside of a step it does nothing. StepCancelled is raised at the end of the block where an interrupt came.
    """

    __slots__ = ("_segment",)

    def __enter__(self) -> None:
        segment = self._segment = _here.segment
        while (
            segment is not None
        ):  # a step may run a workflow, and that its steps, on the same thread
            segment.hold()
            segment = segment._outer

    def __exit__(self, *_: object) -> None:
        due = False
        segment = self._segment
        while segment is not None:
            due |= segment.release()
            segment = segment._outer
        if due:
            raise StepCancelled


class guarded:  # noqa: N801 - used as a verb: await guarded(coroutine, segment)
    """Awaits a coroutine inside its task, each synchronous stretch of it as a segment.

    So it is always known which coroutine a thread is in, and one that never awaits can be interrupted without
    hitting the loop or a neighbour.
    """

    __slots__ = ("_coroutine", "_segment")

    def __init__(self, coroutine: Any, segment: Segment) -> None:
        self._coroutine = coroutine
        self._segment = segment

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine, call = self._coroutine, self._segment.call
        step, argument = coroutine.send, None
        try:
            while True:
                try:
                    waits_for = call(step, argument)
                except StopIteration as stop:
                    return stop.value
                try:
                    argument = yield waits_for
                    step = coroutine.send
                except BaseException as error:
                    step, argument = coroutine.throw, error
        finally:
            argument = None  # a thrown exception would hold this frame, and the frame the exception
            coroutine.close()
