"""Functions of the user's own modules as steps of a peer, and the classes of those modules on their way."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import PeerClient
from blazen_nb.errors import EncodeError, ShippingError
from tests.peer.conftest import RunCell

STEPS = """
from blazen_nb import Event, StartEvent, StopEvent, step
from .consts import FACTOR
class Got(Event):
    n: int
class Thing:
    def __init__(self, n):
        self.n = n
@step
def take(ev: StartEvent) -> Got:
    return Got(n=ev.n)
def give(ctx, ev: Got) -> StopEvent:
    from .consts import scaled
    return StopEvent(result=Thing(scaled(ev.n) * FACTOR))
"""
Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    monkeypatch.syspath_prepend(str(tmp_path))
    times = iter(range(1_700_000_000, 1_700_001_000))

    def write(name: str, text: str) -> None:
        file = tmp_path / "shipped_flow" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        os.utime(file, (next(times),) * 2)

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "shipped_flow"]:
        del sys.modules[name]


@pytest.fixture
def flow(write: Write) -> Any:
    write("__init__.py", "")
    write("consts.py", "FACTOR = 2\ndef scaled(x): return x * 10\n")
    write("steps.py", STEPS)
    return importlib.import_module("shipped_flow.steps")


def test_functions_of_a_module_are_steps_under_its_name(
    client: PeerClient, flow: Any, write: Write
) -> None:
    ids = client.register_steps([flow.take, flow.give])
    assert ids == ["shipped_flow.steps::take", "shipped_flow.steps::give"]
    result = client.run_remote_workflow("w", ids, {"n": 3}).result
    assert (type(result), result.n) == (flow.Thing, 60)
    write("consts.py", "FACTOR = 3\ndef scaled(x): return x * 100\n")
    assert client.register_steps([flow.take, flow.give]) == ids
    assert client.run_remote_workflow("w", ids, {"n": 3}).result.n == 900


def test_two_sessions_have_their_own_module_of_a_name(
    client: PeerClient, other: PeerClient, flow: Any, write: Write
) -> None:
    ids = client.register_steps([flow.take, flow.give])
    write("consts.py", "FACTOR = 1\ndef scaled(x): return x\n")
    assert other.register_steps([flow.take, flow.give]) == ids
    results = [each.run_remote_workflow("w", ids, {"n": 3}).result.n for each in (client, other)]
    assert results == [60, 3]


def test_an_input_of_a_modules_class_is_of_the_class_there(
    client: PeerClient, flow: Any, run_cell: RunCell
) -> None:
    client.register_steps([flow.take, flow.give])
    cell = (
        "from shipped_flow.steps import Thing\nfrom blazen_nb import step, StartEvent, StopEvent\n"
    )
    cell += "@step\ndef s(ev: StartEvent) -> StopEvent:\n    return StopEvent(result=type(ev.t) is Thing)"
    assert run_cell(cell, input={"t": flow.Thing(1)}).result is True


def test_an_error_of_a_modules_class_comes_back_as_such(
    client: PeerClient, write: Write, flow: Any
) -> None:
    write("errors.py", "class Odd(Exception): ...\ndef odd(ctx, ev):\n    raise Odd('no')\n")
    errors = importlib.import_module("shipped_flow.errors")
    ids = client.register_steps([errors.odd])
    with pytest.raises(Exception, match=r"shipped_flow\.errors\.Odd: no") as caught:
        client.run_remote_workflow("w", ids)
    assert type(caught.value.__cause__) is errors.Odd


def test_a_module_that_fails_to_run_is_a_refusal(
    client: PeerClient, write: Write, flow: Any
) -> None:
    client.register_steps([flow.take])
    write("consts.py", "FACTOR = nope\n")
    with pytest.raises(ShippingError, match=r"consts\.py has changed, .*name 'nope'"):
        client.register_steps([flow.take])


def test_an_object_of_a_class_that_was_defined_again_is_put_nowhere(
    client: PeerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = sys.modules["__main__"]
    text = "class BlazenTestPoint:\n    x = 1\n"
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(text, scope)
    point = scope["BlazenTestPoint"]()
    exec(text, scope)
    monkeypatch.setattr(main, "BlazenTestPoint", scope["BlazenTestPoint"], raising=False)
    for send in (client.put, lambda value: client.run_remote_workflow("w", ["a::b"], value)):
        with pytest.raises(EncodeError, match="BlazenTestPoint that was defined again since"):
            send({"p": [point]})
