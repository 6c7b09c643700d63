"""A run's end as messages for our own session stream."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from blazen_nb.engine.reducer import StepTimeout
from blazen_nb.engine.refs import SessionRef, refs_in
from blazen_nb.engine.run import Run
from blazen_nb.errors import BlazenError, LimitError, text_of, unicode_of
from blazen_nb.peer.cells import CellRun
from blazen_nb.peer.leaving import LeavingValues
from blazen_nb.peer.peer_run import PeerRun
from blazen_nb.peer.ref_scopes import Kept, KeptRefs, RefScope
from blazen_nb.shipping.described import marker
from blazen_nb.shipping.environment import python_minor
from blazen_nb.shipping.failure import describe_exception
from blazen_nb.shipping.values import EncodedValue
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.messages import failure_message, usage_message, value_message
from blazen_nb.wire.ref_messages import ref_message
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.peer")

TEXT_LENGTH = 200


def told_result(
    peer_run: PeerRun,
    run: Run,
    *,
    keep_values: bool,
    duration: float,
    python: str,
    limits: Limits,
    cell: CellRun | None = None,
) -> pb.RunResult:
    """How the run ended, for whoever waits for it; where its result makes no message, how it ended all the same.

    Args:
        python: The caller's Python minor version.

    The others are those of ``run_result``.
    """
    try:
        return run_result(
            peer_run.raw_id,
            run,
            scope=peer_run.scope,
            keep_values=keep_values,
            duration=duration,
            home=peer_run.namespace.id,
            same_minor=python == python_minor(),
            limits=limits,
            cell=cell,
        )
    except BaseException as error:  # values run code of their own while they are encoded
        _log.exception("how run %s ended could not be told", peer_run.run_id)
        return _untold_result(peer_run.raw_id, run, error)


def run_result(
    raw_id: bytes,
    run: Run,
    *,
    scope: RefScope,
    keep_values: bool,
    duration: float,
    home: str,
    same_minor: bool,
    limits: Limits,
    cell: CellRun | None = None,
) -> pb.RunResult:
    """The result of a run that has ended, its values encoded.

    What is large or cannot travel stays, and its ref goes. Where not even that is possible the run has succeeded all
    the same, and ``encode_error`` says why its value is not there.

    Args:
        scope: The caller's session.
        keep_values: Whatever can be a ref is one.
        home: Module name of the run's namespace.
        same_minor: The caller runs this Python minor, so code may travel by value.
        limits: How large values may be that come along.
    """
    finish = run.finish
    assert finish is not None
    result = pb.RunResult(
        run_id=raw_id,
        outcome=finish.outcome,
        usage=usage_message(run.usage.total),
        message=unicode_of(finish.message),
        step_id=finish.step_id or "",
        duration=duration,
    )
    sizes = _Sizes(limits.message_bytes)
    state = run.store.exported()
    kept = [scope.table.find(ref.uuid, scope.identity) for ref in refs_in(state)]
    result.refs.extend(ref_message(scope.table.info(each)) for each in kept)
    _add_state(result, state, sizes)
    if finish.outcome == "succeeded":
        keep = partial(_keep, run)
        leaving = LeavingValues(scope, keep, same_minor=same_minor, home=home, keep_all=keep_values)
        plain_cell = cell is not None and not cell.is_workflow
        value = getattr(finish.event, "result", None)
        _add_value(result, leaving.whole if plain_cell else leaving.by_parts, value, sizes)
        if cell is not None:
            _add_outputs(result, cell, leaving, sizes)
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


def _untold_result(raw_id: bytes, run: Run, error: BaseException) -> pb.RunResult:
    """What is left to say of a run whose result could not be made into a message: how it ended, and why no more."""
    finish = run.finish
    assert finish is not None
    why = f"telling its end failed with {type(error).__name__}: {text_of(error)}"
    return pb.RunResult(
        run_id=raw_id,
        outcome=finish.outcome,
        usage=usage_message(run.usage.total),
        message=unicode_of(finish.message) or why,
        encode_error=unicode_of(why),
    )


class _Sizes:
    """How much a result may still grow: what comes along of a run is one message."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def take(self, what: str, size: int) -> None:
        if size > self.left:
            raise LimitError(
                f"{what} has {size:,} bytes, where {self.left:,} are left in a message"
            )
        self.left -= size


def _add_state(result: pb.RunResult, state: dict[str, Any], sizes: _Sizes) -> None:
    if not state:
        return
    text = json.dumps(state, ensure_ascii=False, default=_marker).encode("utf-8", "surrogatepass")
    try:
        sizes.take("the state", len(text))
    except LimitError as error:
        result.encode_error = str(error)
    else:
        result.state_json = text


def _add_value(
    result: pb.RunResult, encoding: Callable[[Any], EncodedValue], value: Any, sizes: _Sizes
) -> None:
    try:
        encoded = encoding(value)
        sizes.take("the value", encoded.size)
    except BlazenError as error:
        result.encode_error = text_of(error)
    else:
        result.value.CopyFrom(value_message(encoded))


def _add_outputs(
    result: pb.RunResult, cell: CellRun, leaving: LeavingValues, sizes: _Sizes
) -> None:
    if cell.display is not None:
        display = json.dumps(cell.display, default=str).encode()
        try:
            sizes.take("the display of the last value", len(display))
        except LimitError as error:
            result.encode_error = str(error)
        else:
            result.display_json = display
    for name, value in cell.outputs.items():
        named = result.outputs.add(name=name)
        try:
            encoded = leaving.whole(value)
            sizes.take(name, encoded.size)
        except BlazenError as error:
            result.encode_error = f"variable {name!r} stays on the peer: {text_of(error)}"
        else:
            named.value.CopyFrom(value_message(encoded))


def _keep(run: Run, value: Any) -> Kept:
    refs = run.refs  # made with the first value that stays: most runs have none
    assert isinstance(refs, KeptRefs)
    return refs.keep(value)


def _marker(ref: SessionRef) -> dict[str, str]:
    return marker(ref.uuid)


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
