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
from blazen_nb.shipping.cell import (
    CellSource,
    CompiledCell,
    compile_cell,
    file_name_for,
    parse_quietly,
    run_compiled,
)
from blazen_nb.shipping.code import CodeBundle, forget_replaced, install_bundle
from blazen_nb.shipping.diversion import OpenLeaf
from blazen_nb.shipping.environment import no_python_here
from blazen_nb.shipping.imports import Imported, imports_in
from blazen_nb.shipping.modules import is_own, own_modules


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
        self._imported: tuple[Imported, ...] = ()
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
                value = await run_compiled(self._compiled(), namespace.globals)
            finally:
                namespace.variables = _left_behind()
                forget_replaced(namespace.globals)
            new = self._steps_since(before)
        if new:
            self.is_workflow = True
            return Continuation(Graph(new), event)
        self._collect()
        if value is not None:
            self.display = capture.mimebundle(value)
        return StopEvent(result=value)

    def _compiled(self) -> CompiledCell:
        namespace = self._namespace
        try:
            self._imported = imports_in(parse_quietly(self._cell.text, self._cell.label))
            compiled = compile_cell(self._cell, file_name_for(self._cell, namespace.id))
        except SyntaxError as error:  # it compiled in the notebook
            raise no_python_here(self._cell.label, error, self._bundle.python) from error
        own = own_modules(namespace.id)
        if own is not None:
            own.note_imports(self._imported)
        return compiled

    def _steps_since(self, before: dict[str, Step]) -> list[Step]:
        """Steps that the cell brought. Those it imports count where it defines others, and every time it does."""
        namespace = self._namespace
        new = {
            step_id: step
            for step_id, step in namespace.registry.own().items()
            if before.get(step_id) is not step and not is_own(step.function, namespace.id)
        }
        for each in self._imported if new else ():
            for _, name in each.names if each.at_top else ():
                found = namespace.globals.get(name)
                if isinstance(found, Step):
                    new[found.step_id] = found
        return list(new.values())

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
