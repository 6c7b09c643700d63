"""The peer's runs: started for a session or a Blazen call, found by ID, ended and forgotten."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from typing import Protocol

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.observer import Observer
from blazen_nb.engine.run import Run, dashed
from blazen_nb.engine.waiting import only_waits
from blazen_nb.errors import LimitError, TransportError, ValidationError
from blazen_nb.events import StartEvent
from blazen_nb.peer.ended_runs import EndedRuns
from blazen_nb.peer.namespaces import Namespace, NamespaceTable
from blazen_nb.peer.refs import RefScope
from blazen_nb.peer.run_record import RunRecord
from blazen_nb.updates import LiveState, Outcome
from blazen_nb.wire.limits import Limits

_log = logging.getLogger("blazen_nb.peer")


class RunLog(Observer, Protocol):
    """An observer that is told of the run before it starts."""

    @property
    def record(self) -> RunRecord | None:
        """Where the run's story is kept; None where nobody will read it later."""

    def accepted(self, node_id: str) -> None:
        """The peer has the run."""

    def paused(self, paused: bool) -> None:
        """Somebody paused it, or let it go on."""


class PeerRun:
    """A run on this peer.

    Args:
        run_id: 16 bytes.
        scope: Whose session it is: what its steps put away is kept there.
        report: Tells whoever waits how it ended; called once, on whichever thread ended it.
    """

    def __init__(
        self,
        run_id: bytes,
        namespace: Namespace,
        workflow_name: str,
        *,
        scope: RefScope,
        report: Callable[[PeerRun, Run], None],
        log: RunLog | None = None,
    ) -> None:
        self.raw_id = run_id
        self.run_id = dashed(run_id)
        self.namespace = namespace
        self.workflow_name = workflow_name
        self.began = time.monotonic()
        self.run: Run | None = None
        self.log = log
        self.report = report
        self.scope = scope
        self.record = log.record if log is not None else None
        """What it has told, where that can be read."""
        self.caller = ""
        """What its client calls itself."""

    @property
    def identity(self) -> str:
        """Whose run it is."""
        return self.namespace.identity

    @property
    def state(self) -> LiveState:
        """What it does right now."""
        if self.run is None:
            return "queued"
        if self.run.state.paused:
            return "paused"
        return "waiting" if only_waits(self.run.state) else "running"

    @property
    def duration(self) -> float:
        """Seconds since it was accepted."""
        return time.monotonic() - self.began

    def cancel(self, reason: str) -> None:
        """Have it end as cancelled."""
        if self.run is not None:
            self.run.cancel(reason)

    def set_paused(self, paused: bool) -> None:
        """Let no further step start, or let it go on."""
        if self.run is None:
            return
        if self.log is not None:
            self.log.paused(paused)
        if paused:
            self.run.pause()
        else:
            self.run.resume()


