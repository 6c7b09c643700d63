"""Snapshots of a run that go to a store by themselves, in order, beside the run."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from blazen_nb.engine.pause_policy import SessionPausePolicy
from blazen_nb.engine.run import Run
from blazen_nb.engine.run_state import Moment
from blazen_nb.engine.snapshot import snapshot_of

_log = logging.getLogger("blazen_nb.engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowCheckpoint:
    """A snapshot as a store gets it: what to file it under, and the text that ``Workflow.resume`` takes."""

    workflow_name: str
    run_id: str
    timestamp: str
    """ISO 8601, UTC."""
    snapshot: str

    @property
    def state(self) -> dict[str, Any]:
        """The JSON values of ``ctx.state``."""
        state = json.loads(self.snapshot)["context_state"]
        return {key: value["Json"] for key, value in state.items() if "Json" in value}


class CheckpointStore(Protocol):
    """Where checkpoints go."""

    def save(self, checkpoint: WorkflowCheckpoint) -> Any:
        """Keep it in place of the run's last one; may be async, and is never called twice at once for a run."""


class Checkpoints:
    """The checkpoints of one run, made on its caller's loop.

    A store that fails is told in the log: the run goes on, and the next checkpoint is tried.
    """

    def __init__(
        self, store: CheckpointStore, workflow_name: str, policy: SessionPausePolicy
    ) -> None:
        self._store = store
        self._name = workflow_name
        self._policy = policy
        self._loop = asyncio.get_running_loop()
        self._run: Run | None = None
        self._last: asyncio.Task[None] | None = None

    def attach(self, run: Run) -> None:
        """This is the run."""
        self._run = run

    def step_ended(self) -> None:
        """Save the run as it is now; under its lock, from any thread."""
        run = self._run
        assert run is not None
        moment = run.moment()
        if moment.state.ending is None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue, partial(self._text, run, moment))

    def _text(self, run: Run, moment: Moment) -> str:
        return snapshot_of(run, moment, workflow_name=self._name, policy=self._policy)

    def _queue(self, text: partial[str]) -> None:
        self._last = self._loop.create_task(self._save_after(self._last, text))

    async def _save_after(self, last: asyncio.Task[None] | None, text: partial[str]) -> None:
        if last is not None:
            await last
        try:
            await self.save(text())
        except Exception:
            _log.exception("a checkpoint of workflow %s could not be saved", self._name)

    async def save(self, text: str) -> None:
        """Hand this snapshot to the store."""
        body = json.loads(text)
        checkpoint = WorkflowCheckpoint(
            workflow_name=body["workflow_name"],
            run_id=body["run_id"],
            timestamp=body["timestamp"],
            snapshot=text,
        )
        saved = self._store.save(checkpoint)
        if inspect.isawaitable(saved):
            await saved

    async def saved(self) -> None:
        """Return once all that was asked for has gone to the store."""
        await asyncio.sleep(0)  # what a step's thread has posted comes first
        if self._last is not None:
            await asyncio.shield(self._last)
