"""One run of a workflow: owns the state, feeds it ticks, carries out commands. Lanes do the running.

Whichever thread has a tick applies it under the run's lock; what follows from it is carried out after the lock is
released, because running a step under it could wait for itself.
"""

from __future__ import annotations

import contextvars
import os
import random
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from blazen_nb.engine.context import Context
from blazen_nb.engine.gate import Gate
from blazen_nb.engine.graph import Graph
from blazen_nb.engine.lane import Lane, LaneHost
from blazen_nb.engine.observer import Observer, tell, tell_ended
from blazen_nb.engine.pause_policy import KeptObjects
from blazen_nb.engine.reducer import apply, fail
from blazen_nb.engine.refs import LazyRefs, RunRefs
from blazen_nb.engine.returned import checked_return
from blazen_nb.engine.run_questions import RunQuestions, answer_to
from blazen_nb.engine.run_state import Moment, RunState
from blazen_nb.engine.run_timers import RunTimers
from blazen_nb.engine.state import SessionNamespace, StateNamespace
from blazen_nb.engine.stopping import abandon, abort
from blazen_nb.engine.ticks import (
    AbandonAttempt,
    AbortAttempt,
    AskInput,
    Attempt,
    AttemptFailed,
    AttemptFinished,
    CancelRequested,
    CloseInput,
    EventSent,
    Finish,
    PauseRequested,
    Restarted,
    Restored,
    ResumeRequested,
    RunAttempt,
    ShowGraph,
    Tick,
    TimerCommand,
    TimerFired,
    TimerKey,
)
from blazen_nb.engine.timers import Clock, thread_clock
from blazen_nb.engine.usage import UsageMeter
from blazen_nb.events import INPUT_REQUEST, START, Event
from blazen_nb.updates import StepOutcome, Usage


