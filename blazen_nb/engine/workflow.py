"""A workflow: named steps that can be run here, or handed to a peer by their IDs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blazen_nb.engine.checkpoints import Checkpoints, CheckpointStore
from blazen_nb.engine.context import Context
from blazen_nb.engine.graph import Graph
from blazen_nb.engine.handler import StreamObserver, WorkflowHandler
from blazen_nb.engine.lanes import InlineHost, LoopHost
from blazen_nb.engine.pause_policy import SessionPausePolicy, kept_under
from blazen_nb.engine.recording import RecordingObserver
from blazen_nb.engine.registry import current_registry
from blazen_nb.engine.result import WorkflowResult
from blazen_nb.engine.resuming import resumed
from blazen_nb.engine.retry import RetryConfig
from blazen_nb.engine.run import Run
from blazen_nb.engine.step import Step
from blazen_nb.engine.workers import shared_pool
from blazen_nb.errors import ValidationError
from blazen_nb.events import StartEvent, current_step
from blazen_nb.render.static import is_static

if TYPE_CHECKING:
    from blazen_nb.engine.builder import WorkflowBuilder


class Workflow:
    """Steps under a name, checked and ready to run; building one registers its steps.

    Args:
        timeout: Seconds a run may take; None = as long as it takes.
        session_pause_policy: What snapshots do with live objects in events; default PickleOrError.
        auto_publish_events: Every event that steps emit goes to the stream as well.
        retry_config: When failed steps are tried again; default never. A step's own policy wins.
        step_timeout: Seconds an attempt of a step may take, where the step does not say itself.
        history: Keep what a run told in ``WorkflowResult.history``.
        checkpoint_store: Where snapshots of a run go.
        checkpoint_after_step: Take one after each step.

    Raises:
        ValidationError: No step, the same ID twice, or no step accepts StartEvent. ``check()`` tells likely mistakes.

    Example:
        >>> import asyncio
        >>> from blazen_nb import StartEvent, StopEvent, Workflow, step
        >>> @step
        ... async def double(ctx, ev: StartEvent) -> StopEvent:
        ...     return StopEvent(result=ev.x * 2)
        >>> asyncio.run(Workflow("double", [double]).run(x=21)).result
        42
    """

    def __init__(
        self,
        name: str,
        steps: Iterable[Step],
        timeout: float | timedelta | None = None,
        session_pause_policy: SessionPausePolicy | None = None,
        auto_publish_events: bool | None = None,
        retry_config: RetryConfig | None = None,
        *,
        step_timeout: float | None = None,
        history: bool = False,
        checkpoint_store: CheckpointStore | None = None,
        checkpoint_after_step: bool = False,
    ) -> None:
        self.name = name
        if checkpoint_after_step and checkpoint_store is None:
            raise ValidationError("checkpoint_after_step needs a checkpoint_store")
        self._policy = session_pause_policy or SessionPausePolicy.PickleOrError
        self._history = history
        self._store = checkpoint_store
        self._after_step = checkpoint_after_step
        self._timeout = _seconds(timeout)
        self._auto_publish = bool(auto_publish_events)
        self._graph = Graph(steps, default_retry=retry_config, default_timeout=step_timeout)
        registry = current_registry()
        for step in self._graph.steps:
            registry.register(step)

    @staticmethod
    def builder(name: str) -> WorkflowBuilder:
        """A builder for a workflow of this name."""
        from blazen_nb.engine.builder import WorkflowBuilder

        return WorkflowBuilder(name)

    @staticmethod
    async def resume(
        snapshot_json: str | bytes,
        steps: Iterable[Step],
        timeout: float | timedelta | None = None,
        *,
        trusted: bool = False,
    ) -> WorkflowHandler:
        """A handler of the run that the snapshot holds; it goes on where it was, here and now.

        Steps that had ended are not run again. A step that was in flight is run again as its next attempt, with the
        state as it was then. The workflow's name and settings come from the snapshot.

        Args:
            snapshot_json: What ``WorkflowHandler.snapshot`` gave, in this process or another.
            steps: The workflow's steps; they are found by their IDs, or by name in another module.
            timeout: Seconds that it may still take; None = what was left.
            trusted: Open pickled values, which can run code of whoever wrote the snapshot. Not needed for JSON, bytes
                and arrays, nor for snapshots that this process took.

        Raises:
            SnapshotError: It is no snapshot, damaged, of a newer version, lacks a step or needs trust.
        """
        return resumed(snapshot_json, steps, _seconds(timeout), trusted=trusted, with_refs=False)

    @staticmethod
    async def resume_with_session_refs(
        snapshot_json: str | bytes,
        steps: Iterable[Step],
        timeout: float | timedelta | None = None,
        *,
        trusted: bool = False,
    ) -> WorkflowHandler:
        """As ``resume``, for snapshots with objects that serialized themselves (``PickleOrSerialize``).

        Each is made again by the ``__blazen_deserialize__`` of its class, whose module is imported: use it for
        snapshots of your own.

        Raises:
            SnapshotError: Also where a class is not known here; a SnapshotError is a RuntimeError.
        """
        return resumed(snapshot_json, steps, _seconds(timeout), trusted=trusted, with_refs=True)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Its steps, in the order given."""
        return self._graph.steps

    @property
    def step_ids(self) -> list[str]:
        """Their IDs: what ``run_remote_workflow`` takes."""
        return [step.step_id for step in self._graph.steps]

    def check(self) -> list[str]:
        """Likely mistakes, as sentences: steps never reached, events nobody accepts, no StopEvent in sight."""
        return self._graph.check()

    async def run(self, **fields: Any) -> WorkflowResult:
        """The result of one run with these fields as input, in this process, on the caller's loop.

        Async steps are tasks of this loop, plain steps go to a thread pool with the caller's context variables.
        A caller that is cancelled cancels the run. Inside a step this is a sub-workflow: usage adds up.

        Raises:
            WorkflowError: See ``WorkflowHandler.result``.
        """
        return await self._run_on(LoopHost(asyncio.get_running_loop(), shared_pool), fields)

    async def run_with_handler(self, **fields: Any) -> WorkflowHandler:
        """A run that has been started, to be streamed, answered, aborted or awaited."""
        return self._start(
            LoopHost(asyncio.get_running_loop(), shared_pool), fields, StreamObserver()
        )

    def run_sync(self, **fields: Any) -> WorkflowResult:
        """As ``run``, but everything runs on the calling thread, plain steps too.

        Works inside a running loop, as in a notebook cell: the loop is then made re-entrant (nest_asyncio2), by
        this call and only by it.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            with asyncio.Runner() as runner:
                # Not runner.run(): there the first Ctrl-C only cancels a task, which a plain step never looks at.
                return runner.get_loop().run_until_complete(self._run_inline(fields))
        import nest_asyncio2

        nest_asyncio2.apply(loop)
        running = loop.create_task(self._run_inline(fields))
        try:
            return loop.run_until_complete(running)
        except BaseException:
            running.cancel()  # the loop goes on after an interrupt, and must not go on with the run
            raise

    def _run_inline(self, fields: dict[str, Any]) -> Coroutine[Any, Any, WorkflowResult]:
        async def inline() -> WorkflowResult:
            return await self._run_on(InlineHost(asyncio.get_running_loop(), shared_pool), fields)

        return inline()

    async def _run_on(self, host: LoopHost, fields: dict[str, Any]) -> WorkflowResult:
        parent: Context | None = current_step.get()
        handler = self._start(host, fields, None, parent)
        if parent is None:
            return await handler.run_to_result()
        parent.sub_run_started(handler._run)
        try:
            return await handler.run_to_result()
        finally:
            parent.sub_run_ended(handler._run)

    def _start(
        self,
        host: LoopHost,
        fields: dict[str, Any],
        stream: StreamObserver | None,
        parent: Context | None = None,
    ) -> WorkflowHandler:
        event = StartEvent(**fields)

        checkpoints = (
            Checkpoints(self._store, self.name, self._policy) if self._store is not None else None
        )
        if self._history or self._after_step:
            after_step = checkpoints if self._after_step else None
            stream = RecordingObserver(self.name, self._history, after_step)

        def begin(on_end: Callable[[Run], None]) -> Run:
            run = Run(
                self._graph,
                host,
                on_end=on_end,
                timeout=self._timeout,
                observer=stream,
                auto_publish=self._auto_publish,
                parent=parent,
                kept=kept_under(self._policy),
            )
            if checkpoints is not None:
                checkpoints.attach(run)
            if isinstance(stream, RecordingObserver):
                stream.run_id = run.run_id
            started.append(run)
            return run

        started: list[Run] = []
        handler = WorkflowHandler(self.name, begin, stream, self._policy, checkpoints)
        started[0].start(event)
        return handler

    def _repr_html_(self) -> str | None:
        return None if is_static() else self._shown()[0]

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        p.text(self._shown()[1])

    def _shown(self) -> tuple[str, str]:
        from blazen_nb.render.reprs import WorkflowView, workflow_repr

        return workflow_repr(WorkflowView(name=self.name, steps=self._graph.shape()))

    def __repr__(self) -> str:
        return f"Workflow({self.name}: {len(self.steps)} step{'s' * (len(self.steps) != 1)})"


def _seconds(timeout: float | timedelta | None) -> float | None:
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if seconds is not None and seconds < 0:
        raise ValidationError(f"a timeout is not negative: {seconds}")
    return seconds or None
