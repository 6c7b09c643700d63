"""The two kinds of lane that run attempts, and where a run inside one process gets them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any

from blazen_nb.engine.context import Context
from blazen_nb.engine.interrupt import Segment, StepCancelled, guarded
from blazen_nb.engine.run import Run
from blazen_nb.engine.step import Step
from blazen_nb.engine.ticks import Attempt
from blazen_nb.engine.workers import Worker, WorkerPool
from blazen_nb.events import current_step

_log = logging.getLogger("blazen_nb.engine")

YIELD_EVERY = 64
"""After this many attempts without a pause a task lets the others of its loop run."""


class AsyncLane:
    """A task that runs async attempts one after the other.

    Args:
        inline: Run sync steps in the task too, for ``run_sync``.
        guard: Make synchronous stretches interruptible; not where the loop is the caller's own.
    """

    __slots__ = ("_attempt_id", "_guard", "_inline", "_loop", "_segment", "_task")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, inline: bool = False, guard: bool = False
    ) -> None:
        self._loop = loop
        self._inline = inline
        self._guard = guard
        self._segment: Segment | None = None
        self._attempt_id = 0
        self._task: asyncio.Task[None] | None = None

    def start(self, run: Run, attempt: Attempt) -> asyncio.Task[None]:
        """The task that drives this attempt and what follows; on the loop's own thread."""
        task = self._loop.create_task(self._drive(run, attempt), context=run.variables.copy())
        self._task = task
        return task

    def keeps(self, step: Step) -> bool:
        """See Lane."""
        return self._inline or step.is_async

    def abort(self, attempt_id: int) -> None:
        """See Lane."""
        with suppress(RuntimeError):  # a closed loop has cancelled its tasks already
            self._loop.call_soon_threadsafe(self._cancel, attempt_id)

    def _cancel(self, attempt_id: int) -> None:
        # On the loop's thread the lane cannot move on between this check and the cancel.
        if attempt_id == self._attempt_id and self._task is not None:
            self._task.cancel()

    def interrupt(self, attempt_id: int) -> None:
        """See Lane."""
        if attempt_id == self._attempt_id and self._segment is not None:
            self._segment.interrupt()

    def making_room(self) -> AbstractContextManager[object]:
        """Nothing: whoever waits in a task blocks no thread."""
        return nullcontext()

    def abandon(self, attempt_id: int) -> None:
        """Nothing: the loop is not ours to replace."""

    async def _drive(self, run: Run, attempt: Attempt | None) -> None:
        count = 0
        while attempt is not None:
            context = run.begin(attempt, self)
            if context is None:
                return
            self._attempt_id = attempt.attempt_id
            attempt = await self._attempt(run, attempt, context)
            count += 1
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    async def _attempt(self, run: Run, attempt: Attempt, context: Context) -> Attempt | None:
        observer = run.observer
        token = current_step.set(context)
        entered = observer.enter(attempt) if observer is not None else None
        error: BaseException | None = None
        value: Any = None
        try:
            # A segment of its own for each attempt: a late interrupt can only hit the one it was meant for.
            if not attempt.step.is_async:
                self._segment = Segment()
                value = self._segment.call(attempt.step.call, context, attempt.event)
            elif self._guard:
                self._segment = Segment()
                value = await guarded(attempt.step.call(context, attempt.event), self._segment)
            else:
                value = await attempt.step.call(context, attempt.event)
        except BaseException as raised:
            error = raised
        finally:
            if observer is not None:
                observer.leave(entered)
            current_step.reset(token)
            self._attempt_id = 0
            self._segment = None
        try:
            if error is None:
                return run.returned(attempt, value, self)
            following = run.raised(attempt, error, self)
            if self._is_for_the_caller(error, context):
                raise error
            return following
        finally:
            # The error's frames hold this one: without the cycle, what a failed attempt held is free for the next.
            error = value = None

    def _is_for_the_caller(self, error: BaseException, context: Context) -> bool:
        """Whether it is an interrupt that was not raised to stop this attempt."""
        if self._guard or not isinstance(error, KeyboardInterrupt | SystemExit):
            return False
        return not (isinstance(error, StepCancelled) and context.cancelled)


