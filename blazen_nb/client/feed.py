"""What a started run has told so far, for whoever reads it: a thread or a task, now or later."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable

from blazen_nb.client.link import PeerLink
from blazen_nb.client.open_questions import OpenQuestions
from blazen_nb.client.requests import refused
from blazen_nb.client.results import result_of
from blazen_nb.engine.heartbeat import interruptible
from blazen_nb.engine.result import WorkflowResult
from blazen_nb.engine.run import dashed
from blazen_nb.errors import BlazenError, RunLostError, ValidationError
from blazen_nb.events import Event
from blazen_nb.updates import Outcome, Update
from blazen_nb.wire.io_loop import POLL_SECONDS
from blazen_nb.wire.messages import events_of, last_seq, question_of, updates_of
from blazen_nb.wire.v1 import kernel_pb2 as pb


class RunFeed:
    """The receiver of one run's updates and result.

    Args:
        trusted: Values that the peer pickled may be opened.
        after_seq: Updates up to this one are passed over.
        look_only: The peer is not told that the result is here, and so keeps what it holds for it.
    """

    can_attach_again = True

    def __init__(
        self,
        link: PeerLink,
        run_id: bytes,
        workflow_name: str,
        *,
        trusted: bool,
        after_seq: int = 0,
        look_only: bool = False,
    ) -> None:
        self.link = link
        self.raw_id = run_id
        self.run_id = dashed(run_id)
        self.workflow_name = workflow_name
        self.started = False
        self.is_durable = False
        self.is_detached = False
        """Nothing more is read, by this client's own wish."""
        self.request_id = 0
        """The request that started the run, or attached to it."""
        self.result: pb.RunResult | None = None
        self.error: BlazenError | None = None
        self.questions = OpenQuestions()
        self._trusted = trusted
        self._after_seq = after_seq
        self._look_only = look_only
        self._newest: pb.RunUpdate | None = None
        self._forgotten = ""
        """Why the peer has forgotten the request; empty where it has not."""
        self._made: WorkflowResult | None = None
        self._unread: deque[tuple[pb.RunUpdate, int]] = deque()
        """Messages, each with the last update that is not wanted of those in it."""
        self._ready: deque[Update] = deque()
        self._changed = threading.Condition()
        self._wakers: list[Callable[[], None]] = []

    # --- Receiver, on the I/O loop ---------------------------------------------------------------------------

    def receive(self, frame: pb.PeerFrame) -> bool:
        """See Receiver."""
        kind = frame.WhichOneof("kind")
        with self._changed:
            if kind == "update":
                self._newest = frame.update
                self._unread.append((frame.update, self._after_seq))
                self.questions.see(frame.update)
            elif kind == "run_started":
                self.started = True
                self.is_durable = frame.run_started.durable
                self.workflow_name = self.workflow_name or frame.run_started.workflow_name
            elif kind == "result":
                self.result = frame.result
                if not self._look_only:
                    taken = pb.AckRun(run_id=self.raw_id, request_id=frame.request_id)
                    self.link.tell(ack_run=taken)
            elif kind == "refusal":
                error = refused(frame.refusal)
                # Accepted once, and now nobody knows it: its peer was restarted.
                self.error = self._lost(error) if self.started or self._forgotten else error
            self._wake()
        return self.has_ended

    def fail(self, error: BlazenError) -> None:
        """See Receiver."""
        with self._changed:
            self.error = self._lost(error) if self.started else error
            self._wake()

    def _lost(self, error: BlazenError) -> RunLostError:
        why = f"{self._forgotten}; " if self._forgotten else ""
        lost = RunLostError(
            f"run {self.run_id} is out of sight: {why}{error}",
            run_id=self.run_id,
            peer=self.link.node_id,
        )
        lost.__cause__ = error
        return lost

    def connection_changed(self) -> None:
        """See Receiver."""
        with self._changed:
            self._wake()

    def attach_again(self, why: str) -> pb.AttachRun | None:
        """See Receiver."""
        # Without the lock: only the I/O loop looks at these, and the link's own lock is held.
        self._forgotten = why
        if self._newest is not None:
            # A message that comes once more may have more in it than it had.
            self._after_seq = max(self._after_seq, last_seq(self._newest))
        return pb.AttachRun(run_id=self.raw_id, after_seq=self._after_seq)

    def detach(self) -> None:
        """Read no more; the run goes on."""
        with self._changed:
            if self.has_ended:
                return
            self.is_detached = True
            self.link.forget(self.request_id)
            self.link.tell(detach_run=pb.DetachRun(request_id=self.request_id))
            self._wake()

    def _wake(self) -> None:
        self._changed.notify_all()
        wakers, self._wakers = self._wakers, []
        for wake in wakers:
            wake()

    # --- readers ---------------------------------------------------------------------------------------------

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.result is not None or self.error is not None or self.is_detached

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended; None while it has not."""
        if self.result is not None:
            return self.result.outcome  # type: ignore[return-value]  # the peer sends the names of Outcome
        return "lost" if self.error is not None else None

    def take(self) -> Update | None:
        """The next update, if one is there; each is given out once."""
        while not self._ready and self._unread:
            message, after_seq = self._unread.popleft()
            updates = updates_of(
                message,
                self.run_id,
                trusted=self._trusted,
                open_leaf=self.link.refs.open_leaf,
            )
            # What it begins with: the peer sends whole messages, and one may hold many events.
            self._ready.extend(each for each in updates if each.seq > after_seq)
        return self._ready.popleft() if self._ready else None

    @property
    def has_given_all_events(self) -> bool:
        """Whether the run is over and ``take_events`` has nothing left to give."""
        return self.has_ended and not self._unread

    def take_events(self) -> list[Event]:
        """The events and questions among all that is there; other updates are passed over."""
        events: list[Event] = []
        while self._unread:
            update, after_seq = self._unread.popleft()
            passed_over = max(0, after_seq + 1 - update.seq)
            if update.WhichOneof("kind") == "events":
                told = events_of(
                    update.events, trusted=self._trusted, open_leaf=self.link.refs.open_leaf
                )
                events.extend(told[passed_over:])
            elif update.WhichOneof("kind") == "input_request" and not passed_over:
                events.append(question_of(update.input_request))
        return events

    def outcome_or_raise(self) -> WorkflowResult:
        """The result of a run that has ended.

        Raises:
            BlazenError: It did not succeed, or is out of sight.
            ValidationError: This reader was detached from it.
        """
        if self.is_detached:
            raise ValidationError(
                f"this handle was detached from run {self.run_id}; client.attach() gives one that reads it"
            )
        if self.error is not None:
            raise self.error
        assert self.result is not None
        if (
            self._made is None
        ):  # once: a second RemoteRef of a value would find it released with the first
            refs = self.link.refs
            self._made = result_of(
                self.result,
                self.workflow_name,
                self.link,
                trusted=self._trusted,
                open_leaf=refs.look_at if self._look_only else refs.open_leaf,
            )
        return self._made

    def not_ended(self, timeout: float | None) -> str:
        """What a wait for the result that was too short says."""
        return f"run {self.run_id} has not ended within {timeout:g} s; it goes on"

    def wait(self, until: Callable[[], bool], timeout: float | None) -> bool:
        """Block until it holds, at most this many seconds; False where it does not then. Interruptible."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not until():
                turn = POLL_SECONDS
                if deadline is not None:
                    turn = min(turn, deadline - time.monotonic())
                    if turn <= 0:
                        return False
                self._changed.wait(turn)
        return True

    async def wait_async(self, until: Callable[[], bool]) -> None:
        """Return once it holds."""
        mail = self.link.mail()
        while True:
            changed = asyncio.Event()
            with self._changed:
                if until():
                    return
                self._wakers.append(lambda changed=changed: mail.post(changed.set))  # type: ignore[misc]
            with interruptible():
                await changed.wait()

    @property
    def has_news(self) -> bool:
        """Whether an update is there, or none will come."""
        return bool(self._ready or self._unread) or self.has_ended
