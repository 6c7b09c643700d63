"""``%%blazen_remote``: where a cell's way begins and ends; every station in between has a module of its own."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from traitlets import Unicode

from blazen_nb.errors import BlazenError, RunLostError
from blazen_nb.notebook.arguments import RemoteArguments, help_text, parse_line
from blazen_nb.notebook.cell_output import CellOutput
from blazen_nb.notebook.completion import complete
from blazen_nb.notebook.front_end import is_static
from blazen_nb.notebook.peer_magics import PeerMagics
from blazen_nb.notebook.peers import kernel_peers, notebook_namespace
from blazen_nb.notebook.result_output import take_result
from blazen_nb.notebook.ship import Shipment, futures_in, pack
from blazen_nb.notebook.shown_errors import shown, shown_interrupt, syntax_error
from blazen_nb.notebook.view import make_view
from blazen_nb.notebook.wait import Story, wait_for_end
from blazen_nb.render.run_state import RunState
from blazen_nb.shipping.cell import CellSource, parse_cell
from blazen_nb.shipping.sources import RecordedCells

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.sync import PeerClient
    from blazen_nb.client.sync_handle import RunHandle
    from blazen_nb.engine.result import WorkflowResult


@magics_class
class BlazenMagics(Magics):
    """The magic of one kernel, with the cells that it has run."""

    default_peer = Unicode(
        "", help="The connection that a cell without -p uses; empty: the one connected last."
    ).tag(config=True)

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._shell: Any = shell
        self._cells = RecordedCells()
        self._raw_cell = ""
        for number, text in enumerate(getattr(shell.history_manager, "input_hist_parsed", ())):
            self._cells.add(text, label=f"cell [{number}]")

    def record(self, info: Any) -> None:
        """The cell that is about to run is known, so that what it defines can travel later."""
        self._raw_cell = info.raw_cell or ""
        text = getattr(info, "transformed_cell", None)
        self._cells.add(text or self._shell.transform_cell(self._raw_cell), label=self._label)

    @no_var_expand
    @line_cell_magic
    def blazen_remote(self, line: str, cell: str | None = None) -> None:
        """Run the cell on a peer, as if it ran here; ``%blazen_remote --help`` lists the options."""
        arguments = parse_line(line, self._shell.user_ns)
        if arguments.wants_help:
            sys.stdout.write(help_text())
            return
        if cell is None and not arguments.steps:
            raise UsageError("%%blazen_remote takes a cell: write it with two %, code below")
        if arguments.steps and (cell or "").strip():
            raise UsageError("with --steps no code comes along: it runs steps that are registered")
        try:
            self._run(arguments, None if arguments.steps else self._checked(cell or ""))
        except BlazenError as error:
            raise shown(error) from error.__cause__
        except KeyboardInterrupt as error:
            raise shown_interrupt(error) from None

    @property
    def _label(self) -> str:
        # What compares outputs need not count executions: nbval runs every cell as the first.
        # The prompt's number: execution_count is one ahead of it since IPython 9.16.
        return "cell" if is_static() else f"cell [{self._shell.displayhook.prompt_count}]"

    def _transformed(self, cell: str) -> str:
        # Not the shell's own transform_cell: it takes a lone `load()` for %load where this kernel has no such name.
        text: str = self._shell.input_transformer_manager.transform_cell(cell)
        return text

    def _checked(self, cell: str) -> CellSource:
        """The cell's source, known to compile, on the lines that it has in the notebook."""
        lines = self._raw_cell.splitlines()
        above = [n for n, text in enumerate(lines) if text.lstrip().startswith("%%blazen_remote")]
        try:
            return parse_cell(
                self._transformed(cell),
                label=self._label,
                first_line=(above[0] if above else 0) + 2,
                futures=futures_in(self._shell.compile.flags),
            )
        except SyntaxError as error:
            raise syntax_error(error, self._label, self._shell) from error

    def _run(self, arguments: RemoteArguments, cell: CellSource | None) -> None:
        namespace = notebook_namespace(self._shell.user_ns)
        client = kernel_peers.client(
            arguments.peer or self.default_peer or None, namespace=namespace
        )
        if cell is None:
            name = arguments.workflow or self._label
            handle = client.start_remote_workflow(
                name, arguments.steps, arguments.input, arguments.timeout
            )
            state = RunState(run_id=handle.run_id, node_id=client.node_id, workflow_name=name)
        else:
            shipment = pack(
                cell,
                self._shell.user_ns,
                client=client,
                cells=self._cells,
                push=arguments.push,
            )
            handle = client.start_cell(
                shipment.cell,
                bundle=shipment.bundle,
                input=arguments.input,
                timeout=arguments.timeout,
                outputs=arguments.out,
                keep_values=arguments.keep_values,
            )
            shipment.accepted()
            state = _new_state(shipment, client, handle)
        result = self._wait(handle, state, quiet=arguments.quiet)
        take_result(self._shell, result, arguments.out, is_workflow=not state.is_cell)

    def _wait(self, handle: RunHandle, state: RunState, *, quiet: bool) -> WorkflowResult:
        view = make_view(
            self._shell,
            state,
            cancel=handle.cancel,
            answer=handle.respond_to_input,
            quiet=quiet,
        )
        output = CellOutput(self._shell, view.cleared)
        try:
            wait_for_end(handle, Story(state, output, view))
            return handle.result()
        except RunLostError as error:
            state.outcome, state.message = "lost", str(error)
            raise
        finally:
            output.flush()
            view.close()


def _new_state(shipment: Shipment, client: PeerClient, handle: RunHandle) -> RunState:
    return RunState(
        run_id=handle.run_id,
        node_id=client.node_id,
        label=shipment.cell.label,
        source=shipment.cell.text,
        meta=shipment.contents,
    )


def load_ipython_extension(shell: Any) -> None:
    """The magics are there."""
    _warn_of_nest_asyncio()
    magics = BlazenMagics(shell)
    shell.register_magics(magics, PeerMagics(shell))
    shell.set_hook("complete_command", complete, str_key="%%blazen_remote")
    shell.events.register("pre_run_cell", magics.record)


def unload_ipython_extension(shell: Any) -> None:
    """The magics are gone; connections are closed and the peers of this kernel have ended."""
    magics = shell.magics_manager.registry.pop("BlazenMagics", None)
    if magics is None:
        return
    shell.magics_manager.registry.pop("PeerMagics", None)
    shell.strdispatchers["complete_command"].strs.pop("%%blazen_remote", None)
    shell.events.unregister("pre_run_cell", magics.record)
    for table in shell.magics_manager.magics.values():
        for name in [name for name in table if name.startswith("blazen_")]:
            del table[name]
    kernel_peers.close()


def _warn_of_nest_asyncio() -> None:
    import asyncio

    kernel = sys.modules.get("ipykernel")
    applied = "nest_asyncio" in sys.modules and hasattr(asyncio, "_nest_patched")
    if applied and getattr(kernel, "version_info", (0,))[0] >= 7:
        warnings.warn(
            "nest_asyncio is applied in this kernel, and with ipykernel 7 it loses queued cells; "
            "use nest_asyncio2, its maintained continuation, instead",
            stacklevel=4,
        )
