"""Previews of the values behind refs, made on threads of their own: the code of a value's class may do anything.

A thread lives for one preview. What takes longer than it may is waited for no more and left behind, and interrupted once
it is clear that it does not end by itself. Each identity has its own few, so that nobody's values are in the way of
another's.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from blazen_nb.engine.interrupt import Segment, StepCancelled
from blazen_nb.engine.refs import SessionRef
from blazen_nb.engine.timers import TimerHandle, thread_clock
from blazen_nb.errors import BlazenError, LimitError, PeerError
from blazen_nb.peer import capture
from blazen_nb.render.preview import Preview
from blazen_nb.shipping.previews.making import preview_of

SECONDS = 0.8
"""What a preview may take; a notebook that asks waits little longer."""
INTERRUPT_SECONDS = 10.0
"""How long it may go on behind: a library that is only slow, and half loaded, is not to be cut off."""
AT_ONCE = 4
"""Previews that are made at the same time for one identity."""
MOST_LEFT_BEHIND = 4
"""Threads of an identity that did not end in time; with so many there are no more previews until one has ended."""
MOST_WAITING = 32
"""Previews of an identity that wait for their turn."""

_log = logging.getLogger("blazen_nb.peer")

Told = Callable[[Preview], object]
Refused = Callable[[BlazenError], object]


class Previews:
    """Makes a peer's previews. Thread-safe."""

    def __init__(self) -> None:
        self._desks: dict[str, _Desk] = {}
        self._lock = threading.Lock()

    def ask(self, identity: str, ref: SessionRef, told: Told, refused: Refused) -> None:
        """Have one of them called from another thread, or ``refused`` at once where there is no room; never blocks."""
        job = _Job(ref, told, refused)
        with self._lock:
            desk = self._desks.setdefault(identity, _Desk())
            refusal = desk.refusal(ref)
            if refusal is None:
                desk.waiting.append(job)
            ready = desk.next_jobs()
        if refusal is not None:
            job.answer(error=refusal)
        self._begin(identity, ready)

    def close(self) -> None:
        """Nothing more is made; threads that can be interrupted end."""
        with self._lock:
            working = [job for desk in self._desks.values() for job in desk.working()]
            for desk in self._desks.values():
                desk.waiting.clear()
        for job in working:
            job.segment.interrupt()
        for job in working:
            if job.thread is not None and job.thread.is_alive():
                job.thread.join(0.2)

    def _begin(self, identity: str, jobs: list[_Job]) -> None:
        for job in jobs:
            job.thread = threading.Thread(
                target=self._work, args=(identity, job), name="blazen-preview", daemon=True
            )
            job.timer = thread_clock.call_later(SECONDS, lambda job=job: self._late(identity, job))  # type: ignore[misc]
            job.thread.start()

    def _work(self, identity: str, job: _Job) -> None:
        made: Preview | None = None
        try:
            made = job.segment.call(_made, job.ref)
            error: BlazenError = _TOO_LONG
        except StepCancelled:
            error = _TOO_LONG
        except BlazenError as refusal:
            error = refusal.with_traceback(None)
        except BaseException as failed:  # an exit in a __repr__ must not be this process's
            error = PeerError(f"a preview of the value ended with {type(failed).__name__}")
        if job.timer is not None:
            job.timer.cancel()
        job.answer(made, error)
        self._ended(identity, job)

    def _late(self, identity: str, job: _Job) -> None:
        job.timer = thread_clock.call_later(INTERRUPT_SECONDS, lambda: _interrupt(job))
        job.answer(error=_TOO_LONG)
        with self._lock:
            desk = self._desks.get(identity)
            ready = desk.leave_behind(job) if desk is not None else []
        self._begin(identity, ready)

    def _ended(self, identity: str, job: _Job) -> None:
        with self._lock:
            desk = self._desks[identity]
            ready = desk.ended(job)
            if desk.is_empty:
                del self._desks[identity]
        self._begin(identity, ready)


class _Job:
    """One preview that somebody waits for."""

    def __init__(self, ref: SessionRef, told: Told, refused: Refused) -> None:
        self.ref = ref
        self.segment = Segment()
        self.thread: threading.Thread | None = None
        self.timer: TimerHandle | None = None
        self._told = told
        self._refused = refused
        self._answered = threading.Lock()

    def answer(self, made: Preview | None = None, error: BlazenError | None = None) -> None:
        """Tell it, unless it was answered before."""
        if not self._answered.acquire(blocking=False):
            return
        try:
            if made is not None:
                self._told(made)
            elif error is not None:
                self._refused(error)
        except Exception:
            _log.debug("nobody took a preview", exc_info=True)


class _Desk:
    """One identity's previews; the lock of Previews guards it."""

    def __init__(self) -> None:
        self.waiting: deque[_Job] = deque()
        self._in_time: list[_Job] = []
        self._left_behind: list[_Job] = []

    @property
    def is_empty(self) -> bool:
        return not (self.waiting or self._in_time or self._left_behind)

    def refusal(self, ref: SessionRef) -> LimitError | None:
        """Why there can be no preview of this value now; None where there can be."""
        if any(job.ref is ref for job in self._left_behind):
            return LimitError("its last preview has not ended yet")
        if len(self._left_behind) >= MOST_LEFT_BEHIND or len(self.waiting) >= MOST_WAITING:
            return LimitError("the peer is busy with other previews")
        return None

    def next_jobs(self) -> list[_Job]:
        """Those whose turn it is; they are being made from now on."""
        room = AT_ONCE - len(self._in_time)
        ready = [self.waiting.popleft() for _ in range(min(room, len(self.waiting)))]
        self._in_time += ready
        return ready

    def leave_behind(self, job: _Job) -> list[_Job]:
        """It has not ended in time; those whose turn it is instead, unless too many have not."""
        if job in self._in_time:
            self._in_time.remove(job)
            self._left_behind.append(job)
        return self.next_jobs()

    def ended(self, job: _Job) -> list[_Job]:
        """It has ended; those whose turn it is."""
        (self._in_time if job in self._in_time else self._left_behind).remove(job)
        return self.next_jobs()

    def working(self) -> list[_Job]:
        return [*self._in_time, *self._left_behind]


class _Silence:
    """A sink for what a ``__repr__`` prints: nobody has asked for it."""

    def write(self, stream: Any, text: str) -> None:
        """See Sink."""

    def display(self, *_: Any) -> None:
        """See Sink."""

    def progress(self, *_: Any) -> None:
        """See Sink."""


_TOO_LONG = LimitError(f"it took longer than {SECONDS:g} s")


def _interrupt(job: _Job) -> None:
    job.segment.interrupt()


def _made(ref: SessionRef) -> Preview:
    with capture.capturing(_Silence()):
        return preview_of(ref.value)
