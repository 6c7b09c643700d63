"""A peer's durable runs: begun in its journal, gone on with from there after a restart, and readable for long."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.run import Run, dashed
from blazen_nb.engine.step import Step
from blazen_nb.errors import BlazenError, JournalError, text_of
from blazen_nb.events import START, StartEvent
from blazen_nb.journal import Journal, JournaledRun, Retention
from blazen_nb.peer.durable.code import keep_workflow, workflow_again
from blazen_nb.peer.durable.gate import JournalGate
from blazen_nb.peer.durable.record import JournaledRecord
from blazen_nb.peer.durable.replay import Replay
from blazen_nb.peer.durable.writing import TickWriter
from blazen_nb.peer.executors.kernel import CELL_STEP
from blazen_nb.peer.leaving import KnownRefs
from blazen_nb.peer.namespaces import Namespace
from blazen_nb.peer.peer_run import PeerRun
from blazen_nb.peer.ref_scopes import RefScope
from blazen_nb.peer.results import ended_update, told_result
from blazen_nb.peer.run_record import run_summary
from blazen_nb.peer.start_input import start_event
from blazen_nb.peer.update_log import UpdateLog
from blazen_nb.shipping.live import keep, open_kept
from blazen_nb.wire.messages import value_message, value_of
from blazen_nb.wire.v1 import kept_pb2 as kept
from blazen_nb.wire.v1 import kernel_pb2 as pb

if TYPE_CHECKING:
    from blazen_nb.peer.parts import PeerParts

_log = logging.getLogger("blazen_nb.peer")

_THREADS = 16
"""Ticks that were written count on these threads: code of the user's may run there, and block one."""
PRUNE_SECONDS = 600.0
"""How often ended runs beyond the limits leave the journal."""
PEER_RESTARTED = "peer restarted: a cell is not run again by itself"


class Begun(Protocol):
    """Who waits for the journal to have a run."""

    def __call__(self, error: BaseException | None, was_there: bool) -> None:
        """It has it, or could not take it; called on the journal's thread."""


