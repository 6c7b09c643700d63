"""How a session's runs start: registered steps or a cell, kept in the journal first where they are durable."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.run import Run
from blazen_nb.errors import UnsupportedError, ValidationError
from blazen_nb.events import StartEvent
from blazen_nb.peer.cells import CellRun
from blazen_nb.peer.durable.runs import DurableRuns
from blazen_nb.peer.leaving import KnownRefs
from blazen_nb.peer.namespaces import Namespace
from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.peer_run import PeerRun
from blazen_nb.peer.reading import RunReading
from blazen_nb.peer.ref_scopes import RefScope
from blazen_nb.peer.results import ended_update, told_result
from blazen_nb.peer.run_record import RunRecord
from blazen_nb.peer.start_input import start_event
from blazen_nb.peer.update_log import UpdateLog
from blazen_nb.shipping.cell import CellSource
from blazen_nb.wire.io_loop import IoLoop
from blazen_nb.wire.messages import bundle_of
from blazen_nb.wire.outbox import Outbox
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.peer")


@dataclass(slots=True)
class _Start:
    """A run that is about to begin."""

    request_id: int
    request: pb.StartRun
    cell: CellRun | None
    graph: Graph
    event: StartEvent
    run: PeerRun
    log: UpdateLog | None


class RunStarting:
    """Starts the runs of one session; on the I/O loop.

    Args:
        client: What the client calls itself.
        python: Its Python minor version.
        decoded: Makes a value of a message.
        refuse: Tells a request that it failed.
    """

    def __init__(
        self,
        peer: PeerParts,
        namespace: Namespace,
        refs: RefScope,
        outbox: Outbox,
        reading: RunReading,
        io: IoLoop,
        *,
        client: str,
        python: str,
        decoded: Callable[[pb.Value], Any],
        refuse: Callable[[int, BaseException], None],
    ) -> None:
        self._peer = peer
        self._namespace = namespace
        self._refs = refs
        self._outbox = outbox
        self._reading = reading
        self._io = io
        self._client = client
        self._python = python
        self._decoded = decoded
        self._refuse = refuse
        self._calls: dict[bytes, PeerRun] = {}
        """Runs that end with their client."""

    def start(self, request_id: int, request: pb.StartRun) -> None:
        """Start the run; where the peer has one of this ID, that is it.

        Raises:
            BlazenError: It cannot start.
        """
        if len(request.run_id) != 16:
            raise ValidationError("a run ID has 16 bytes")
        if self._reading.knows(request_id, request):
            return
        self._peer.runs.require_room(request.run_id)
        durable = self._durable(request)
        start = self._made(request_id, request, durable)
        if durable is None:
            self._begin(start)
            return
        durable.begin(
            request,
            start.graph,
            start.event,
            start.run,
            client=self._client,
            python=self._python,
            begun=partial(self._begun, start),
        )

    def give_up_calls(self) -> None:
        """Nobody waits for its blocking calls any more: they are cancelled, started runs go on."""
        for run in list(self._calls.values()):
            run.cancel("the client is gone")

    def _durable(self, request: pb.StartRun) -> DurableRuns | None:
        wanted = request.durable if request.HasField("durable") else None
        if wanted and self._peer.durable is None:
            raise UnsupportedError(
                f"peer {self._peer.node_id} has no journal, so no run of it can be durable: start it with "
                "`blazen-nb serve --journal` or PeerServer(journal=...)"
            )
        if wanted and not request.updates:
            raise UnsupportedError("a durable run is one that is started, not a call")
        return self._peer.durable if wanted is not False and request.updates else None

    def _made(self, request_id: int, request: pb.StartRun, durable: DurableRuns | None) -> _Start:
        name = request.workflow_name or "workflow"
        cell = self._cell_of(request) if request.HasField("cell") else None
        graph = cell.graph() if cell else self._namespace.graph_of(tuple(request.step_ids))
        event = start_event(self._decoded(request.input) if request.HasField("input") else None)
        scope = self._refs.for_record() if request.updates else self._refs
        log = self._log_of(request, name, scope, durable) if request.updates else None
        run = PeerRun(
            request.run_id,
            self._namespace,
            name,
            scope=scope,
            report=partial(self._report, request_id, cell, request.cell.keep_values, log),
            log=log,
        )
        return _Start(request_id, request, cell, graph, event, run, log)

    def _log_of(
        self, request: pb.StartRun, name: str, scope: RefScope, durable: DurableRuns | None
    ) -> UpdateLog:
        limits = self._peer.limits
        record = (
            RunRecord(request.run_id, name, self._client, scope, limits)
            if durable is None
            else durable.record(request.run_id, name, self._client, scope)
        )
        return UpdateLog(record, limits=limits, home=self._namespace.id, refs=KnownRefs(scope))

    def _begun(self, start: _Start, error: BaseException | None, was_there: bool) -> None:
        self._io.loop.call_soon_threadsafe(self._kept, start, error, was_there)

    def _kept(self, start: _Start, error: BaseException | None, was_there: bool) -> None:
        """The journal has the run, or has not taken it."""
        try:
            if error is not None:
                raise error
            if was_there:
                record = self._peer.runs.record(start.request.run_id, self._refs.identity)
                self._reading.read(start.request_id, record, start.request.after_seq)
            else:
                self._begin_or_take_back(start)
        except Exception as refused:
            self._refuse(start.request_id, refused)

    def _begin_or_take_back(self, start: _Start) -> None:
        """As ``_begin``; the client of a run that cannot begin is told so once the journal has it no more.

        Else it would begin there at the peer's next start, and elsewhere where the client has tried again.
        """
        try:
            self._begin(start)
        except Exception as refused:
            durable = self._peer.durable
            assert durable is not None
            tell = partial(
                self._io.loop.call_soon_threadsafe, self._refuse, start.request_id, refused
            )
            durable.take_back(start.request.run_id).add_done_callback(lambda _: tell())

    def _begin(self, start: _Start) -> None:
        request = start.request
        if request.on_disconnect == pb.ON_DISCONNECT_CANCEL:
            self._calls[request.run_id] = start.run
        timeout = float(request.timeout_secs) or None
        try:
            self._peer.runs.start(
                start.run, start.graph, start.event, timeout=timeout, caller=self._client
            )
        except BaseException:
            self._calls.pop(request.run_id, None)
            raise
        if start.log is not None:
            self._reading.read(start.request_id, start.log.record)

    def _cell_of(self, request: pb.StartRun) -> CellRun:
        self._peer.require_code_accepted("running a cell")
        cell = request.cell
        source = CellSource(
            text=cell.text, label=cell.label, digest=cell.digest, futures=tuple(cell.futures)
        )
        bundle = bundle_of(cell.bundle)
        return CellRun(
            self._namespace,
            source,
            bundle,
            tuple(cell.outputs),
            trusted=True,
            open_leaf=self._refs.pinned(bundle),
        )

    def _report(
        self,
        request_id: int,
        cell: CellRun | None,
        keep_values: bool,
        log: UpdateLog | None,
        peer_run: PeerRun,
        run: Run,
    ) -> None:
        self._calls.pop(peer_run.raw_id, None)
        result = told_result(
            peer_run,
            run,
            keep_values=keep_values,
            duration=peer_run.duration,
            python=self._python,
            limits=self._peer.limits,
            cell=cell,
        )
        if log is not None:
            log.ended(ended_update(result), result)
        else:
            frame = pb.PeerFrame(request_id=request_id, result=result)
            self._outbox.put(frame.SerializeToString())
