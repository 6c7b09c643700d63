"""Starts a run from what a snapshot held."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from blazen_nb.engine.handler import StreamObserver, WorkflowHandler
from blazen_nb.engine.lanes import LoopHost
from blazen_nb.engine.pause_policy import kept_under
from blazen_nb.engine.registry import current_registry
from blazen_nb.engine.restore import read_snapshot
from blazen_nb.engine.run import Run
from blazen_nb.engine.step import Step
from blazen_nb.engine.workers import shared_pool


def resumed(
    snapshot: str | bytes,
    steps: Iterable[Step],
    timeout: float | None,
    *,
    trusted: bool,
    with_refs: bool,
) -> WorkflowHandler:
    """The handler of the snapshot's run, which goes on on the caller's loop under its old ID; see ``read_snapshot``."""
    stored = read_snapshot(snapshot, steps, timeout=timeout, trusted=trusted, with_refs=with_refs)
    host = LoopHost(asyncio.get_running_loop(), shared_pool)
    graph = stored.moment.state.graph
    stream = StreamObserver()
    made: list[Run] = []
    for step in graph.steps:
        current_registry().register(step)

    def begin(on_end: Callable[[Run], None]) -> Run:
        run = Run(
            graph,
            host,
            on_end=on_end,
            run_id=stored.run_id,
            observer=stream,
            auto_publish=stored.auto_publish,
            kept=kept_under(stored.policy),
        )
        made.append(run)
        return run

    handler = WorkflowHandler(stored.workflow_name, begin, stream, stored.policy)
    made[0].restore(stored.moment, stored.attempts, stored.held)
    return handler
