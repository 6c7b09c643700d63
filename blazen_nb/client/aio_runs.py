"""What the async client can do with runs that others have started, or it has itself, earlier."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from blazen_nb.client.aio_handle import AsyncRunHandle
from blazen_nb.client.feed import RunFeed
from blazen_nb.client.known import KnownPeer
from blazen_nb.client.run_lists import RunInfo, State, is_whole_id, runs_of, the_one, wanted
from blazen_nb.client.run_requests import attach_request, cancel_request
from blazen_nb.wire.v1 import kernel_pb2 as pb


class AsyncRunCalls(KnownPeer):
    """The part of AsyncPeerClient that is about runs which are there already."""

    _trusted: bool

    async def _ask(self, answer: str, *, urgent: bool = False, **request: Any) -> Any:
        raise NotImplementedError

    async def _follow(self, feed: RunFeed, **request: Any) -> AsyncRunHandle:
        raise NotImplementedError

    async def runs(
        self,
        *,
        state: State | Collection[State] | None = None,
        workflow: str | None = None,
        since: datetime | timedelta | None = None,
    ) -> list[RunInfo]:
        """The runs of this user that the peer knows, the newest first: those in flight, and ended ones that it keeps.

        Runs of ``run_remote_workflow`` are not among them: nobody else can read them.

        Args:
            state: Only those in this state, or in one of these: running, queued, waiting (for an answer), paused,
                succeeded, failed, timed_out, cancelled, lost.
            workflow: Only those of exactly this name.
            since: Only those that started then or later; a timedelta is back from now.

        Raises:
            ValidationError: There is no such state.
        """
        is_wanted = wanted(state, workflow, since)
        known = runs_of(await self._ask("run_list", list_runs=pb.ListRuns()))
        return [run for run in known if is_wanted(run)]

    async def attach(
        self, run_id: str, *, after_seq: int = 0, look_only: bool = False
    ) -> AsyncRunHandle:
        """A handle of a run of this user, whoever started it: it tells everything from the first update on.

        Args:
            run_id: Its ID, or how only this one's starts.
            after_seq: Only updates with a higher number are told; questions asked before are not among
                ``questions()`` then.
            look_only: The result is read, and not taken: the values that it keeps on the peer stay there, for the
                client that attaches without this.

        Raises:
            ValidationError: The peer knows no such run, or keeps it no more.
        """
        request = attach_request(await self._whole(run_id), after_seq)
        feed = RunFeed(
            self._link,
            request.run_id,
            "",
            trusted=self._trusted,
            after_seq=after_seq,
            look_only=look_only,
        )
        return await self._follow(feed, attach_run=request)

    async def cancel_run(self, run_id: str) -> bool:
        """Have a run of this user end, whichever session started it; False where no such run is in flight.

        Returns once the peer knows, without waiting for the run's end.

        Args:
            run_id: Its ID, or how only this one's starts.

        Raises:
            ValidationError: It is no run's ID, and none or several of the peer's runs start like it.
        """
        request = cancel_request(await self._whole(run_id))
        return bool((await self._ask("done", urgent=True, cancel_run=request)).changed)

    async def _whole(self, run_id: str) -> str:
        return run_id if is_whole_id(run_id) else the_one(run_id, await self.runs())

    async def reset_namespace(self) -> None:
        """Empty the namespace on the peer, as a restart empties a kernel: its variables, definitions and steps.

        Raises:
            ValidationError: Runs use it.
        """
        await self._ask("done", reset_namespace=pb.ResetNamespace())
