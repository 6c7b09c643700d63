"""``%%blazen_remote``: where a cell's way begins and ends; every station in between has a module of its own."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from traitlets import Enum, Unicode

from blazen_nb.client.transfer_progress import show_transfers
from blazen_nb.errors import BlazenError
from blazen_nb.notebook.arguments import RemoteArguments, help_text, parse_line
from blazen_nb.notebook.completion import complete
from blazen_nb.notebook.detached import leave_all
from blazen_nb.notebook.options import OUTPUTS
from blazen_nb.notebook.peer_magics import PeerMagics
from blazen_nb.notebook.peers import kernel_peers, notebook_name, notebook_namespace
from blazen_nb.notebook.remote_run import start_cell, start_steps
from blazen_nb.notebook.result_output import take_result, take_results
from blazen_nb.notebook.run_magics import RunMagics
from blazen_nb.notebook.run_outputs import leave_alone, wait_for_runs
from blazen_nb.notebook.ship import futures_in
from blazen_nb.notebook.shown_errors import shown, shown_interrupt, syntax_error
from blazen_nb.notebook.transfer_bar import show_transfer
from blazen_nb.render.static import is_static
from blazen_nb.shipping.cell import CellSource, parse_cell
from blazen_nb.shipping.sources import RecordedCells

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.sync import PeerClient


_COMPLETED = ("%%blazen_remote", "%blazen_remote")


@magics_class
class BlazenMagics(Magics):
    """The magic of one kernel, with the cells that it has run."""

    default_peer = Unicode(
        "", help="The connection that a cell without -p uses; empty: the one connected last."
    ).tag(config=True)

    output = Enum(
        OUTPUTS,
        default_value="auto",
        help="Where prints of a remote cell appear: cell, card, or auto, which is the cell for plain code and the "
        "card for a workflow.",
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
        clients = self._clients(arguments)
        if cell is None:
            runs = start_steps(clients, arguments, self._label)
        else:
            runs = start_cell(
                clients, arguments, cell, user_ns=self._shell.user_ns, cells=self._cells
            )
        where = arguments.output or self.output
        if arguments.detach:
            leave_alone(self._shell, runs, arguments.out)
            return
        wait_for_runs(self._shell, runs, where=where, quiet=arguments.quiet)
        if len(runs) == 1:
            result = runs[0].handle.result()
            take_result(self._shell, result, arguments.out, is_workflow=not runs[0].state.is_cell)
        else:
            take_results(self._shell, runs, arguments.out)

    def _clients(self, arguments: RemoteArguments) -> list[PeerClient]:
        own = notebook_namespace(self._shell.user_ns)
        names = arguments.peers or (self.default_peer or None,)
        return [
            kernel_peers.client(name, namespace=own, other=arguments.namespace) for name in names
        ]


def load_ipython_extension(shell: Any) -> None:
    """The magics are there."""
    _warn_of_nest_asyncio()
    magics = BlazenMagics(shell)
    shell.register_magics(magics, PeerMagics(shell), RunMagics(shell, magics))
    for magic in _COMPLETED:
        shell.set_hook("complete_command", complete, str_key=magic)
    shell.events.register("pre_run_cell", magics.record)
    show_transfers(show_transfer)
    kernel_peers.client_name = notebook_name(shell.user_ns)


def unload_ipython_extension(shell: Any) -> None:
    """The magics are gone; connections are closed and the peers of this kernel have ended."""
    magics = shell.magics_manager.registry.pop("BlazenMagics", None)
    if magics is None:
        return
    for name in ("PeerMagics", "RunMagics"):
        shell.magics_manager.registry.pop(name, None)
    for magic in _COMPLETED:
        shell.strdispatchers["complete_command"].strs.pop(magic, None)
    shell.events.unregister("pre_run_cell", magics.record)
    for table in shell.magics_manager.magics.values():
        for name in [name for name in table if name.startswith("blazen_")]:
            del table[name]
    show_transfers(None)
    leave_all()
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
