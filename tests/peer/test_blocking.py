"""A step that blocks holds up its own namespace's async steps, and nobody else: no session, no output, no cancel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import PeerClient, WorkflowCancelledError
from blazen_nb.client.sync_handle import RunHandle
from blazen_nb.updates import Output
from tests.eventually import eventually
from tests.peer.conftest import SECONDS
from tests.peer.processes import PeerProcess

SLACK = 0.3
"""How much later than without the blocking step something may happen."""
CANCEL = 1.0
"""A run that does not stop by itself has its outcome this long after a cancel."""

BLOCKING = ["served::blocks_its_loop", "served::burns"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PeerProcess]:
    folder = tmp_path_factory.mktemp("served")
    with PeerProcess(folder, "--node-id", "gpu-box", "--steps", "served_steps") as process:
        yield process


@pytest.fixture
def blocked(served: PeerProcess) -> Iterator[PeerClient]:
    with PeerClient.connect(served.address) as client:
        yield client


@pytest.fixture
def neighbour(served: PeerProcess) -> Iterator[PeerClient]:
    with PeerClient.connect(served.address) as client:
        yield client


def begun(client: PeerClient, step_id: str, **fields: Any) -> RunHandle:
    """A run whose step blocks by now."""
    handle = client.start_remote_workflow("blocking", [step_id], fields)
    assert next(handle.events()).event_type == "Blocking"
    return handle


def longest(action: Callable[[], object], seconds: float) -> float:
    """How long the slowest of many calls took."""
    slowest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        action()
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def seconds_until_cancelled(handle: RunHandle) -> float:
    began = time.monotonic()
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(SECONDS)
    return time.monotonic() - began


@pytest.mark.parametrize("step_id", BLOCKING)
def test_another_session_runs_its_steps_and_describes_the_peer(
    blocked: PeerClient, neighbour: PeerClient, step_id: str
) -> None:
    handle = begun(blocked, step_id, seconds=30)
    run = lambda: neighbour.run_remote_workflow("w", ["served::double"], {"x": 1})  # noqa: E731
    assert longest(run, 0.5) < SLACK
    assert longest(neighbour.describe, 0.5) < SLACK
    assert longest(blocked.describe, 0.5) < SLACK
    assert handle.outcome is None
    seconds_until_cancelled(handle)


@pytest.mark.parametrize("step_id", BLOCKING)
def test_another_sessions_output_stays_live(
    blocked: PeerClient, neighbour: PeerClient, step_id: str
) -> None:
    handle = begun(blocked, step_id, seconds=30)
    told = neighbour.start_remote_workflow("w", ["served::talks"], {"lines": 100})
    last, gaps = time.monotonic(), []
    text = ""
    for update in told.updates():
        if isinstance(update, Output):
            text += update.text
            now = time.monotonic()
            gaps.append(now - last)
            last = now
    assert text.split() == [str(i) for i in range(100)]
    assert max(gaps) < SLACK
    assert handle.outcome is None
    seconds_until_cancelled(handle)


@pytest.mark.parametrize("step_id", BLOCKING)
def test_its_own_cancel_has_its_outcome_a_second_later(blocked: PeerClient, step_id: str) -> None:
    handle = begun(blocked, step_id, seconds=4)
    assert seconds_until_cancelled(handle) < CANCEL + SLACK


@pytest.mark.parametrize("step_id", BLOCKING)
def test_a_cancel_of_another_run_is_as_quick_as_ever(
    blocked: PeerClient, neighbour: PeerClient, step_id: str, tmp_path: Path
) -> None:
    handle = begun(blocked, step_id, seconds=30)
    other = neighbour.start_remote_workflow("w", ["served::waits"], {"folder": str(tmp_path)})
    assert next(other.events()).event_type == "Waiting"
    assert seconds_until_cancelled(other) < SLACK
    seconds_until_cancelled(handle)


def test_the_namespace_works_on_after_its_blocked_run_was_cancelled(blocked: PeerClient) -> None:
    handle = begun(blocked, "served::blocks_its_loop", seconds=3)
    seconds_until_cancelled(handle)
    assert "served::blocks_its_loop" in blocked.describe().abandoned
    again = begun(blocked, "served::burns", seconds=0.01)
    assert again.result(SLACK + CANCEL).result == "burnt"


def test_what_blocks_its_loop_is_named_in_the_log_and_in_the_description(
    served: PeerProcess, blocked: PeerClient
) -> None:
    handle = begun(blocked, "served::blocks_its_loop", seconds=2.2)
    eventually(lambda: "served::blocks_its_loop" in blocked.describe().blocked)
    assert handle.result(SECONDS).result == "slept"
    assert any("served::blocks_its_loop blocks its event loop" in line for line in served.log)


def test_a_call_that_keeps_the_interpreter_delays_the_peer_by_no_more_than_its_own_length(
    blocked: PeerClient, neighbour: PeerClient
) -> None:
    # One process has one interpreter lock: what a C function does while it holds it, no thread can cut short.
    handle = begun(blocked, "served::sorts", n=2_000_000)
    delay = 0.0
    while handle.outcome is None:
        delay = max(delay, longest(neighbour.describe, 0.05))
    assert delay < handle.result(SECONDS).result + SLACK