class SyncLane:
    """A worker thread that runs plain attempts one after the other."""

    __slots__ = ("_attempt_id", "_segment", "_worker")

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._attempt_id = 0
        self._segment: Segment | None = None

    def keeps(self, step: Step) -> bool:
        """See Lane."""
        return not step.is_async

    def abort(self, attempt_id: int) -> None:
        """Nothing yet: the step may look at ``ctx.cancelled``, interrupt() comes a moment later."""

    def interrupt(self, attempt_id: int) -> None:
        """See Lane."""
        segment = self._segment
        if attempt_id == self._attempt_id and segment is not None:
            segment.interrupt()

    def making_room(self) -> AbstractContextManager[object]:
        """See Lane."""
        return self._worker.making_room()

    def abandon(self, attempt_id: int) -> None:
        """See Lane."""
        if attempt_id == self._attempt_id:
            self._worker.retire()

    def drive(self, run: Run, attempt: Attempt | None) -> None:
        """Run the attempt and what follows, in this thread."""
        while attempt is not None:
            context = run.begin(attempt, self)
            if context is None:
                return
            # A segment of its own for each attempt: a late interrupt can only hit the one it was meant for.
            segment = self._segment = Segment()
            self._attempt_id = attempt.attempt_id
            attempt = self._attempt(run, attempt, context, segment)

    def _attempt(
        self, run: Run, attempt: Attempt, context: Context, segment: Segment
    ) -> Attempt | None:
        observer = run.observer
        token = current_step.set(context)
        entered = observer.enter(attempt) if observer is not None else None
        error: BaseException | None = None
        value: Any = None
        try:
            value = segment.call(attempt.step.call, context, attempt.event)
        except BaseException as raised:
            error = raised
        finally:
            if observer is not None:
                observer.leave(entered)
            current_step.reset(token)
            self._attempt_id = 0
        try:
            if error is None:
                return run.returned(attempt, value, self)
            return run.raised(attempt, error, self)
        finally:
            error = value = None  # as in AsyncLane


def drive_on_worker(worker: Worker, run: Run, attempt: Attempt) -> None:
    """What a pool's worker does with a plain attempt."""
    run.variables.copy().run(SyncLane(worker).drive, run, attempt)


class LoopHost:
    """Lanes for a run on the caller's loop: async steps as its tasks, plain steps on a pool's workers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: WorkerPool) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._pool = pool
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, run: Run, attempts: Sequence[Attempt]) -> None:
        """See LaneHost."""
        on_loop = [attempt for attempt in attempts if attempt.step.is_async]
        if on_loop and threading.get_ident() == self._thread:
            self._start(run, on_loop)
        elif on_loop:
            self._post(run, on_loop)
        for attempt in attempts:
            if not attempt.step.is_async:
                self._pool.submit(partial(drive_on_worker, run=run, attempt=attempt))

    def _post(self, run: Run, attempts: Sequence[Attempt]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._start, run, attempts)
        except RuntimeError:  # it is closed, and nobody can be waiting for the run any more
            run.cancel("its event loop was closed")

    def _start(self, run: Run, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._keep(AsyncLane(self._loop).start(run, attempt))

    def _keep(self, task: asyncio.Task[None]) -> None:
        # The loop holds tasks weakly; one that nobody holds could vanish while it waits.
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # asyncio would tell of an interrupt as "never retrieved"; whoever ran the loop has got it long since.
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            _log.error("a lane failed", exc_info=error)


class InlineHost(LoopHost):
    """Lanes for ``run_sync``: everything, plain steps too, in tasks on the calling thread."""

    def spawn(self, run: Run, attempts: Sequence[Attempt]) -> None:
        """See LaneHost."""
        if threading.get_ident() == self._thread:
            self._start(run, attempts)
        else:
            self._post(run, attempts)

    def _start(self, run: Run, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._keep(AsyncLane(self._loop, inline=True).start(run, attempt))


__all__ = ["AsyncLane", "InlineHost", "LoopHost", "StepCancelled", "SyncLane", "drive_on_worker"]
