"""The gate of a durable run: each tick is written to the journal, and counts once it is there."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from blazen_nb.engine.run import Run
from blazen_nb.engine.ticks import (
    Asked,
    AskWithdrawn,
    AttemptFailed,
    AttemptFinished,
    Broken,
    Continuation,
    EventSent,
    InputAnswered,
    Restored,
    Tick,
    TimerFired,
)
from blazen_nb.errors import JournalError, text_of
from blazen_nb.journal import Entry, Journal
from blazen_nb.peer.durable.state import KeptState
from blazen_nb.peer.durable.writing import TickWriter
from blazen_nb.peer.executors.kernel import CELL_STEP
from blazen_nb.wire.messages import usage_message
from blazen_nb.wire.v1 import kept_pb2 as kept

_log = logging.getLogger("blazen_nb.peer")


class JournalGate:
    """See engine.gate.Gate. Thread-safe.

    Args:
        run_id: 16 bytes.
        submit: Has a job run on a thread that may run code of the user's.
        number: Of the last tick that is in the journal.
    """

    def __init__(
        self,
        run_id: bytes,
        journal: Journal,
        writer: TickWriter,
        submit: Callable[[Callable[[], None]], None],
        number: int = 0,
    ) -> None:
        self._store = KeptState()
        self._run_id = run_id
        self._journal = journal
        self._writer = writer
        self._submit = submit
        self._number = number
        self._lock = threading.RLock()
        self._waiting: deque[tuple[Tick, Future[None]]] = deque()
        self._is_feeding = False
        self._has_failed = False
        self._is_closed = False

    @property
    def store(self) -> KeptState:
        """See Gate."""
        return self._store

    def holds(self, run: Run, tick: Tick) -> bool:
        """See Gate."""
        if not _must_be_kept(run, tick):
            return False
        with self._lock:
            if self._has_failed:
                return False
            if self._is_closed:
                return True
            future = self._append_or_fail(run, tick)
            self._waiting.append((tick, future))
        future.add_done_callback(lambda _: self._written(run))
        return True

    def close(self) -> None:
        """What happens from now on is not kept, and does not count: another process goes on with the run."""
        with self._lock:
            self._is_closed = True

    def _append_or_fail(self, run: Run, tick: Tick) -> Future[None]:
        try:
            return self._append(run, tick)
        except (
            Exception
        ) as error:  # odd contents of a user's event or state; the run must end all the same
            failed: Future[None] = Future()
            failed.set_exception(error)
            return failed

    def _append(self, run: Run, tick: Tick) -> Future[None]:
        message = kept.KeptTick(
            at=time.time(),
            seconds_left=run.seconds_left,
            usage=usage_message(run.usage.total),
            state=self._writer.state(self._store.take_changes()),
            **self._writer.kind(tick),
        )
        self._number += 1
        entry = Entry("tick", self._number, message.SerializeToString())
        return self._journal.append(self._run_id, [entry])

    def _written(self, run: Run) -> None:
        with self._lock:
            if self._is_feeding or not self._is_next_done():
                return
            self._is_feeding = True
        self._submit(lambda: self._feed(run))

    def _is_next_done(self) -> bool:
        return bool(self._waiting) and self._waiting[0][1].done()

    def _feed(self, run: Run) -> None:
        """Let what is written count, in order."""
        while True:
            with self._lock:
                if self._is_closed or not self._is_next_done():
                    self._is_feeding = False
                    return
                tick, future = self._waiting.popleft()
                error = future.exception()
                broke = error is not None and not self._has_failed
                self._has_failed |= broke
            if broke and error is not None:
                run.feed(Broken(self._as_journal_error(run, error)))
            run.feed(tick, kept=True)

    def _as_journal_error(self, run: Run, error: BaseException) -> JournalError:
        _log.error("run %s cannot be journaled: %s", run.run_id, text_of(error))
        if not isinstance(error, JournalError):
            return JournalError(
                f"run {run.run_id} cannot be journaled: what a step returned, or set in ctx.state, cannot be written: "
                f"{text_of(error)}"
            )
        return JournalError(
            f"run {run.run_id} cannot be journaled, and ends here: {text_of(error)}. What it had committed is in the "
            "journal: a peer that starts on it goes on from there"
        )


def _must_be_kept(run: Run, tick: Tick) -> bool:
    """Whether the run's state could not be made again without it."""
    state = run.state
    if state.ending is not None or isinstance(tick, Asked | AskWithdrawn | Broken | Restored):
        return False  # a step that runs again asks again
    if isinstance(tick, AttemptFinished | AttemptFailed):
        attempt = state.running.get(tick.attempt_id)
        if attempt is None:
            return False
        # A cell is never run again: without its end it has failed.
        is_cell = attempt.step.step_id == CELL_STEP
        goes_on = isinstance(tick, AttemptFinished) and isinstance(tick.value, Continuation)
        return not is_cell or goes_on
    if isinstance(tick, EventSent):
        return state.next_id > 1  # the first one is the run's start
    if isinstance(tick, TimerFired):
        return tick.key != "abandon" and tick.key[0] != "ask"
    return not (isinstance(tick, InputAnswered) and tick.request_id in state.asks)
