"""Changing a step while a peer runs it: the next run has the new code, a run in flight keeps the old."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blazen_nb import PeerClient, StopEvent
from blazen_nb.events import StartEvent
from blazen_nb.peer import capture
from blazen_nb.testing import LocalPeer
from tests.peer.conftest import SECONDS, RunCell, StartCell

TWO_STEPS = """
from blazen_nb import Event, step, StartEvent, StopEvent
class Middle(Event):
    pass
@step
def first(ctx, ev: StartEvent) -> Middle:
    ctx.write_event_to_stream(Event("Reached"))
    if ev.wait:
        gate.wait(5)
    return Middle()
@step
def second(ctx, ev: Middle) -> StopEvent:
    return StopEvent(result="{version}")
"""
IDS = ["__main__::first", "__main__::second"]


@pytest.fixture
def gated(released: threading.Event) -> Iterator[LocalPeer]:
    """A peer whose cells see ``gate``."""
    with LocalPeer(expose={"gate": released}) as peer:
        capture.uninstall()
        capture.install()  # the test runner has exchanged sys.stdout
        yield peer


@pytest.fixture
def client(gated: LocalPeer) -> PeerClient:
    return gated.client


def test_a_run_in_flight_finishes_on_the_old_steps_and_the_next_has_the_new(
    client: PeerClient, released: threading.Event, run_cell: RunCell
) -> None:
    run_cell(TWO_STEPS.format(version="old"), 1, input={"wait": False})
    in_flight = client.start_remote_workflow("w", IDS, {"wait": True})
    assert next(in_flight.events()).event_type == "Reached"
    changed = run_cell(TWO_STEPS.format(version="new"), 2, input={"wait": False})
    assert changed.result == "new"
    assert client.run_remote_workflow("w", IDS, {"wait": False}).result == "new"
    released.set()
    assert in_flight.result(SECONDS).result == "old"


def test_a_cells_own_run_finishes_on_its_steps_when_the_cell_is_run_again(
    released: threading.Event, start_cell: StartCell, run_cell: RunCell
) -> None:
    old = start_cell(TWO_STEPS.format(version="old"), 1, input={"wait": True})
    assert next(old.events()).event_type == "Reached"
    assert run_cell(TWO_STEPS.format(version="new"), 1, input={"wait": False}).result == "new"
    released.set()
    assert old.result(SECONDS).result == "old"


def make(result: str, name: str = "shipped") -> Callable[..., Any]:
    text = f"def {name}(ctx, ev: StartEvent):\n    return StopEvent(result={result!r})\n"
    scope: dict[str, Any] = {
        "StartEvent": StartEvent,
        "StopEvent": StopEvent,
        "__name__": "__main__",
    }
    exec(text, scope)
    made: Callable[..., Any] = scope[name]
    return made


def test_a_registered_function_is_replaced_by_the_next_of_its_name(client: PeerClient) -> None:
    for result in ("one", "two", "two", "three"):
        ids = client.register_steps([make(result)])
        assert client.run_remote_workflow("w", ids).result == result


def test_a_changed_step_does_not_change_another_sessions(
    gated: LocalPeer, client: PeerClient
) -> None:
    with gated.connect() as other:
        ids = client.register_steps([make("mine")])
        assert other.register_steps([make("theirs")]) == ids
        assert client.register_steps([make("mine, changed")]) == ids
        assert other.run_remote_workflow("w", ids).result == "theirs"
        assert client.run_remote_workflow("w", ids).result == "mine, changed"
