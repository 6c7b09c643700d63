"""What a run came to: the result record, and the error that stands for a bad end. The same for local and remote runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from blazen_nb.engine.reducer import StepTimeout
from blazen_nb.engine.refs import Ref, refs_in
from blazen_nb.engine.ticks import Finish
from blazen_nb.engine.usage import ZERO, TokenUsage, tokens_of
from blazen_nb.errors import WorkflowCancelledError, WorkflowError, WorkflowTimeoutError
from blazen_nb.events import Event
from blazen_nb.render.static import is_static
from blazen_nb.updates import Update, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowResult:
    """The result of a run that succeeded, in this process or on a peer."""

    event: Event
    """The StopEvent."""
    run_id: str = ""
    workflow_name: str = ""
    state: dict[str, Any] = field(default_factory=dict)
    """The JSON values of ``ctx.state``, keys that start with ``_`` left out."""
    usage: Usage = ZERO
    history: Sequence[Update] = ()
    """What the run told, in order, where the workflow was built ``with_history()``."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """For a remote cell: the variables that were asked back."""
    display: tuple[dict[str, Any], dict[str, Any]] | None = None
    """For a remote cell: its last value as (mimebundle, metadata), rendered on the peer; None where it was None."""

    @property
    def event_type(self) -> str:
        """``blazen::StopEvent``."""
        return self.event.event_type

    @property
    def result(self) -> Any:
        """What the StopEvent carries."""
        return getattr(self.event, "result", None)

    @property
    def session_refs(self) -> dict[str, Ref]:
        """The refs in result, state and outputs by their UUID: SessionRefs of a run here, RemoteRefs of a remote one."""
        found = refs_in([self.event.__dict__, self.state, self.outputs])
        return {ref.uuid: ref for ref in found}

    @property
    def usage_total(self) -> TokenUsage:
        """Tokens that the steps recorded, sub-workflows included."""
        return tokens_of(self.usage)

    @property
    def cost_total_usd(self) -> float:
        """US dollars that the steps recorded."""
        return self.usage.cost_usd

    def _repr_html_(self) -> str | None:
        return None if is_static() else self._shown()[0]

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        p.text(self._shown()[1] if is_static() else repr(self))

    def _shown(self) -> tuple[str, str]:
        from blazen_nb.render.reprs import ResultView, kind_of, result_repr

        view = ResultView(
            workflow_name=self.workflow_name or "workflow",
            kind=kind_of(self.result),
            value_text=repr(self.result),
            usage=self.usage,
            state_keys=tuple(self.state),
            ref_owners=tuple(getattr(ref, "owner", "") for ref in self.session_refs.values()),
        )
        return result_repr(view)

    def __repr__(self) -> str:
        text = repr(self.result)
        return f"WorkflowResult({self.workflow_name or 'workflow'}, {text if len(text) < 80 else text[:77] + '...'})"


def bad_end(finish: Finish, run_id: str) -> WorkflowError:
    """The error for a run that did not succeed; the step's exception is its cause."""
    error = finish.error
    message = finish.message or (type(error).__name__ if error is not None else "the run failed")
    if finish.outcome == "cancelled":
        return WorkflowCancelledError(finish.message or "the run was cancelled", run_id=run_id)
    if finish.outcome == "timed_out":
        made: WorkflowError = WorkflowTimeoutError(message, run_id=run_id, step_id=finish.step_id)
    else:
        if error is not None and finish.step_id is not None:
            message = f"step {finish.step_id} failed: {type(error).__name__}"
            message += f": {finish.message}" if finish.message else ""
        made = WorkflowError(message, run_id=run_id, step_id=finish.step_id)
    if not isinstance(error, StepTimeout):
        made.__cause__ = error
    return made