class DurableRuns:
    """The durable runs of one peer."""

    def __init__(self, peer: PeerParts, journal: Journal) -> None:
        self.journal = journal
        self._peer = peer
        self._pruned_at: float | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="blazen-durable")

    # --- beginning -------------------------------------------------------------------------------------------

    def record(self, raw_id: bytes, name: str, client: str, scope: RefScope) -> JournaledRecord:
        """An empty record of a run that is about to begin."""
        return JournaledRecord(raw_id, name, client, scope, self._peer.limits, self.journal)

    def begin(
        self,
        request: pb.StartRun,
        graph: Graph,
        event: StartEvent,
        peer_run: PeerRun,
        *,
        client: str,
        python: str,
        begun: Begun,
    ) -> None:
        """Have the journal take the run; what happens in it then passes a gate, ``peer_run.gate``."""
        namespace = peer_run.namespace
        start = kept.KeptStart(start=self._without_code(request, event, namespace), python=python)
        if not request.HasField("cell"):
            workflow = keep_workflow(graph, namespace, self.journal)
            start.steps.extend(workflow.steps)
            start.code.CopyFrom(workflow.code)
        timeout = float(request.timeout_secs) or self._peer.limits.run_seconds
        if timeout:
            start.timeout = timeout
        peer_run.gate = self._gate(peer_run.raw_id, namespace)
        run = JournaledRun(
            run_id=peer_run.raw_id,
            identity=peer_run.identity,
            namespace=namespace.name,
            client=client,
            workflow_name=peer_run.workflow_name,
            started_at=peer_run.record.started_at if peer_run.record is not None else 0.0,
            start=start.SerializeToString(),
            code=(start.code.digest,) if start.code.digest else (),
        )
        self.journal.begin(run).add_done_callback(partial(_tell_begun, begun))

    def take_back(self, raw_id: bytes) -> Future[None]:
        """A run that the journal has, but that could not begin, is not there; no later process begins it."""
        return self.journal.forget([raw_id])

    def _without_code(
        self, request: pb.StartRun, event: StartEvent, namespace: Namespace
    ) -> pb.StartRun:
        """The request with what can be kept of its input, and without the code of its cell."""
        start = pb.StartRun()
        start.CopyFrom(request)
        start.cell.ClearField("bundle")
        if not request.HasField("cell"):
            start.ClearField("cell")
        # Refs in it stand for live objects of this process.
        start.input.CopyFrom(value_message(keep(event.to_dict(), namespace.id)))
        return start

    def _gate(self, raw_id: bytes, namespace: Namespace, number: int = 0) -> JournalGate:
        writer = TickWriter(
            namespace.id, lambda graph: keep_workflow(graph, namespace, self.journal)
        )
        return JournalGate(raw_id, self.journal, writer, self._submit, number)

    def _submit(self, job: Callable[[], None]) -> None:
        try:
            self._threads.submit(job)
        except RuntimeError:  # the peer is closing: another process goes on with the run
            _log.debug("a tick came after the end of the peer")

    # --- reading what earlier processes have left ------------------------------------------------------------

    def find(self, raw_id: bytes, identity: str) -> JournaledRecord | None:
        """What a run of this identity has told that is not running here; None where the journal has no such run.

        Raises:
            JournalError: It cannot be read.
        """
        run = self.journal.run(raw_id)
        if run is None or run.identity != identity:
            return None
        scope = self._peer.refs.scope(identity, raw_id.hex(), "", run.client).for_record()
        return JournaledRecord.read(run, scope, self._peer.limits, self.journal)

    def listed(self, identity: str, known: set[bytes]) -> list[dict[str, Any]]:
        """Summaries of this identity's runs, but for those that are known already, as JSON, the newest first."""
        return [
            run_summary(
                run.run_id,
                run.workflow_name,
                run.outcome or "queued",
                started_at=run.started_at,
                duration=max(0.0, (run.ended_at or run.started_at) - run.started_at),
                client=run.client,
            )
            for run in self.journal.runs()
            if run.identity == identity and run.run_id not in known
        ]

    def tidy(self) -> None:
        """Now and then, forget ended runs beyond what the limits let the journal keep; returns at once."""
        now = time.monotonic()
        if self._pruned_at is None or now - self._pruned_at >= PRUNE_SECONDS:
            self._pruned_at = now
            self._submit(self._prune)

    def _prune(self) -> None:
        limits = self._peer.limits
        kept = Retention(
            seconds=limits.journal_seconds, runs=limits.journal_runs, size=limits.journal_bytes
        )
        try:
            pruned = self.journal.prune(kept)
        except JournalError as error:
            _log.error("%s", error)
        else:
            if pruned.runs:
                _log.info("the journal has forgotten %d ended runs", pruned.runs)

    # --- going on --------------------------------------------------------------------------------------------

    def resume_all(self) -> None:
        """Go on with every run that was cut off; one that cannot go on has failed, with a reason."""
        for listed in reversed(self.journal.runs(unfinished=True)):
            try:
                run = self.journal.run(listed.run_id)
                if run is not None:
                    self._resume(run)
            except Exception as error:  # one that is damaged must not keep the peer from serving
                unknown = None if isinstance(error, BlazenError) else error
                _log.error(
                    "run %s cannot be resumed: %s",
                    dashed(listed.run_id),
                    text_of(error),
                    exc_info=unknown,
                )

    def _resume(self, run: JournaledRun) -> None:
        namespace, _ = self._peer.namespaces.open(run.identity, "")
        session = self._peer.refs.scope(run.identity, run.run_id.hex(), namespace.id, run.client)
        scope = session.for_record()
        record = JournaledRecord.read(run, scope, self._peer.limits, self.journal)
        log = UpdateLog(record, limits=self._peer.limits, home=namespace.id, refs=KnownRefs(scope))
        start = kept.KeptStart.FromString(run.start)
        try:
            self._go_on(run, start, namespace, scope, log)
        except Exception as error:  # its code runs while it is made again, and may raise anything
            why = text_of(error) if isinstance(error, BlazenError) else _named(error)
            _log.info("run %s cannot go on: %s", dashed(run.run_id), why)
            self._fail(run, log, why)
        finally:
            self._peer.namespaces.leave(namespace)

    def _go_on(
        self,
        run: JournaledRun,
        start: kept.KeptStart,
        namespace: Namespace,
        scope: RefScope,
        log: UpdateLog,
    ) -> None:
        ticks = [
            (entry.number, kept.KeptTick.FromString(entry.payload))
            for entry in self.journal.entries(run.run_id, "tick")
        ]
        event, gone = self._start_of(start, namespace)
        graph, changed = self._first_workflow(start, ticks, namespace)
        if gone and not ticks:
            raise JournalError(f"its input needs {gone[0]}, which ended with the process before")
        timeout = start.timeout if start.HasField("timeout") else None
        replay = Replay(
            graph,
            namespace.id,
            timeout=timeout,
            workflow_of=lambda kept_one: workflow_again(
                kept_one.steps, kept_one.code, namespace, self.journal
            )[0],
        )
        replayed = replay.run(event, ticks)
        peer_run = PeerRun(
            run.run_id,
            namespace,
            run.workflow_name,
            scope=scope,
            report=partial(self._report, start, log),
            log=log,
        )
        peer_run.gate = self._gate(run.run_id, namespace, replayed.ticks)
        log.resumed(self._peer.node_id, changed)
        self._peer.runs.resume(peer_run, replayed, client=run.client)

    def _first_workflow(
        self, start: kept.KeptStart, ticks: list[tuple[int, kept.KeptTick]], namespace: Namespace
    ) -> tuple[Graph, list[str]]:
        """What the run began with, and the IDs of the peer's own steps in it that are not what they were.

        Raises:
            JournalError: It cannot be made again; a cell whose top level was not over is such.
        """
        if not start.start.HasField("cell"):
            return workflow_again(start.steps, start.code, namespace, self.journal)
        if not any(tick.finished.HasField("workflow") for _, tick in ticks):
            raise JournalError(PEER_RESTARTED)
        return cell_graph(), []

    def _start_of(
        self, start: kept.KeptStart, namespace: Namespace
    ) -> tuple[StartEvent, list[str]]:
        fields, gone = open_kept(value_of(start.start.input), namespace.id)
        return start_event(fields), gone

    def _report(self, start: kept.KeptStart, log: UpdateLog, peer_run: PeerRun, run: Run) -> None:
        result = told_result(
            peer_run,
            run,
            keep_values=start.start.cell.keep_values,
            duration=log.record.duration,
            python=start.python,
            limits=self._peer.limits,
        )
        log.ended(ended_update(result), result)

    def _fail(self, run: JournaledRun, log: UpdateLog, why: str) -> None:
        result = pb.RunResult(
            run_id=run.run_id, outcome="failed", message=why, duration=log.record.duration
        )
        log.ended(ended_update(result), result)
        self._peer.runs.keep_ended(log.record)

    def close(self) -> None:
        """Write what waits, and let go of the journal."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.journal.close()


def cell_graph() -> Graph:
    """The workflow of a cell's top level, which never runs again."""

    def not_again(event: object) -> None:
        raise JournalError(PEER_RESTARTED)

    return Graph([Step(not_again, step_id=CELL_STEP, accepts=(START,), emits=())])


def _tell_begun(begun: Begun, future: Future[bool]) -> None:
    error = future.exception()
    begun(error, error is None and not future.result())


def _named(error: Exception) -> str:
    return f"making it again failed with {type(error).__name__}: {text_of(error)}"
