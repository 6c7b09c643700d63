"""What the sync client gives for a started run."""

from __future__ import annotations

from collections.abc import Iterator
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
from blazen_nb.client.waiters import BlockingReply
from blazen_nb.engine.result import WorkflowResult
from blazen_nb.events import Event
from blazen_nb.updates import Update
from blazen_nb.wire.v1 import kernel_pb2 as pb

if TYPE_CHECKING:
    from blazen_nb.client.sync import PeerClient


class RunHandle(KnownRun):
    """A client's grip on a run. Thread-safe; an interrupted wait leaves the run as it is."""

    def __init__(self, feed: RunFeed, client: PeerClient) -> None:
        self._feed = feed
        # A client that nobody holds ends its session, and with it the updates.
        self._client = client

    def next_update(self, timeout: float | None = None) -> Update | None:
        """The next update; None where none came in ``timeout`` seconds, or none will come."""
        self._feed.wait(lambda: self._feed.has_news, timeout)
        return self._feed.take()

    def updates(self) -> Iterator[Update]:
        """What the run tells, in order, ending with ``Ended``; each update is given out once."""
        while True:
            update = self.next_update()
            if update is not None:
                yield update
            elif self._feed.has_ended:
                return

    def events(self) -> Iterator[Event]:
        """The events that steps write to the stream, and the run's questions, in order; other updates are passed over."""
        while True:
            self._feed.wait(lambda: self._feed.has_news, None)
            yield from self._feed.take_events()
            if self._feed.has_given_all_events:
                return

    def result(self, timeout: float | None = None) -> WorkflowResult:
        """The result, once the run has ended.

        Args:
            timeout: Seconds to wait; the run goes on when they are over.

        Raises:
            WorkflowError: The run did not succeed.
            TimeoutError: It has not ended in time.
        """
        if not self._feed.wait(lambda: self._feed.has_ended, timeout):
            raise TimeoutError(self._feed.not_ended(timeout))
        return self._feed.outcome_or_raise()

    def cancel(self) -> None:
        """Ask for the run's end, without waiting; ``result()`` then raises WorkflowCancelledError."""
        self._feed.link.cancel(self._feed.raw_id, "cancelled by the client")

    def detach(self) -> None:
        """Read no more of the run, which goes on; ``client.attach`` gives a handle that reads it again."""
        self._feed.detach()

    def save_log(self, path: str | Path) -> int:
        """The number of bytes in the file that holds all that the run has printed so far, as UTF-8 text.

        What was left out of its output, because it came too fast to show, is there, too.

        Raises:
            ValidationError: The peer keeps the run no more.
            OSError: The file cannot be written.
        """
        return save_log(self._feed.link, self._feed.raw_id, Path(path))

    def pause(self) -> None:
        """Have no further step start; steps that run go on. Nothing where the run has ended.

        Raises:
            UnsupportedError: The peer is too old to pause runs.
        """
        answer_of(self._ask(**pause_request(self._feed)), "done")

    def resume(self) -> None:
        """Let the run go on after ``pause``."""
        answer_of(self._ask(**resume_request(self._feed)), "done")

    def respond_to_input(self, request_id: Question, response: Any = None) -> None:
        """Answer a question of the run (an ``InputRequested`` among its updates).

        Raises:
            ValidationError: The run does not wait for this one, or the answer is not what was asked for; the question
                then stays open.
            EncodeError: The answer cannot travel.
        """
        frame = self._ask(**answer_request(self._feed, request_id, response))
        require_answered(frame, request_id)

    def answer(self, response: Any, question: Question | None = None) -> None:
        """Answer the question that waits; ``question`` says which, where it is not the only one.

        Raises:
            ValidationError: Nothing is asked, or it is not clear what is answered, or the answer is not what was asked
                for.
            EncodeError: The answer cannot travel.
        """
        self.respond_to_input(the_question(self.questions(), question), response)

    def _ask(self, **request: Any) -> pb.PeerFrame:
        reply = BlockingReply()
        self._feed.link.ask(reply, **request)
        try:
            return reply.wait(ANSWER_SECONDS)
        except TimeoutError:
            raise no_answer(self._feed.link, ANSWER_SECONDS) from None
