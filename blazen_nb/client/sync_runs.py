"""What the sync client can do with runs that others have started, or it has itself, earlier."""

from __future__ import annotations

from typing import Any

from blazen_nb.client.feed import RunFeed
from blazen_nb.client.known import KnownPeer
from blazen_nb.client.run_requests import (
    RunInfo,
    attach_request,
    cancel_request,
    is_whole_id,
    runs_of,
    the_one,
)
from blazen_nb.client.sync_handle import RunHandle
from blazen_nb.wire.v1 import kernel_pb2 as pb


class RunCalls(KnownPeer):
    """The part of PeerClient that is about runs which are there already."""

    _trusted: bool

    def _ask(self, answer: str, *, urgent: bool = False, **request: Any) -> Any:
        raise NotImplementedError

    def _follow(self, feed: RunFeed, **request: Any) -> RunHandle:
        raise NotImplementedError

    def runs(self) -> list[RunInfo]:
        """See ``AsyncPeerClient.runs``."""
        return runs_of(self._ask("run_list", list_runs=pb.ListRuns()))

    def attach(self, run_id: str) -> RunHandle:
        """See ``AsyncPeerClient.attach``."""
        whole = run_id if is_whole_id(run_id) else the_one(run_id, self.runs())
        request = attach_request(whole)
        feed = RunFeed(self._link, request.run_id, "", trusted=self._trusted)
        return self._follow(feed, attach_run=request)

    def cancel_run(self, run_id: str) -> bool:
        """See ``AsyncPeerClient.cancel_run``."""
        request = cancel_request(run_id)
        return bool(self._ask("done", urgent=True, cancel_run=request).changed)

    def reset_namespace(self) -> None:
        """See ``AsyncPeerClient.reset_namespace``."""
        self._ask("done", reset_namespace=pb.ResetNamespace())
