"""What the async client gives for a started run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blazen_nb.client.bulk import save_log
from blazen_nb.client.feed import RunFeed
from blazen_nb.client.known import KnownRun
from blazen_nb.client.open_questions import Question, the_question
from blazen_nb.client.requests import ANSWER_SECONDS, answer_of, no_answer
from blazen_nb.client.run_requests import (
    answer_request,
    pause_request,
    require_answered,
    resume_request,
)
from blazen_nb.client.waiters import AsyncReply
from blazen_nb.engine.result import WorkflowResult
from blazen_nb.events import Event
from blazen_nb.updates import Update
from blazen_nb.wire.v1 import kernel_pb2 as pb

if TYPE_CHECKING:
    from blazen_nb.client.aio import AsyncPeerClient


class AsyncRunHandle(KnownRun):
    """A client's grip on a run; awaiting it gives the result."""

    def __init__(self, feed: RunFeed, client: AsyncPeerClient) -> None:
        self._feed = feed
        # A client that nobody holds ends its session, and with it the updates.
        self._client = client

    async def next_update(self, timeout: float | None = None) -> Update | None:
        """The next update; None where none came in ``timeout`` seconds, or none will come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._feed.wait_async(lambda: self._feed.has_news)
        return self._feed.take()

    async def updates(self) -> AsyncIterator[Update]:
        """What the run tells, in order, ending with ``Ended``; each update is given out once."""
        while True:
            update = await self.next_update()
            if update is not None:
                yield update
            elif self._feed.has_ended:
                return

    async def events(self) -> AsyncIterator[Event]:
        """The events that steps write to the stream, and the run's questions, in order; other updates are passed over."""
        while True:
            await self._feed.wait_async(lambda: self._feed.has_news)
            for event in self._feed.take_events():
                yield event
            if self._feed.has_given_all_events:
                return

    async def result(self, timeout: float | None = None) -> WorkflowResult:
        """The result, once the run has ended.

        Args:
            timeout: Seconds to wait; the run goes on when they are over.

        Raises:
            WorkflowError: The run did not succeed.
            TimeoutError: It has not ended in time.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._feed.wait_async(lambda: self._feed.has_ended)
        except TimeoutError:
            raise TimeoutError(self._feed.not_ended(timeout)) from None
        return self._feed.outcome_or_raise()

    def cancel(self) -> None:
        """Ask for the run's end, without waiting; ``result()`` then raises WorkflowCancelledError."""
        self._feed.link.cancel(self._feed.raw_id, "cancelled by the client")

    def detach(self) -> None:
        """As ``RunHandle.detach``."""
        self._feed.detach()

    async def save_log(self, path: str | Path) -> int:
        """As ``RunHandle.save_log``."""
        return await asyncio.to_thread(save_log, self._feed.link, self._feed.raw_id, Path(path))

    async def pause(self) -> None:
        """As ``RunHandle.pause``."""
        answer_of(await self._ask(**pause_request(self._feed)), "done")

    async def resume(self) -> None:
        """As ``RunHandle.resume``."""
        answer_of(await self._ask(**resume_request(self._feed)), "done")

    async def respond_to_input(self, request_id: Question, response: Any = None) -> None:
        """As ``RunHandle.respond_to_input``."""
        frame = await self._ask(**answer_request(self._feed, request_id, response))
        require_answered(frame, request_id)

    async def answer(self, response: Any, question: Question | None = None) -> None:
        """As ``RunHandle.answer``."""
        await self.respond_to_input(the_question(self.questions(), question), response)

    async def _ask(self, **request: Any) -> pb.PeerFrame:
        reply = AsyncReply(self._feed.link.mail())
        self._feed.link.ask(reply, **request)
        try:
            return await reply.wait(ANSWER_SECONDS)
        except TimeoutError:
            raise no_answer(self._feed.link, ANSWER_SECONDS) from None

    def __await__(self) -> Generator[Any, None, WorkflowResult]:
        return self.result().__await__()
