"""What one client reads of runs: those it has started, and those it attaches to, whoever started them."""

from __future__ import annotations

import json
from collections.abc import Callable

from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.ref_scopes import RefScope
from blazen_nb.peer.run_record import Reader, RunRecord, summary_of
from blazen_nb.wire.outbox import Outbox
from blazen_nb.wire.v1 import kernel_pb2 as pb


class RunReading:
    """The readers of one session; on the I/O loop.

    Args:
        refs: Where the session's refs are kept.
        reply: Answers a request, before anything that waits in order.
    """

    def __init__(
        self, peer: PeerParts, refs: RefScope, outbox: Outbox, reply: Callable[..., None]
    ) -> None:
        self._peer = peer
        self._refs = refs
        self._outbox = outbox
        self._reply = reply
        self._readers: dict[int, Reader] = {}
        """By the request that asked for the run."""

    def read(self, request_id: int, record: RunRecord, after_seq: int = 0) -> None:
        """Send what the run tells, under this request, until it has ended or ``detach``."""
        started = pb.RunStarted(
            run_id=record.raw_id,
            workflow_name=record.workflow_name,
            durable=record.is_durable,
        )
        self._reply(request_id, run_started=started)
        self._readers[request_id] = record.read_by(self._outbox, request_id, after_seq)

    def knows(self, request_id: int, request: pb.StartRun) -> bool:
        """Whether the run that is to be started is there already: then it is read."""
        known = self._peer.runs.find_record(request.run_id, self._refs.identity)
        if known is None or not request.updates:
            return False
        self.read(request_id, known, request.after_seq)
        return True

    def attach(self, request_id: int, request: pb.AttachRun) -> None:
        """Read a run that somebody of this identity has started.

        Raises:
            ValidationError: There is no such run, or it is not kept any more.
        """
        record = self._peer.runs.record(request.run_id, self._refs.identity)
        self.read(request_id, record, request.after_seq)

    def detach(self, _: int, request: pb.DetachRun) -> None:
        """Read no more; the run goes on."""
        reader = self._readers.pop(request.request_id, None)
        if reader is not None:
            reader.leave()

    def taken(self, _: int, request: pb.AckRun) -> None:
        """The client has the run's result: what it puts away is this session's from now on."""
        self._readers.pop(request.request_id, None)
        self._peer.runs.record(request.run_id, self._refs.identity).scope.taken_by(self._refs)

    def list(self, request_id: int, _: pb.ListRuns) -> None:
        """Tell which runs of this identity can be read."""
        runs = self._peer.runs
        listed = [
            summary_of(record, runs.state_of(record))
            for record in runs.records(self._refs.identity)
        ]
        if self._peer.durable is not None:
            known = {record.raw_id for record in runs.records(self._refs.identity)}
            listed += self._peer.durable.listed(self._refs.identity, known)
        answer = pb.RunList(json=json.dumps(listed).encode())
        self._outbox.put(pb.PeerFrame(request_id=request_id, run_list=answer).SerializeToString())

    def close(self) -> None:
        """The client is gone; its runs go on."""
        for reader in self._readers.values():
            reader.leave()
        self._readers.clear()