class RunManager:
    """All runs of a peer.

    Args:
        changed: Called when a run begins, and when one has ended; brief.
    """

    def __init__(
        self,
        node_id: str,
        namespaces: NamespaceTable,
        limits: Limits,
        changed: Callable[[], object],
    ) -> None:
        self._node_id = node_id
        self._namespaces = namespaces
        self._limits = limits
        self._changed = changed
        self._runs: dict[bytes, PeerRun] = {}
        self._ended_runs = EndedRuns(limits, _let_scope_go)
        self._stragglers: list[Run] = []
        self._idle = threading.Condition()
        self._telling = 0
        """Runs that have ended, and whose caller is not told yet."""
        self._draining = False

    def start(
        self,
        peer_run: PeerRun,
        graph: Graph,
        event: StartEvent,
        *,
        timeout: float | None,
        caller: str,
    ) -> None:
        """Start the run; from now on it is found by its ID.

        Args:
            timeout: Seconds; None or 0 = this peer's default.
            caller: What the client calls itself.

        Raises:
            LimitError: As many runs as this peer admits are running.
            TransportError: The peer is shutting down.
            ValidationError: A run of this ID is running.
        """
        with self._idle:
            self._admit(peer_run)
            peer_run.caller = caller
            self._runs[peer_run.raw_id] = peer_run
        self._changed()
        self._namespaces.run_started(peer_run.namespace)
        if peer_run.log is not None:
            peer_run.log.accepted(self._node_id)
        run = Run(
            graph,
            peer_run.namespace.executor,
            on_end=lambda ended: self._ended(peer_run, ended),
            run_id=peer_run.run_id,
            timeout=timeout or self._limits.run_seconds,
            observer=peer_run.log,
            make_refs=peer_run.scope.for_run,
        )
        peer_run.run = run
        _log.debug(
            "run %s of client %s starts: %s", peer_run.run_id, caller, peer_run.workflow_name
        )
        try:
            peer_run.namespace.executor.start(run, event)
        except BaseException:
            with self._idle:
                self._runs.pop(peer_run.raw_id, None)
                self._idle.notify_all()
            self._changed()
            self._namespaces.run_ended(peer_run.namespace)
            raise

    def _admit(self, peer_run: PeerRun) -> None:
        if self._draining:
            raise TransportError(
                f"peer {self._node_id} is shutting down and takes no new runs; try another"
            )
        if len(self._runs) >= self._limits.concurrent_runs:
            raise LimitError(
                f"peer {self._node_id} has {len(self._runs)} runs going, its limit; try again when some have ended"
            )
        if peer_run.raw_id in self._runs:
            raise ValidationError(f"run {peer_run.run_id} is running already")

    def _ended(self, peer_run: PeerRun, run: Run) -> None:
        finish = run.finish
        assert finish is not None
        level = logging.DEBUG if finish.outcome == "succeeded" else logging.INFO
        _log.log(
            level,
            "run %s of %s: %s %s",
            peer_run.run_id,
            peer_run.workflow_name,
            finish.outcome,
            finish.message,
        )
        # First, so that a caller who has the result no longer finds the run.
        if run.state.stopping or run.abandoned:
            self._stragglers.append(run)
        if peer_run.record is not None:
            self._ended_runs.add(peer_run.record)
        with self._idle:
            self._runs.pop(peer_run.raw_id, None)
            self._telling += 1
        self._changed()
        try:
            peer_run.report(peer_run, run)
        except BaseException:
            _log.exception("how run %s ended could not be told", peer_run.run_id)
        with self._idle:
            self._telling -= 1
            self._idle.notify_all()
        if finish.error is not None:
            _drop_frames(finish.error)
        self._namespaces.run_ended(peer_run.namespace)

    def find(self, run_id: bytes, identity: str) -> PeerRun | None:
        """The run, where it is running and belongs to this identity."""
        found = self._runs.get(run_id)
        return found if found is not None and found.identity == identity else None

    def record(self, run_id: bytes, identity: str) -> RunRecord:
        """What a run of this identity has told, whether it runs or has ended.

        Raises:
            ValidationError: There is no such run here, or it is not kept any more.
        """
        found = self.find_record(run_id, identity)
        if found is None:
            raise ValidationError(
                f"peer {self._node_id} knows no run {dashed(run_id)} of yours that can be read (any more); "
                "runs() and %blazen_runs list those that can"
            )
        return found

    def find_record(self, run_id: bytes, identity: str) -> RunRecord | None:
        """As ``record``; None where there is none."""
        running = self._runs.get(run_id)
        found = running.record if running is not None else self._ended_runs.find(run_id)
        return found if found is not None and found.scope.identity == identity else None

    def records(self, identity: str) -> list[RunRecord]:
        """Those of this identity that can be read, the newest first."""
        running = [run.record for run in self.running() if run.record is not None]
        known = {record.raw_id: record for record in (*self._ended_runs.all(), *running)}
        mine = [record for record in known.values() if record.scope.identity == identity]
        return sorted(mine, key=lambda record: record.started_at, reverse=True)

    def state_of(self, record: RunRecord) -> LiveState | Outcome:
        """How the run ended, or what it does right now."""
        if record.outcome is not None:
            return record.outcome
        found = self._runs.get(record.raw_id)
        return found.state if found is not None else "running"  # it has ended, and is about to tell

    def running(self) -> list[PeerRun]:
        """The runs in flight."""
        return list(self._runs.values())

    def tidy(self) -> None:
        """Forget what nobody needs any more: ended runs beyond the limits, and those whose last step has stopped."""
        self.abandoned()
        self._ended_runs.tidy()

    def close(self) -> None:
        """Forget what ended runs have told."""
        self._ended_runs.close()

    def abandoned(self) -> list[str]:
        """Steps of ended runs that were told to stop and still have not."""
        self._stragglers = [run for run in self._stragglers if run.state.stopping or run.abandoned]
        return [attempt.step.step_id for run in self._stragglers for attempt in run.abandoned]

    def drain(self, grace: float) -> None:
        """Take no new runs, let the others end for at most this many seconds, then cancel them."""
        with self._idle:
            self._draining = True
            self._idle.wait_for(self._all_ended, timeout=grace)
        for run in self.running():
            run.cancel("the peer is shutting down")
        with self._idle:
            self._idle.wait_for(self._all_ended, timeout=1.5)

    def _all_ended(self) -> bool:
        return not self._runs and not self._telling


def _let_scope_go(record: RunRecord) -> None:
    """Nobody can read the run any more, so nobody can use what it has put away."""
    record.scope.let_go()


def _drop_frames(error: BaseException) -> None:
    """Let go of the frames an exception holds: their locals are the step's values, and GPU memory with them."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        traceback.clear_frames(each.__traceback__)
        each.__traceback__ = None
        todo += [each.__cause__, each.__context__]
