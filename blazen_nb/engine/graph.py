"""The steps of a workflow by the events they accept: routing table, certain mistakes, and likely ones."""

from __future__ import annotations

from collections.abc import Iterable

from blazen_nb.engine.retry import NO_RETRY, RetryConfig
from blazen_nb.engine.step import Step
from blazen_nb.errors import ValidationError
from blazen_nb.events import INPUT_REQUEST, INPUT_RESPONSE, START, STOP
from blazen_nb.updates import StepShape


class Graph:
    """A workflow's steps, checked and ready to route; shared by its runs, never changed.

    Raises:
        ValidationError: No step, an ID twice, or nobody accepts the StartEvent.
    """

    __slots__ = ("by_event", "default_retry", "default_timeout", "steps")

    def __init__(
        self,
        steps: Iterable[Step],
        *,
        default_retry: RetryConfig | None = None,
        default_timeout: float | None = None,
    ) -> None:
        self.steps: tuple[Step, ...] = tuple(steps)
        self.default_retry = default_retry or NO_RETRY
        self.default_timeout = default_timeout
        self.by_event: dict[str, tuple[Step, ...]] = {}
        seen: set[str] = set()
        for step in self.steps:
            if not isinstance(step, Step):
                name = getattr(step, "__name__", type(step).__name__)
                raise ValidationError(f"{name} is not a step; decorate it with @step")
            if step.step_id in seen:
                raise ValidationError(
                    f"step ID {step.step_id} is there twice; give one of them @step(id=...)"
                )
            seen.add(step.step_id)
            for event_type in step.accepts:
                self.by_event[event_type] = (*self.by_event.get(event_type, ()), step)
        if not self.steps:
            raise ValidationError("a workflow needs at least one step")
        if START not in self.by_event:
            raise ValidationError(
                f"no step accepts StartEvent, so nothing would ever run; the steps accept {', '.join(self.by_event)}"
            )

    def retry_of(self, step: Step) -> RetryConfig:
        """The step's own retry policy, else the workflow's."""
        return step.retry or self.default_retry

    def timeout_of(self, step: Step) -> float | None:
        """Seconds an attempt of the step may take, None = as long as it likes."""
        return (step.timeout if step.timeout is not None else self.default_timeout) or None

    def shape(self) -> tuple[StepShape, ...]:
        """The steps as a drawing needs them."""
        return tuple(
            StepShape(step_id=s.step_id, accepts=s.accepts, emits=s.emits) for s in self.steps
        )

    def check(self) -> list[str]:
        """Likely mistakes, as sentences; empty where none is seen.

        They are not errors: return annotations may be missing and ``ctx.send_event`` may send anything.
        """
        problems = []
        known = {event for step in self.steps for event in step.emits}
        all_annotated = all(step.emits for step in self.steps)
        if all_annotated and STOP not in known:
            problems.append("no step is annotated to return a StopEvent, so the run may never end")
        for event in sorted(known - set(self.by_event) - {STOP, INPUT_REQUEST}):
            problems.append(f"event {event} is emitted, but no step accepts it")
        reachable = self._reachable()
        for step in self.steps:
            if all_annotated and step not in reachable:
                problems.append(
                    f"step {step.step_id} is never reached: nothing emits {' or '.join(step.accepts)}"
                )
        return problems

    def _reachable(self) -> set[Step]:
        found: set[Step] = set()
        todo = [START, INPUT_RESPONSE]
        seen = set(todo)
        while todo:
            for step in self.by_event.get(todo.pop(), ()):
                found.add(step)
                todo.extend(event for event in step.emits if event not in seen)
                seen.update(step.emits)
        return found