class Run:
    """A workflow that runs.

    Args:
        graph: Its steps.
        host: Where lanes come from.
        on_end: Called once, outside the lock, on whichever thread ended the run.
        timeout: Seconds the whole run may take.
        observer: Who is told what happens.
        auto_publish: Publish every event that steps emit.
        make_refs: Makes the place for values that steps put away, once one does.
        parent: The step that started this run: what is put away is its run's, and what is asked, it asks.
        kept: Keeps the live objects that steps put into events, for snapshots.
        gate: Keeps what happens before it counts; None = it counts at once.
    """

    def __init__(
        self,
        graph: Graph,
        host: LaneHost,
        *,
        on_end: Callable[[Run], None],
        run_id: str | None = None,
        timeout: float | None = None,
        observer: Observer | None = None,
        clock: Clock = thread_clock,
        auto_publish: bool = False,
        make_refs: Callable[[], RunRefs] = RunRefs,
        parent: Context | None = None,
        kept: KeptObjects | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.run_id = run_id or dashed(os.urandom(16))
        self.state = RunState(graph, timeout=timeout)
        self.store = StateNamespace() if gate is None else gate.store
        self.live = SessionNamespace()
        self.usage = UsageMeter()
        self.kept = kept
        self.observer = observer
        self.clock = clock
        self.finish: Finish | None = None
        self.abandoned: list[Attempt] = []
        """Attempts that were told to stop and have not; each leaves the list when it does end."""
        self.variables = contextvars.copy_context()
        """Context variables of whoever started the run; its steps see them."""
        self._gate = gate
        self._host = host
        self._on_end = on_end
        self.auto_publish = auto_publish
        self._lock = threading.RLock()
        self._lanes: dict[int, tuple[Lane, Context]] = {}
        self._timers = RunTimers(clock)
        self._refs = LazyRefs(make_refs, parent._run if parent is not None else None)
        self.questions = RunQuestions(parent)

    @property
    def refs(self) -> RunRefs:
        """The values that its steps have put away."""
        return self._refs.get()

    def start(self, event: Event, lane: Lane | None = None) -> Attempt | None:
        """Begin with this event; as ``feed``."""
        if self.observer is not None:
            tell(self.observer.graph_known, self.state.graph)
        return self.feed(EventSent(event), lane)

    def cancel(self, reason: str) -> None:
        """Have the run end as cancelled: its steps are told to stop, and left behind where they do not within 1 s."""
        self.feed(CancelRequested(reason))

    def pause(self) -> None:
        """Start nothing new until resume(); steps that run go on, and what they return is kept."""
        self.feed(PauseRequested())

    def resume(self) -> None:
        """Go on after pause()."""
        self.feed(ResumeRequested())

    def moment(self) -> Moment:
        """All of the run as it is now, in itself consistent: no step starts meanwhile."""
        with self._lock:
            return Moment(
                self.state.copied(),
                self._timers.left("run"),
                self.store.captured(),
                self.live.keys(),
                frozenset(self._lanes),
                self.usage.total,
            )

    def snapshot_taken(self) -> None:
        """What steps keep until a snapshot is let go of."""
        self._refs.snapshot_taken()

    def restore(self, moment: Moment, attempts: list[Attempt], events: list[Event]) -> None:
        """Begin in the middle: with this state, these attempts and events that are still to be routed."""
        self.state = moment.state
        self.store.restore(moment.values)
        self.usage.add(moment.usage)
        if self.observer is not None:
            tell(self.observer.graph_known, self.state.graph)
        self.feed(Restored(attempts, events, moment.seconds_left))

    def go_on(self, state: RunState, values: dict[str, Any], usage: Usage, tick: Restarted) -> None:
        """Begin where the process before this one was cut off, with the state that its ticks lead to."""
        self.state = state
        self.store.restore(values)
        self.usage.add(usage)
        self.feed(tick)

    @property
    def seconds_left(self) -> float | None:
        """Of its timeout; None where it has none."""
        return self._timers.left("run")

    def stop_attempts(self) -> None:
        """Tell the attempts that are at work to stop, without an end of the run: another process goes on with it."""
        for attempt in list(self.state.running.values()):
            abort(self._lanes, attempt, self.clock, _nothing)

    def respond_to_input(self, request_id: str, response: Any) -> bool:
        """Answer an input request; False where nobody waits for this one.

        Raises:
            ValidationError: The answer is not what was asked for; the request stays open.
        """
        answered = answer_to(self.state, request_id, response)
        if answered is not None:
            self.feed(answered)
        return answered is not None

    def making_room(self, attempt: Attempt) -> AbstractContextManager[object]:
        """While this attempt only waits, others may run in its thread's place."""
        entry = self._lanes.get(attempt.attempt_id)
        return entry[0].making_room() if entry is not None else nullcontext()

    def publish(self, event: Event, step_id: str | None = None) -> None:
        """Show the event to the observer; what comes after the end is dropped."""
        if self.observer is not None and self.finish is None:
            self._refs.let_leave(event.__dict__)
            self.observer.event_published(event, step_id)

    def show_progress(self, attempt: Attempt, label: str, done: float, total: float | None) -> None:
        """Tell the observer how far a step is."""
        if self.observer is not None and self.finish is None:
            self.observer.progressed(attempt, label, done, total)

    # --- lanes call these ------------------------------------------------------------------------------------

    def begin(self, attempt: Attempt, lane: Lane) -> Context | None:
        """The context for the attempt that the lane is about to run; None where it no longer counts."""
        with self._lock:
            if attempt.attempt_id not in self.state.running:
                return None
            context = Context(self, attempt)
            self._lanes[attempt.attempt_id] = (lane, context)
            if self.observer is not None:
                tell(self.observer.step_started, attempt)
            return context

    def returned(self, attempt: Attempt, value: Any, lane: Lane) -> Attempt | None:
        """The attempt returned this; the answer is what the lane should go on with."""
        try:
            checked = checked_return(attempt.step, value)
        except TypeError as error:
            return self.raised(attempt, error, lane)
        return self.feed(AttemptFinished(attempt.attempt_id, checked), lane)

    def raised(self, attempt: Attempt, error: BaseException, lane: Lane) -> Attempt | None:
        """The attempt raised this; the answer is what the lane should go on with."""
        return self.feed(AttemptFailed(attempt.attempt_id, error, random.random()), lane)  # noqa: S311 - jitter

    # ---------------------------------------------------------------------------------------------------------

    def feed(self, tick: Tick, lane: Lane | None = None, *, kept: bool = False) -> Attempt | None:
        """Apply the tick and carry out what follows; a gate first keeps it.

        Args:
            kept: The gate has kept it.

        Returns:
            An attempt that the given lane is to go on with; everything else got lanes of its own.
        """
        if self._gate is not None and not kept and self._gate.holds(self, tick):
            return None
        mine: Attempt | None = None
        spawn: list[Attempt] = []
        later: list[Callable[[], None]] = []
        with self._lock:
            attempt = self._ended_attempt(tick)
            try:
                commands = apply(self.state, tick)
            except Exception as error:
                # Odd contents of a user's event; the run must end all the same.
                commands = fail(self.state, error)
            if self.observer is not None:
                emitted = tell_ended(self.observer, tick, attempt, commands)
                if self.auto_publish:
                    self._publish_emitted(self.observer, emitted)
            for command in commands:
                if isinstance(command, RunAttempt):
                    if mine is None and lane is not None and lane.keeps(command.attempt.step):
                        mine = command.attempt
                    else:
                        spawn.append(command.attempt)
                elif isinstance(command, Finish):
                    self.finish = command
                else:
                    self._carry_out(command, tick, later)
        if spawn:
            self._host.spawn(self, spawn)
        for action in later:
            action()
        if self.finish is not None:
            self._end_once()
        return mine

    def _ended_attempt(self, tick: Tick) -> Attempt | None:
        if isinstance(tick, AttemptFinished | AttemptFailed):
            self._lanes.pop(tick.attempt_id, None)
            if self.abandoned:
                self.abandoned = [a for a in self.abandoned if a.attempt_id != tick.attempt_id]
            return self.state.running.get(tick.attempt_id)
        return None

    def _publish_emitted(self, observer: Observer, events: list[Event]) -> None:
        # No step emitted the input, and a question is shown anyway: seen twice, it would be answered twice.
        for event in events:
            if event.event_type not in (START, INPUT_REQUEST):
                self._refs.let_leave(event.__dict__)
                tell(observer.event_published, event, None)

    def _carry_out(self, command: Any, tick: Tick, later: list[Callable[[], None]]) -> None:
        """Do what is quick and safe under the lock; leave the rest for after it."""
        if isinstance(command, TimerCommand):
            self._timers.carry_out(command, partial(self._fired, command.key))
        elif isinstance(command, AbortAttempt):
            if self.observer is not None:
                outcome: StepOutcome = "timed_out" if isinstance(tick, TimerFired) else "cancelled"
                tell(self.observer.step_ended, command.attempt, outcome, None, ())
            attempt = command.attempt
            # One whose lane has not begun it, and will not any more, counts as stopped.
            stopped = partial(self.feed, AttemptFinished(attempt.attempt_id, None))
            later.append(partial(abort, self._lanes, attempt, self.clock, stopped))
        elif isinstance(command, AbandonAttempt):
            self.abandoned.append(command.attempt)
            later.append(partial(abandon, self._lanes, command.attempt))
        elif isinstance(command, CloseInput):
            self.questions.close(command)
            if self.observer is not None:
                tell(self.observer.input_closed, command.request_id, command.how)
        elif self.observer is not None:
            if isinstance(command, ShowGraph):
                tell(self.observer.graph_known, command.graph)
            elif isinstance(command, AskInput):
                tell(self.observer.input_requested, command.event)

    def _fired(self, key: TimerKey) -> None:
        self.feed(TimerFired(key))

    def _end_once(self) -> None:
        with self._lock:
            on_end, self._on_end = self._on_end, _nothing
        finish = self.finish
        if on_end is _nothing or finish is None:
            return
        succeeded = finish.outcome == "succeeded"
        if succeeded and finish.event is not None:
            self._refs.let_leave([finish.event.__dict__, self.store.exported_refs()])
        self._refs.run_ends(succeeded=succeeded)
        on_end(self)  # it may make refs of what cannot travel
        self._refs.run_ended(succeeded=succeeded)


def dashed(raw: bytes) -> str:
    """16 bytes as a dashed UUID; ``str(uuid4())`` costs six times as much."""
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _nothing(*_: object) -> None:
    """There is nothing to do any more."""
