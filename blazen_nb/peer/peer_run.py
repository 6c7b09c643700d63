"""A run on a peer, with what belongs to it beside the engine's run: its namespace, its record, who is told its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from blazen_nb.engine.gate import Gate
from blazen_nb.engine.observer import Observer
from blazen_nb.engine.run import Run, dashed
from blazen_nb.engine.waiting import only_waits
from blazen_nb.peer.namespaces import Namespace
from blazen_nb.peer.ref_scopes import RefScope
from blazen_nb.peer.run_record import RunRecord
from blazen_nb.updates import LiveState


class RunLog(Observer, Protocol):
    """An observer that is told of the run before it starts."""

    @property
    def record(self) -> RunRecord | None:
        """Where the run's story is kept; None where nobody will read it later."""

    def accepted(self, node_id: str) -> None:
        """The peer has the run."""

    def paused(self, paused: bool) -> None:
        """Somebody paused it, or let it go on."""


class RunGate(Gate, Protocol):
    """The gate of a run that outlives this process."""

    def close(self) -> None:
        """What happens from now on does not count: another process goes on with the run."""


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
        self.gate: RunGate | None = None
        """Keeps what happens in it, where it outlives this process."""
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

    def suspend(self) -> None:
        """Leave it to the process that starts on the journal next; its steps are told to stop, and count no more."""
        assert self.gate is not None
        self.gate.close()
        if self.record is not None:
            self.record.suspend()
        if self.run is not None:
            self.run.stop_attempts()

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
