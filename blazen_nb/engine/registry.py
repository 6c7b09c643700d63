"""Where steps are known by ID: one registry for the process, an overlay on top of it for each namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

from blazen_nb.engine.step import Step
from blazen_nb.errors import UnknownStepError

OWN_MODULES = "_own"
"""Modules of the user's own stand, on a peer, below a package with the name of their namespace and this."""


class StepRegistry:
    """Steps by ID; registering an ID again replaces the step for later runs, runs in flight keep the one they have.

    An overlay (a registry with a parent) finds its own steps first: two notebooks on one peer may both define
    ``__main__::train``.
    """

    def __init__(self, parent: StepRegistry | None = None, module_name: str | None = None) -> None:
        self._parent = parent
        self._module_name = module_name
        self._steps: dict[str, Step] = {}
        self._lock = Lock()
        self.version = 0
        """Changes with every registration here or below; what was assembled from it is stale then."""

    def register(self, step: Step) -> None:
        """Make the step known under its ID."""
        with self._lock:
            self._steps[step.step_id] = step
            self.version += 1

    def get(self, step_id: str) -> Step | None:
        """The step of this ID, or None."""
        found = self._steps.get(step_id)
        if found is None and self._parent is not None:
            return self._parent.get(step_id)
        return found

    def resolve(self, step_ids: Iterable[str]) -> tuple[Step, ...]:
        """The steps of these IDs, in this order.

        Raises:
            UnknownStepError: One of them is not registered.
        """
        steps = []
        for step_id in step_ids:
            found = self.get(step_id)
            if found is None:
                raise UnknownStepError(f"unknown step id `{step_id}`")
            steps.append(found)
        return tuple(steps)

    def own(self) -> dict[str, Step]:
        """The steps registered here, not those of the parents, as a new dict."""
        with self._lock:
            return dict(self._steps)

    def step_ids(self) -> list[str]:
        """All known IDs, sorted."""
        inherited = self._parent.step_ids() if self._parent is not None else []
        return sorted({*self._steps, *inherited})

    def total_version(self) -> int:
        """The version over this registry and its parents."""
        return self.version + (self._parent.total_version() if self._parent is not None else 0)

    def default_step_id(self, function: Callable[..., Any]) -> str:
        """``module::name``, the module as in the notebook that a namespace stands for."""
        module = getattr(function, "__module__", None) or "__main__"
        if module == self._module_name:
            module = "__main__"
        elif self._module_name:
            module = module.removeprefix(f"{self._module_name}{OWN_MODULES}.")
        return f"{module}::{getattr(function, '__qualname__', 'step').rpartition('<locals>.')[2]}"


process_registry = StepRegistry()
"""The registry of this process: what every peer call can name."""

_current: ContextVar[StepRegistry] = ContextVar("blazen_nb_registry", default=process_registry)


def current_registry() -> StepRegistry:
    """Where ``@step`` registers here: the running namespace's overlay, else the process's registry."""
    return _current.get()


@contextmanager
def registering_in(registry: StepRegistry) -> Iterator[None]:
    """Within the block ``@step`` registers in this registry."""
    token = _current.set(registry)
    try:
        yield
    finally:
        _current.reset(token)
