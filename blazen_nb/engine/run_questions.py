"""The questions that the steps of one run wait for, between the steps that ask and whoever answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from blazen_nb.engine.asking import Question
from blazen_nb.engine.observer import Observer
from blazen_nb.engine.run_state import RunState
from blazen_nb.engine.schema import binding_schema
from blazen_nb.engine.ticks import Asked, AskWithdrawn, Attempt, CloseInput, InputAnswered, Tick
from blazen_nb.errors import ValidationError, WorkflowCancelledError
from blazen_nb.events import InputResponseEvent

if TYPE_CHECKING:
    from blazen_nb.engine.context import Context


class AskingRun(Protocol):
    """What its questions need of a run."""

    run_id: str
    observer: Observer | None

    def feed(self, tick: Tick) -> Any:
        """Let the rules see what happened, and do what follows."""


class RunQuestions:
    """Which steps wait for which answer. It knows its run only where it is given it: a run that has ended is free.

    Args:
        asker: The step that runs this one as its sub-workflow: what is asked here, it asks.
    """

    __slots__ = ("_open", "asker")

    def __init__(self, asker: Context | None) -> None:
        self.asker = asker
        self._open: dict[str, Question] = {}

    def ask(self, run: AskingRun, attempt: Attempt, question: Question) -> None:
        """Show the question, which this attempt waits for, to whoever follows the run.

        Raises:
            ValidationError: Nobody follows it.
            WorkflowCancelledError: The attempt is over.
        """
        if self.asker is not None:
            self.asker.pass_on(question)
        elif run.observer is None:
            raise ValidationError(
                "nobody can be asked: this run shows its questions to nobody. Start it with run_with_handler() here, "
                "or with %%blazen_remote or start_remote_workflow() on a peer"
            )
        # First: an answer may come at once.
        self._open[question.request_id] = question
        seconds = question.seconds if self.asker is None else None
        run.feed(Asked(attempt.attempt_id, question.event, seconds))
        if question.is_withdrawn:
            raise WorkflowCancelledError(
                "the step is over, and can ask nothing any more",
                run_id=run.run_id,
                step_id=attempt.step.step_id,
            )

    def withdraw(self, run: AskingRun, question: Question) -> None:
        """Show it no longer; nothing where it is answered."""
        if self._open.pop(question.request_id, None) is not None:
            run.feed(AskWithdrawn(question.request_id))
        if self.asker is not None:
            self.asker.take_back(question)

    def close(self, command: CloseInput) -> None:
        """Hand the step that waits its answer; under the run's lock."""
        question = self._open.pop(command.request_id, None)
        if question is not None:
            question.close(command)


def answer_to(state: RunState, request_id: str, response: Any) -> InputAnswered | None:
    """What answers the question of this ID; None where it is not open.

    Raises:
        ValidationError: The answer is not what it asks for.
    """
    asked = state.asks.get(request_id)
    question = asked.event if asked is not None else state.inputs.get(request_id)
    if question is None:
        return None
    schema = binding_schema(getattr(question, "metadata", None))
    if schema is not None:
        response = schema.checked(response)
    fields = {"request_id": request_id, "response": response}
    return InputAnswered(request_id, InputResponseEvent._from_fields("", fields))
