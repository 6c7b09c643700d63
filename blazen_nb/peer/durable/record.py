"""What a durable run has told: each update is in the journal before a client sees it."""

from __future__ import annotations

import json
import time
from collections import deque
from concurrent.futures import Future
from typing import Any

from blazen_nb.journal import Entry, Journal, JournaledRun
from blazen_nb.peer.ref_scopes import RefScope
from blazen_nb.peer.run_record import RunRecord
from blazen_nb.updates import Outcome
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.v1 import kernel_pb2 as pb


class JournaledRecord(RunRecord):
    """A record whose updates are in a journal; readers get those that are written, and the result once it is.

    Where the journal fails the run ends, and what is told of that end is shown as it comes.
    """

    is_durable = True

    def __init__(
        self,
        run_id: bytes,
        workflow_name: str,
        client: str,
        scope: RefScope,
        limits: Limits,
        journal: Journal,
    ) -> None:
        super().__init__(run_id, workflow_name, client, scope, limits)
        self._journal = journal
        self._written = 0
        self._writing: deque[Future[None]] = deque()
        self._has_failed = False
        self._is_suspended = False

    @classmethod
    def read(
        cls, run: JournaledRun, scope: RefScope, limits: Limits, journal: Journal
    ) -> JournaledRecord:
        """The record of a run that an earlier process has begun.

        Raises:
            JournalError: It cannot be read.
        """
        record = cls(run.run_id, run.workflow_name, run.client, scope, limits, journal)
        record.started_at = run.started_at
        record._began -= max(0.0, time.time() - run.started_at)
        for entry in journal.entries(run.run_id, "update"):
            RunRecord._keep(record, entry.number, entry.payload)
        record._written = len(record._offsets)
        if run.outcome is not None:
            record.outcome, record._result = run.outcome, run.result or b""
            record._ended = record._began + max(0.0, (run.ended_at or 0.0) - run.started_at)
        return record

    @property
    def last_seq(self) -> int:
        """The number of its last update."""
        if not self._seqs:
            return 0
        update = pb.RunUpdate.FromString(self._entry(len(self._seqs) - 1))
        events = update.events.json if update.HasField("events") else b""
        return self._seqs[-1] + max(0, _count(events) - 1)

    def suspend(self) -> None:
        """Nothing more is told here: another process goes on with the run."""
        with self.lock:
            self._is_suspended = True

    def end(self, outcome: Outcome, result: bytes) -> None:
        """See RunRecord; readers hear of it once it is in the journal."""
        with self.lock:
            if self._is_suspended:
                return
            self._close_growing()
            if self._has_failed:
                super().end(outcome, result)
                return
        future = self._journal.end(self.raw_id, outcome, time.time(), result)
        future.add_done_callback(lambda _: self._end_written(outcome, result))

    def _end_written(self, outcome: Outcome, result: bytes) -> None:
        with self.lock:
            super().end(outcome, result)

    def _keep(self, seq: int, update: bytes) -> None:
        if self._is_suspended:
            return
        super()._keep(seq, update)
        future = self._journal.append(self.raw_id, [Entry("update", seq, update)])
        self._writing.append(future)
        future.add_done_callback(self._update_written)

    def _update_written(self, _: Future[None]) -> None:
        with self.lock:
            while self._writing and self._writing[0].done():
                self._has_failed |= self._writing.popleft().exception() is not None
                self._written += 1
            self._wake()

    @property
    def _readable(self) -> int:
        return self._written


def _count(events: bytes) -> int:
    found: list[Any] = json.loads(events) if events else []
    return len(found)
