"""The peer's runs: started for a session or a Blazen call, found by ID, ended and forgotten."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from functools import partial

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.run import Run, dashed
from blazen_nb.errors import LimitError, TransportError, ValidationError
from blazen_nb.events import StartEvent
from blazen_nb.peer.durable.replay import Replayed
from blazen_nb.peer.ended_runs import EndedRuns
from blazen_nb.peer.namespaces import NamespaceTable
from blazen_nb.peer.peer_run import PeerRun
from blazen_nb.peer.run_record import RunRecord
from blazen_nb.updates import LiveState, Outcome
from blazen_nb.wire.limits import Limits

_log = logging.getLogger("blazen_nb.peer")


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
        self.find_earlier: Callable[[bytes, str], RunRecord | None] | None = None
        """Finds what runs of earlier processes have told, by run ID and identity."""

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
            self.require_room(peer_run.raw_id)
            self._runs[peer_run.raw_id] = peer_run
        run = self._made(peer_run, graph, timeout or self._limits.run_seconds, caller)
        if peer_run.log is not None:
            peer_run.log.accepted(self._node_id)
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

    def resume(self, peer_run: PeerRun, replayed: Replayed, *, client: str) -> None:
        """Go on with a run that an earlier process has begun."""
        with self._idle:
            self._runs[peer_run.raw_id] = peer_run
        run = self._made(peer_run, replayed.state.graph, replayed.state.timeout, client)
        _log.info("run %s goes on: %s", peer_run.run_id, peer_run.workflow_name)
        tick = replayed.restarted()
        peer_run.namespace.executor.loop_thread.post(
            lambda: run.go_on(replayed.state, replayed.values, replayed.usage, tick)
        )

    def _made(self, peer_run: PeerRun, graph: Graph, timeout: float | None, caller: str) -> Run:
        peer_run.caller = caller
        self._changed()
        self._namespaces.run_started(peer_run.namespace)
        run = peer_run.run = Run(
            graph,
            peer_run.namespace.executor,
            on_end=lambda ended: self._ended(peer_run, ended),
            run_id=peer_run.run_id,
            timeout=timeout,
            observer=peer_run.log,
            make_refs=partial(peer_run.scope.for_run, peer_run.run_id),
            gate=peer_run.gate,
        )
        return run

    def require_room(self, run_id: bytes) -> None:
        """Nothing, where a run of this ID can begin.

        Raises:
            LimitError: As many runs as this peer admits are running.
            TransportError: The peer is shutting down.
            ValidationError: A run of this ID is running.
        """
        if self._draining:
            raise TransportError(
                f"peer {self._node_id} is shutting down and takes no new runs; try again in some seconds, or try another"
            )
        if len(self._runs) >= self._limits.concurrent_runs:
            raise LimitError(
                f"peer {self._node_id} has {len(self._runs)} runs going, its limit; try again when some have ended"
            )
        if run_id in self._runs:
            raise ValidationError(f"run {dashed(run_id)} is running already")

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

    def keep_ended(self, record: RunRecord) -> None:
        """It can be read, as if the run had ended here."""
        self._ended_runs.add(record)

    def record(self, run_id: bytes, identity: str) -> RunRecord:
        """What a run of this identity has told, whether it runs or has ended.

        Raises:
            ValidationError: There is no such run here, or it is not kept any more.
            JournalError: The journal cannot be read.
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
        if found is None and running is None and self.find_earlier is not None:
            found = self.find_earlier(run_id, identity)
            if found is not None and found.outcome is not None:
                self._ended_runs.add(found)
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
            if run.gate is None:
                run.cancel("the peer is shutting down")
            else:
                self._suspend(run)
        with self._idle:
            self._idle.wait_for(self._all_ended, timeout=1.5)

    def _suspend(self, run: PeerRun) -> None:
        _log.info("run %s is left to the next start on the journal", run.run_id)
        run.suspend()
        with self._idle:
            self._runs.pop(run.raw_id, None)
        self._namespaces.run_ended(run.namespace)

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
