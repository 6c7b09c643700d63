"""A remote cell's result in the notebook: as ``Out[n]``, in ``_``, in the variables of ``-o``; waits for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.remote_run import RemoteRun

if TYPE_CHECKING:  # the engine takes a while to load, and loading the extension must not wait
    from blazen_nb.engine.result import WorkflowResult


def take_result(
    shell: Any, result: WorkflowResult, names: tuple[str, ...], *, is_workflow: bool
) -> None:
    """The result is an output of the running cell, or bound to the names asked for.

    A plain cell's last value shows as the peer rendered it, and is ``_``; a workflow's result shows by its own
    repr here, unless it was bound.
    """
    if is_workflow and names:
        shell.push(dict.fromkeys(names[:1], result))
        return
    shell.push(result.outputs)
    if is_workflow:
        shell.displayhook(result.result)
    elif result.display is not None:
        _show(shell, result.result, *result.display)


def take_results(shell: Any, runs: Sequence[RemoteRun], names: tuple[str, ...]) -> None:
    """The results of one run on several peers, as dicts by peer, are an output of the cell or bound to the names.

    Raises:
        BlazenError: One of the runs did not succeed; the results of the others are there all the same.
    """
    results: dict[str, WorkflowResult] = {}
    errors: list[BlazenError] = []
    for run in runs:
        try:
            results[run.state.node_id] = run.handle.result()
        except BlazenError as error:
            errors.append(error)
    is_workflow = not all(run.state.is_cell for run in runs)
    if is_workflow and names:
        shell.push(dict.fromkeys(names[:1], results))
    for name in () if is_workflow else names:
        shell.push({name: {peer: found.outputs.get(name) for peer, found in results.items()}})
    values = {peer: found.result for peer, found in results.items()}
    if not (is_workflow and names) and any(value is not None for value in values.values()):
        shell.displayhook(values)
    if errors:
        others = f"; {len(errors) - 1} more failed" if len(errors) > 1 else ""
        there = f"; results of {', '.join(results)} are there" if results else ""
        errors[0].add_note(f"one of {len(runs)} peers{others}{there}")
        raise errors[0]


def _show(shell: Any, value: Any, data: dict[str, Any], metadata: dict[str, Any]) -> None:
    """What ``shell.displayhook(value)`` does, with the representations of the peer in place of this kernel's."""
    hook = shell.displayhook
    hook.check_for_underscore()
    hook.start_displayhook()
    hook.write_output_prompt()
    if value is not None:  # else it stays on the peer, and only its picture came
        hook.update_user_ns(value)
        hook.fill_exec_result(value)
    hook.write_format_data(data, metadata)
    hook.log_output(data)
    hook.finish_displayhook()
