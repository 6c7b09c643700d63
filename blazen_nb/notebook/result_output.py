"""A remote cell's result in the notebook: as ``Out[n]``, in ``_``, in the variables of ``-o``; waits for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if (
    TYPE_CHECKING
):  # the engine takes a while to load, and loading the extension must not wait for it
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
