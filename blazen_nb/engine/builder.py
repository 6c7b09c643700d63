"""WorkflowBuilder: a workflow put together call by call."""

from __future__ import annotations

from blazen_nb.engine.checkpoints import CheckpointStore
from blazen_nb.engine.pause_policy import SessionPausePolicy
from blazen_nb.engine.retry import NO_RETRY, RetryConfig
from blazen_nb.engine.step import Step
from blazen_nb.engine.workflow import Workflow


class WorkflowBuilder:
    """Collects steps and settings; ``build()`` makes the workflow. Every method returns the builder."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._steps: list[Step] = []
        self._timeout: float | None = None
        self._auto_publish = False
        self._retry: RetryConfig | None = None
        self._step_timeout: float | None = None
        self._policy: SessionPausePolicy | None = None
        self._history = False
        self._store: CheckpointStore | None = None
        self._after_step = False

    def step(self, step: Step) -> WorkflowBuilder:
        """Add a step."""
        self._steps.append(step)
        return self

    def timeout(self, seconds: float) -> WorkflowBuilder:
        """Seconds a run may take."""
        self._timeout = seconds
        return self

    def no_timeout(self) -> WorkflowBuilder:
        """A run may take as long as it likes."""
        self._timeout = None
        return self

    def auto_publish_events(self, enabled: bool = True) -> WorkflowBuilder:
        """Every event that steps emit goes to the stream as well."""
        self._auto_publish = enabled
        return self

    def retry_config(self, config: RetryConfig) -> WorkflowBuilder:
        """When failed steps are tried again."""
        self._retry = config
        return self

    def no_retry(self) -> WorkflowBuilder:
        """Failed steps are not tried again."""
        self._retry = NO_RETRY
        return self

    def clear_retry_config(self) -> WorkflowBuilder:
        """Back to the default."""
        self._retry = None
        return self

    def step_timeout(self, seconds: float) -> WorkflowBuilder:
        """Seconds an attempt of a step may take, where the step does not say itself."""
        self._step_timeout = seconds
        return self

    def no_step_timeout(self) -> WorkflowBuilder:
        """Attempts may take as long as they like."""
        self._step_timeout = None
        return self

    def session_pause_policy(self, policy: SessionPausePolicy) -> WorkflowBuilder:
        """What snapshots do with live objects in events."""
        self._policy = policy
        return self

    def with_history(self) -> WorkflowBuilder:
        """Keep what a run told in ``WorkflowResult.history``."""
        self._history = True
        return self

    def checkpoint_store(self, store: CheckpointStore) -> WorkflowBuilder:
        """Where snapshots of a run go: an object with ``save(checkpoint)``, which may be async."""
        self._store = store
        return self

    def checkpoint_after_step(self, enabled: bool = True) -> WorkflowBuilder:
        """Whether a snapshot is taken after each step; needs a checkpoint store."""
        self._after_step = enabled
        return self

    def build(self) -> Workflow:
        """The workflow, its steps registered.

        Raises:
            ValidationError: See Workflow.
        """
        return Workflow(
            self.name,
            self._steps,
            self._timeout,
            auto_publish_events=self._auto_publish,
            retry_config=self._retry,
            step_timeout=self._step_timeout,
            session_pause_policy=self._policy,
            history=self._history,
            checkpoint_store=self._store,
            checkpoint_after_step=self._after_step,
        )
