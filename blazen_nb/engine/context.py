"""What a running step is given: the run's shared state, and ways to speak. Its sync methods work from any thread."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Any, Protocol

from blazen_nb.engine.asking import Question
from blazen_nb.engine.interrupt import uninterrupted
from blazen_nb.engine.pause_policy import KeptObjects
from blazen_nb.engine.refs import RefLifetime, RunRefs, SessionRef
from blazen_nb.engine.run_questions import AskingRun, RunQuestions
from blazen_nb.engine.schema import read_schema
from blazen_nb.engine.state import SessionNamespace, StateNamespace
from blazen_nb.engine.ticks import Attempt, EventSent
from blazen_nb.engine.usage import UsageMeter
from blazen_nb.errors import ValidationError, WorkflowCancelledError
from blazen_nb.events import Event
from blazen_nb.updates import Usage


class RunOfContext(AskingRun, Protocol):
    """What a Context needs of its run."""

    store: StateNamespace
    live: SessionNamespace
    usage: UsageMeter
    kept: KeptObjects | None
    questions: RunQuestions

    @property
    def refs(self) -> RunRefs:
        """The values that its steps have put away."""

    def publish(self, event: Event, step_id: str | None = None) -> None:
        """Show the event, which this step wrote, to whoever streams the run."""

    def show_progress(self, attempt: Attempt, label: str, done: float, total: float | None) -> None:
        """Show how far a step is."""

    def making_room(self, attempt: Attempt) -> AbstractContextManager[object]:
        """While this attempt only waits, others may run in its thread's place."""


class SubRun(Protocol):
    """What a Context needs of a run that its step started."""

    usage: UsageMeter

    def cancel(self, reason: str) -> None:
        """Have the run end as cancelled."""


