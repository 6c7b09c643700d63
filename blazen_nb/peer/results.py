"""A run's end as messages for our own session stream."""

from __future__ import annotations

import json
from typing import Any

from blazen_nb.engine.reducer import StepTimeout
from blazen_nb.engine.run import Run
from blazen_nb.errors import BlazenError
from blazen_nb.peer.cells import CellRun
from blazen_nb.shipping.failure import describe_exception
from blazen_nb.shipping.values import encode
from blazen_nb.wire.messages import failure_message, usage_message, value_message
from blazen_nb.wire.v1 import kernel_pb2 as pb

TEXT_LENGTH = 200


def run_result(
    raw_id: bytes,
    run: Run,
    *,
    duration: float,
    home: str,
    same_minor: bool,
    cell: CellRun | None = None,
    cell_value_limit: int | None = None,
) -> pb.RunResult:
    """The result of a run that has ended, its values encoded.

    A value that cannot travel does not fail the run: ``encode_error`` says why it stays.

    Args:
        home: Module name of the run's namespace.
        same_minor: The caller runs this Python minor, so code may travel by value.
        cell_value_limit: The last value of a plain cell comes along up to this many bytes.
    """
    finish = run.finish
    assert finish is not None
    result = pb.RunResult(
        run_id=raw_id,
        outcome=finish.outcome,
        usage=usage_message(run.usage.total),
        message=finish.message,
        step_id=finish.step_id or "",
        duration=duration,
    )
    state = run.store.exported()
    if state:
        result.state_json = json.dumps(state, ensure_ascii=False).encode("utf-8", "replace")
    if finish.outcome == "succeeded":
        plain_cell = cell is not None and not cell.is_workflow
        value = getattr(finish.event, "result", None)
        _add_value(result, value, same_minor, home, cell_value_limit if plain_cell else None)
        if cell is not None:
            _add_outputs(result, cell, same_minor, home)
    elif finish.error is not None and not isinstance(finish.error, StepTimeout):
        failure = describe_exception(
            finish.error,
            step_id=finish.step_id,
            attempt=finish.attempt,
            home=home,
            same_minor=same_minor,
        )
        result.failure.CopyFrom(failure_message(failure))
    return result


def _add_value(
    result: pb.RunResult, value: Any, same_minor: bool, home: str, limit: int | None
) -> None:
    try:
        encoded = encode(value, same_minor=same_minor, home=home, limit=limit)
    except BlazenError as error:
        result.encode_error = str(error)
    else:
        result.value.CopyFrom(value_message(encoded))


def _add_outputs(result: pb.RunResult, cell: CellRun, same_minor: bool, home: str) -> None:
    if cell.display is not None:
        result.display_json = json.dumps(cell.display, default=str).encode()
    for name, value in cell.outputs.items():
        named = result.outputs.add(name=name)
        try:
            named.value.CopyFrom(value_message(encode(value, same_minor=same_minor, home=home)))
        except BlazenError as error:
            result.encode_error = f"variable {name!r} stays on the peer: {error}"


def ended_update(result: pb.RunResult) -> pb.EndedUpdate:
    """The last update of a run with this result."""
    return pb.EndedUpdate(
        outcome=result.outcome,
        duration=result.duration,
        failure=result.failure if result.HasField("failure") else None,
        message=result.message,
        usage=result.usage,
        result_text=_short_text(result),
    )


def _short_text(result: pb.RunResult) -> str:
    if result.outcome != "succeeded" or not result.HasField("value") or result.value.leaves:
        return ""
    text = result.value.json.decode("utf-8", "replace")
    return text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 3] + "..."
