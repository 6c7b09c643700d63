"""What the sync client can do with runs that others have started, or it has itself, earlier."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from blazen_nb.client.feed import RunFeed
from blazen_nb.client.known import KnownPeer
from blazen_nb.client.run_lists import RunInfo, State, is_whole_id, runs_of, the_one, wanted
from blazen_nb.client.run_requests import attach_request, cancel_request
from blazen_nb.client.sync_handle import RunHandle
from blazen_nb.wire.v1 import kernel_pb2 as pb


class RunCalls(KnownPeer):
    """The part of PeerClient that is about runs which are there already."""

    _trusted: bool

    def _ask(self, answer: str, *, urgent: bool = False, **request: Any) -> Any:
        raise NotImplementedError

    def _follow(self, feed: RunFeed, **request: Any) -> RunHandle:
        raise NotImplementedError

    def runs(
        self,
        *,
        state: State | Collection[State] | None = None,
        workflow: str | None = None,
        since: datetime | timedelta | None = None,
    ) -> list[RunInfo]:
        """See ``AsyncPeerClient.runs``."""
        is_wanted = wanted(state, workflow, since)
        known = runs_of(self._ask("run_list", list_runs=pb.ListRuns()))
        return [run for run in known if is_wanted(run)]

    def attach(self, run_id: str, *, after_seq: int = 0, look_only: bool = False) -> RunHandle:
        """See ``AsyncPeerClient.attach``."""
        request = attach_request(self._whole(run_id), after_seq)
        feed = RunFeed(
            self._link,
            request.run_id,
            "",
            trusted=self._trusted,
            after_seq=after_seq,
            look_only=look_only,
        )
        return self._follow(feed, attach_run=request)

    def cancel_run(self, run_id: str) -> bool:
        """See ``AsyncPeerClient.cancel_run``."""
        request = cancel_request(self._whole(run_id))
        return bool((self._ask("done", urgent=True, cancel_run=request)).changed)

    def _whole(self, run_id: str) -> str:
        return run_id if is_whole_id(run_id) else the_one(run_id, self.runs())

    def reset_namespace(self) -> None:
        """See ``AsyncPeerClient.reset_namespace``."""
        self._ask("done", reset_namespace=pb.ResetNamespace())