class Context:
    """A step's grip on its run; each attempt gets one, all of a run share state and session."""

    __slots__ = ("_asked", "_attempt", "_cancelled", "_run", "_sub_runs", "may_block")

    def __init__(self, run: RunOfContext, attempt: Attempt) -> None:
        self._run = run
        self._attempt = attempt
        self._cancelled = False
        self._sub_runs: list[SubRun] = []
        self._asked: list[Question] = []
        self.may_block = False
        """Whether the step may block its event loop while a person thinks, as a cell blocks a kernel."""

    @property
    def state(self) -> StateNamespace:
        """State captured by value; survives snapshots."""
        return self._run.store

    @property
    def session(self) -> SessionNamespace:
        """Live objects by identity."""
        return self._run.live

    @property
    def kept(self) -> KeptObjects | None:
        """Where the live objects go that this step puts into events; None where nobody asks for them."""
        return self._run.kept

    def set(self, key: str, value: Any) -> None:
        """Store a value for the other steps; captured now."""
        self._run.store.set(key, value)

    def get(self, key: str, default: Any = None) -> Any:
        """A value that a step stored, else the default."""
        return self._run.store.get(key, default)

    def set_bytes(self, key: str, value: bytes | bytearray) -> None:
        """Store a copy of the bytes."""
        self._run.store.set_bytes(key, value)

    def get_bytes(self, key: str, default: bytes | None = None) -> bytes | None:
        """Bytes that a step stored, else the default."""
        return self._run.store.get_bytes(key, default)

    def send_event(self, event: Event) -> None:
        """Send an event into the run now; the steps that accept it start at once."""
        with uninterrupted():
            self._run.feed(EventSent(_checked(event)))

    def write_event_to_stream(self, event: Event) -> None:
        """Publish an event to whoever streams this run; no step sees it."""
        with uninterrupted():
            self._run.publish(_checked(event), self.step_id)

    def put(self, value: Any, lifetime: RefLifetime = RefLifetime.UntilContextDrop) -> SessionRef:
        """Keep a value where it is, whatever its size and type, and give a ref to it.

        The ref may be put into the result, into ``ctx.state`` or into an event: there the caller of a remote run
        finds a RemoteRef, which fetches the value, or stands for it in the input of another run on that peer.

        Args:
            lifetime: How long; see RefLifetime.

        Raises:
            LimitError: The run holds as many refs as it may.
        """
        with uninterrupted():
            return self._run.refs.put(value, lifetime)

    def progress(self, done: float, total: float | None = None, label: str = "") -> None:
        """Show how far this step is.

        Args:
            done: How much is done, in any unit.
            total: Of how much; None where it is not known.
            label: Names the bar; a step may have several.
        """
        given = None if total is None else float(total)
        with uninterrupted():
            self._run.show_progress(self._attempt, label, float(done), given)

    def ask(
        self,
        prompt: str,
        schema: Any = None,
        *,
        default: Any = None,
        timeout: float | None = None,
    ) -> Any:
        """A person's answer, for which this step waits; an async step uses ``aask``.

        It is asked where the run is followed: in the card of its cell, among the events and updates of its handle,
        which answer it too (``respond_to_input``, ``RunHandle.answer``). The wait counts neither for the step's nor
        for the workflow's timeout, and takes no other step's thread. A run that is resumed from a snapshot asks again.

        Args:
            schema: What the answer has to be: ``bool``, ``int``, ``float``, ``str``, a list of choices, or a part of
                JSON Schema: type, enum, minimum, maximum, title, description, default, and an object with properties
                and required, one level deep. None = anything.
            default: The answer where nobody gives one in time, and what the form starts with.
            timeout: Seconds to wait for the answer; None = as long as it takes.

        Raises:
            ValidationError: The schema is none, nobody follows the run, or the wait would block an event loop.
            InputTimeoutError: Nobody answered in time, and there is no default.
            WorkflowCancelledError: The step was told to stop meanwhile.
        """
        question = Question(prompt, read_schema(schema, default), timeout)
        self._refuse_to_block()
        # An interrupt can wait: it comes after the step was told to stop, and that ends the wait.
        with uninterrupted():
            self._asked.append(question)
            try:
                self._run.questions.ask(self._run, self._attempt, question)
                self.check_cancelled()
                with self._run.making_room(self._attempt):
                    return question.wait()
            finally:
                self._asked.remove(question)
                self._run.questions.withdraw(self._run, question)

    def _refuse_to_block(self) -> None:
        context: Context | None = self
        while context is not None and not context.may_block:
            context = context._run.questions.asker
        if context is not None:
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        raise ValidationError(
            f"ask() in step {self.step_id} would block the event loop that runs here, and with it the answer: "
            "write `await ctx.aask(...)` in an `async def` step"
        )

    def pass_on(self, question: Question) -> None:
        """Ask what a step of the sub-workflow asks."""
        self._run.questions.ask(self._run, self._attempt, question)

    def take_back(self, question: Question) -> None:
        """It waits for the answer no longer."""
        self._run.questions.withdraw(self._run, question)

    def record_usage(
        self,
        *,
        model: str | None = None,
        input_tokens: int = 0,
        output_tokens: int = 0,
        reasoning_tokens: int = 0,
        cached_input_tokens: int = 0,
        cost_usd: float = 0.0,
    ) -> None:
        """Add tokens and cost to what the run reports.

        Args:
            model: Whose they were; only for the reader of the code, sums are kept over all models.
            cost_usd: US dollars.
        """
        self._run.usage.add(
            Usage(
                prompt_tokens=input_tokens,
                completion_tokens=output_tokens,
                total_tokens=input_tokens + output_tokens,
                reasoning_tokens=reasoning_tokens,
                cached_input_tokens=cached_input_tokens,
                cost_usd=cost_usd,
            )
        )

    def run_id(self) -> str:
        """The run's ID, a dashed UUID."""
        return self._run.run_id

    @property
    def step_id(self) -> str:
        """The ID of the step that has this context."""
        return self._attempt.step.step_id

    @property
    def call(self) -> int:
        """Which call of this step within the run, from 1."""
        return self._attempt.call

    @property
    def attempt(self) -> int:
        """Which attempt of this call, from 1; above 1 it is a retry."""
        return self._attempt.number

    @property
    def cancelled(self) -> bool:
        """True once this attempt was told to stop; a long loop should look now and then."""
        return self._cancelled

    def mark_cancelled(self) -> None:
        """Make ``cancelled`` true; the engine calls this when it tells the attempt to stop."""
        self._cancelled = True
        for question in list(self._asked):
            question.fail(self._stopped())
        for run in list(self._sub_runs):
            run.cancel("the step that runs it was told to stop")

    def sub_run_started(self, run: SubRun) -> None:
        """Have the sub-workflow end with this step."""
        self._sub_runs.append(run)
        if self._cancelled:
            run.cancel("the step that runs it was told to stop")

    def sub_run_ended(self, run: SubRun) -> None:
        """Add what the sub-workflow spent, and hold it no longer."""
        self._sub_runs.remove(run)
        self._run.usage.add(run.usage.total)

    def check_cancelled(self) -> None:
        """Nothing, or WorkflowCancelledError once this attempt was told to stop.

        Raises:
            WorkflowCancelledError: The attempt was told to stop.
        """
        if self._cancelled:
            raise self._stopped()

    def _stopped(self) -> WorkflowCancelledError:
        return WorkflowCancelledError(
            "the run was cancelled", run_id=self._run.run_id, step_id=self.step_id
        )

    async def aset(self, key: str, value: Any) -> None:
        """As ``set``."""
        self.set(key, value)

    async def aget(self, key: str, default: Any = None) -> Any:
        """As ``get``."""
        return self.get(key, default)

    async def aset_bytes(self, key: str, value: bytes | bytearray) -> None:
        """As ``set_bytes``."""
        self.set_bytes(key, value)

    async def aget_bytes(self, key: str, default: bytes | None = None) -> bytes | None:
        """As ``get_bytes``."""
        return self.get_bytes(key, default)

    async def asend_event(self, event: Event) -> None:
        """As ``send_event``."""
        self.send_event(event)

    async def awrite_event_to_stream(self, event: Event) -> None:
        """As ``write_event_to_stream``."""
        self.write_event_to_stream(event)

    async def aput(
        self, value: Any, lifetime: RefLifetime = RefLifetime.UntilContextDrop
    ) -> SessionRef:
        """As ``put``."""
        return self.put(value, lifetime)

    async def aask(
        self,
        prompt: str,
        schema: Any = None,
        *,
        default: Any = None,
        timeout: float | None = None,
    ) -> Any:
        """As ``ask``, without blocking the event loop."""
        question = Question(prompt, read_schema(schema, default), timeout)
        try:
            self._run.questions.ask(self._run, self._attempt, question)
            return await question.wait_async()
        finally:
            self._run.questions.withdraw(self._run, question)

    async def arun_id(self) -> str:
        """As ``run_id``."""
        return self.run_id()

    def __repr__(self) -> str:
        return f"Context(step {self.step_id}, run {self._run.run_id[:8]})"


def _checked(event: Event) -> Event:
    if not isinstance(event, Event):
        raise TypeError(f"an Event is needed, not a {type(event).__name__}")
    return event
