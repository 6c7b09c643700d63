"""Runs attempts in this process: async steps on their namespace's cell thread, plain steps on its worker threads."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from functools import partial

from blazen_nb.engine.lanes import AsyncLane, SyncLane, drive_on_worker
from blazen_nb.engine.run import Run
from blazen_nb.engine.ticks import Attempt
from blazen_nb.engine.workers import Worker, WorkerPool
from blazen_nb.events import Event
from blazen_nb.peer.loop_thread import LoopThread

_log = logging.getLogger("blazen_nb.peer")

CELL_STEP = "cell"
"""The step ID of a cell's top level."""

BLOCKED_SECONDS = 1.0
"""An async step that keeps its loop this long without awaiting is named in the log."""


class KernelExecutor:
    """Lanes of one namespace; its threads start with the first attempt that needs them.

    Args:
        name: Names the threads.
        threads: At most this many worker threads.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop_thread: LoopThread | None = None
        self._retired: list[LoopThread] = []
        self._pool = WorkerPool(threads, f"{name}-steps")
        self._lanes: set[KernelLane] = set()
        self.cell_lock: asyncio.Lock | None = None

    @property
    def loop_thread(self) -> LoopThread:
        """The cell thread, started where it is not."""
        with self._lock:
            if self._loop_thread is None:
                self._loop_thread = LoopThread(f"{self._name}-cells")
                self.cell_lock = asyncio.Lock()
            return self._loop_thread

    def start(self, run: Run, event: Event) -> None:
        """Begin the run on the thread where its first step belongs, which saves a hop."""
        first = run.state.graph.by_event.get(event.event_type, ())
        if first and not any(step.is_async for step in first):
            self._pool.submit(partial(_start_on_worker, run=run, event=event))
        else:
            self.loop_thread.post(_start_on_loop, run, event)

    def spawn(self, run: Run, attempts: Sequence[Attempt]) -> None:
        """See LaneHost."""
        for attempt in attempts:
            if not attempt.step.is_async:
                self._pool.submit(partial(drive_on_worker, run=run, attempt=attempt))
        on_loop = [attempt for attempt in attempts if attempt.step.is_async]
        if not on_loop:
            return
        thread = self.loop_thread
        if thread.is_here:
            self._start_lanes(thread, run, on_loop)
        else:
            thread.post(self._start_lanes, thread, run, on_loop)

    def _start_lanes(self, thread: LoopThread, run: Run, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            lane = KernelLane(self, thread)
            self._lanes.add(lane)
            thread.lane_started()
            task = lane.start(run, attempt)
            task.add_done_callback(lane.ended)

    def lane_ended(self, lane: KernelLane) -> None:
        """The lane's task is over."""
        self._lanes.discard(lane)
        lane.thread.lane_ended()

    def replace(self, thread: LoopThread) -> None:
        """Give later attempts a new cell thread; this one is blocked."""
        with self._lock:
            if self._loop_thread is not thread:
                return
            self._loop_thread = None
            self._retired.append(thread)
        thread.retire()

    def replace_current(self) -> None:
        """Give later attempts a new cell thread, whatever the present one does."""
        if self._loop_thread is not None:
            self.replace(self._loop_thread)

    def look_for_blocked(self) -> list[str]:
        """Names of async steps that block the cell thread now; each is logged once."""
        blocked = []
        for lane in list(self._lanes):
            since = lane.blocked_since
            if since and time.monotonic() - since > BLOCKED_SECONDS:
                blocked.append(lane.step_id)
                if not lane.reported and not lane.is_cell:
                    lane.reported = True
                    _log.warning(
                        "async step %s blocks its event loop for over %g s; other async steps of its namespace wait. "
                        "Make it a plain def, or await asyncio.to_thread(...)",
                        lane.step_id,
                        BLOCKED_SECONDS,
                    )
        return blocked

    def close(self) -> None:
        """Cancel what runs and let the threads end; returns at once."""
        self._pool.close()
        with self._lock:
            thread, self._loop_thread = self._loop_thread, None
            if thread is not None:
                self._retired.append(thread)
        for each in self._retired:
            each.close()

    def join(self, timeout: float) -> None:
        """After ``close``: wait for the cell threads, each at most this many seconds."""
        for each in self._retired:
            each.join(timeout)


class KernelLane(AsyncLane):
    """A task on a namespace's cell thread, interruptible, whose thread can be replaced."""

    __slots__ = ("_executor", "is_cell", "reported", "step_id", "thread")

    def __init__(self, executor: KernelExecutor, thread: LoopThread) -> None:
        super().__init__(thread.loop, guard=True)
        self._executor = executor
        self.thread = thread
        self.reported = False
        self.step_id = ""
        self.is_cell = False

    def start(self, run: Run, attempt: Attempt) -> asyncio.Task[None]:
        """See AsyncLane."""
        self.step_id = attempt.step.step_id
        # A cell blocks its namespace as it would block a kernel; that is no news.
        self.is_cell = self.step_id == CELL_STEP
        return super().start(run, attempt)

    def ended(self, _: asyncio.Task[None]) -> None:
        """The task is over."""
        self._executor.lane_ended(self)

    @property
    def blocked_since(self) -> float:
        """``time.monotonic()`` when the code that runs now was entered; 0 while it awaits."""
        segment = self._segment
        return segment.entered_at if segment is not None else 0.0

    def abandon(self, attempt_id: int) -> None:
        """Replace the cell thread where this attempt is what blocks it."""
        if attempt_id == self._attempt_id and self.blocked_since:
            self._executor.replace(self.thread)


def _start_on_worker(worker: Worker, run: Run, event: Event) -> None:
    lane = SyncLane(worker)
    run.variables.copy().run(lambda: lane.drive(run, run.start(event, lane)))


def _start_on_loop(run: Run, event: Event) -> None:
    run.start(event)
