"""A cell as a run: its top level is an implicit step; if that registered steps, the run goes on as their workflow."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, copy_context
from typing import Any

from blazen_nb.engine.context import Context
from blazen_nb.engine.graph import Graph
from blazen_nb.engine.registry import registering_in
from blazen_nb.engine.step import Step
from blazen_nb.engine.ticks import Continuation
from blazen_nb.errors import ShippingError
from blazen_nb.events import START, Event, StopEvent, current_step
from blazen_nb.peer import capture
from blazen_nb.peer.executors.kernel import CELL_STEP
from blazen_nb.peer.namespaces import Namespace
from blazen_nb.shipping.cell import CellSource, compile_cell, file_name_for, run_compiled
from blazen_nb.shipping.code import CodeBundle, install_bundle
from blazen_nb.shipping.diversion import OpenLeaf


class CellRun:
    """One execution of a cell in a namespace.

    Args:
        outputs: Variables whose values are wanted back.
        open_leaf: Finds the objects that refs in the bundle stand for.
    """

    def __init__(
        self,
        namespace: Namespace,
        cell: CellSource,
        bundle: CodeBundle,
        outputs: tuple[str, ...],
        trusted: bool,
        open_leaf: OpenLeaf,
    ) -> None:
        self._namespace = namespace
        self._cell = cell
        self._bundle = bundle
        self._wanted = outputs
        self._trusted = trusted
        self._open_leaf = open_leaf
        self.outputs: dict[str, Any] = {}
        """Values of the wanted variables, once the cell has run."""
        self.display: tuple[dict[str, Any], dict[str, Any]] | None = None
        """The last value's mimebundle and metadata; None where it is None or the cell defined a workflow."""
        self.is_workflow = False
        """The cell registered steps, so the run's result is their workflow's."""

    def graph(self) -> Graph:
        """A workflow of the implicit step alone."""
        return Graph([Step(self._run, step_id=CELL_STEP, accepts=(START,), emits=())])

    async def _run(self, ctx: Context, event: Event) -> Event | Continuation:
        lock = self._namespace.executor.cell_lock
        assert lock is not None  # the cell thread is running this
        ctx.may_block = True
        async with lock:  # cells of a namespace run one at a time, as in a kernel
            return await self._run_alone(event)

    async def _run_alone(self, event: Event) -> Event | Continuation:
        namespace = self._namespace
        _restore(namespace.variables)
        with registering_in(namespace.registry):
            before = namespace.registry.own()
            try:
                install_bundle(
                    self._bundle,
                    namespace.globals,
                    namespace_id=namespace.id,
                    trusted=self._trusted,
                    open_leaf=self._open_leaf,
                )
                compiled = compile_cell(self._cell, file_name_for(self._cell, namespace.id))
                value = await run_compiled(compiled, namespace.globals)
            finally:
                namespace.variables = _left_behind()
            new = [
                step
                for step_id, step in namespace.registry.own().items()
                if before.get(step_id) is not step
            ]
        if new:
            self.is_workflow = True
            return Continuation(Graph(new), event)
        self._collect()
        if value is not None:
            self.display = capture.mimebundle(value)
        return StopEvent(result=value)

    def _collect(self) -> None:
        for name in self._wanted:
            if name not in self._namespace.globals:
                raise ShippingError(f"the cell set no variable {name!r}, which -o asks for")
            self.outputs[name] = self._namespace.globals[name]


def _left_behind() -> dict[ContextVar[Any], Any]:
    """The context variables that user code has set; the engine's own would keep this run alive."""
    return {variable: value for variable, value in copy_context().items() if variable not in _OURS}


def _restore(variables: Mapping[ContextVar[Any], Any]) -> None:
    """Let the cell see the context variables as the last one left them."""
    for variable, value in variables.items():
        variable.set(value)


_OURS = {current_step, *capture.context_variables()}
