"""What the async client can do with runs that others have started, or it has itself, earlier."""

from __future__ import annotations

from typing import Any

from blazen_nb.client.aio_handle import AsyncRunHandle
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
from blazen_nb.wire.v1 import kernel_pb2 as pb


class AsyncRunCalls(KnownPeer):
    """The part of AsyncPeerClient that is about runs which are there already."""

    _trusted: bool

    async def _ask(self, answer: str, *, urgent: bool = False, **request: Any) -> Any:
        raise NotImplementedError

    async def _follow(self, feed: RunFeed, **request: Any) -> AsyncRunHandle:
        raise NotImplementedError

    async def runs(self) -> list[RunInfo]:
        """The runs of this user that the peer knows, the newest first: those that run, and ended ones that it keeps.

        Runs of ``run_remote_workflow`` are not among them: nobody else can read them.
        """
        return runs_of(await self._ask("run_list", list_runs=pb.ListRuns()))

    async def attach(self, run_id: str) -> AsyncRunHandle:
        """A handle of a run of this user, whoever started it: it tells everything from the first update on.

        Args:
            run_id: Its ID, or how only this one's starts.

        Raises:
            ValidationError: The peer knows no such run, or keeps it no more.
        """
        whole = run_id if is_whole_id(run_id) else the_one(run_id, await self.runs())
        request = attach_request(whole)
        feed = RunFeed(self._link, request.run_id, "", trusted=self._trusted)
        return await self._follow(feed, attach_run=request)

    async def cancel_run(self, run_id: str) -> bool:
        """Have a run of this user end, whichever session started it; False where no such run is in flight.

        Returns once the peer knows, without waiting for the run's end.
        """
        request = cancel_request(run_id)
        return bool((await self._ask("done", urgent=True, cancel_run=request)).changed)

    async def reset_namespace(self) -> None:
        """Empty the namespace on the peer, as a restart empties a kernel: its variables, definitions and steps.

        Raises:
            ValidationError: Runs use it.
        """
        await self._ask("done", reset_namespace=pb.ResetNamespace())
