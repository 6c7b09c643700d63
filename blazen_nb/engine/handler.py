"""The grip on a run in this process: its result, its stream, pause and snapshot, answers, abort."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import suppress
from typing import Any

from blazen_nb.engine.checkpoints import Checkpoints
from blazen_nb.engine.heartbeat import interruptible
from blazen_nb.engine.observer import QuietObserver
from blazen_nb.engine.pause_policy import SessionPausePolicy
from blazen_nb.engine.result import WorkflowResult, bad_end
from blazen_nb.engine.run import Run
from blazen_nb.engine.snapshot import take_snapshot
from blazen_nb.engine.usage import TokenUsage, tokens_of
from blazen_nb.errors import ValidationError
from blazen_nb.events import Event, InputRequestEvent, InputResponseEvent
from blazen_nb.updates import Update


class StreamObserver(QuietObserver):
    """Keeps what a run publishes, in order and complete, for the readers of its stream."""

    history: Sequence[Update] = ()
    """What the run told so far, where a recorder keeps it."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = deque()
        self._lock = threading.Lock()
        self._ended = False

    def event_published(self, event: Event, step_id: str | None) -> None:
        """See Observer."""
        with self._lock:
            self._events.append(event)
            self._wake()

    def input_requested(self, event: Event) -> None:
        """A question is part of the stream: whoever reads it can answer."""
        self.event_published(event, None)

    def end(self) -> None:
        """Let the readers end after what is there."""
        with self._lock:
            self._ended = True
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            loop, wakeup = self._waiting.popleft()
            with suppress(RuntimeError):  # a reader whose loop was closed reads no more
                loop.call_soon_threadsafe(wakeup.set)

    async def read(self) -> AsyncIterator[Event]:
        """Every event from the first on, ending with the run; any number of readers."""
        position = 0
        while True:
            wakeup = asyncio.Event()
            with self._lock:
                batch = self._events[position:]
                if not batch:
                    if self._ended:
                        return
                    self._waiting.append((asyncio.get_running_loop(), wakeup))
            if not batch:
                with interruptible():
                    await wakeup.wait()
            for event in batch:
                yield event
            position += len(batch)


class WorkflowHandler:
    """A run that was started in this process; await it, or use its parts."""

    def __init__(
        self,
        name: str,
        start: Callable[[Callable[[Run], None]], Run],
        stream: StreamObserver | None,
        policy: SessionPausePolicy = SessionPausePolicy.PickleOrError,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._name = name
        self._policy = policy
        self._checkpoints = checkpoints
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._done = self._loop.create_future()
        self._stream = stream
        self._run = start(self._ended)

    def _ended(self, run: Run) -> None:
        if self._stream is not None:
            self._stream.end()
        if threading.get_ident() == self._thread:
            self._settle()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if not self._done.done():
            self._done.set_result(None)

    @property
    def run_id(self) -> str:
        """The run's ID."""
        return self._run.run_id

    async def result(self) -> WorkflowResult:
        """The result, once the run has ended; may be awaited any number of times.

        Raises:
            WorkflowError: A step failed or the run stalled; the step's exception is the cause.
            WorkflowTimeoutError: It took too long.
            WorkflowCancelledError: It was aborted.
        """
        # Shielded: a caller that gives up waiting must not take the result from the others.
        with interruptible():
            await asyncio.shield(self._done)
        return await self._settled_outcome()

    async def _settled_outcome(self) -> WorkflowResult:
        if self._checkpoints is not None:
            await self._checkpoints.saved()
        return self._outcome()

    def _outcome(self) -> WorkflowResult:
        run, finish = self._run, self._run.finish
        assert finish is not None
        if finish.outcome != "succeeded" or finish.event is None:
            raise bad_end(finish, run.run_id)
        return WorkflowResult(
            event=finish.event,
            run_id=run.run_id,
            workflow_name=self._name,
            state=run.store.exported(),
            usage=run.usage.total,
            history=tuple(self._stream.history) if self._stream is not None else (),
        )

    async def run_to_result(self) -> WorkflowResult:
        """As ``result``, but a caller that is cancelled takes the run with it."""
        try:
            with interruptible():
                await self._done
        except asyncio.CancelledError:
            self._run.cancel("the caller was cancelled")
            raise
        return await self._settled_outcome()

    def __await__(self) -> Generator[Any, None, WorkflowResult]:
        return self.result().__await__()

    def stream_events(self) -> AsyncIterator[Event]:
        """The events that steps write to the stream, from the first on; ends with the run.

        Raises:
            ValidationError: The run was started without a stream (use ``run_with_handler``).
        """
        if self._stream is None:
            raise ValidationError("this run has no stream; start it with run_with_handler()")
        return self._stream.read()

    async def pause(self) -> None:
        """Start no further step; returns at once, steps that run go on and what they return is kept.

        Nothing where the run has ended. Paused time does not count for the workflow's timeout.
        """
        self._run.pause()

    async def resume_in_place(self) -> None:
        """Go on after ``pause``; nothing where the run is not paused."""
        self._run.resume()

    async def snapshot(self) -> str:
        """The run as it is now, as JSON text for ``Workflow.resume``; the run itself goes on, or stays paused.

        Steps that have ended are not run again by whoever resumes it; a step in flight is, as its next attempt.

        Raises:
            SnapshotError: The run has ended, or something in it cannot be stored (see SessionPausePolicy).
        """
        text = take_snapshot(self._run, workflow_name=self._name, policy=self._policy)
        if self._checkpoints is not None:
            await self._checkpoints.save(text)
        return text

    async def abort(self) -> None:
        """Have the run end as cancelled; returns without waiting for its steps."""
        self._run.cancel("aborted")

    async def respond_to_input(
        self, request_id: str | InputRequestEvent | InputResponseEvent, response: Any = None
    ) -> None:
        """Answer a question of the run.

        Args:
            request_id: Which one; an InputResponseEvent holds the answer too.

        Raises:
            ValidationError: The run does not wait for this one.
        """
        asked = request_id if isinstance(request_id, str) else request_id.request_id
        if isinstance(request_id, InputResponseEvent):
            response = request_id.response
        if not self._run.respond_to_input(asked, response):
            raise ValidationError(f"the run does not wait for an answer to {asked!r}")

    async def usage_total(self) -> TokenUsage:
        """Tokens recorded so far."""
        return tokens_of(self._run.usage.total)

    async def cost_total_usd(self) -> float:
        """US dollars recorded so far."""
        return self._run.usage.total.cost_usd

    def __repr__(self) -> str:
        finish = self._run.finish
        return f"WorkflowHandler({self._name}, {finish.outcome if finish else 'running'})"
