"""Connections that are dead and say nothing: half-open ones, and those that a proxy forgets because they were idle."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from blazen_nb import PeerServer, StartEvent, StopEvent, step
from blazen_nb.wire import pulse
from tests.eventually import eventually
from tests.faults.proxy import Proxy, before, connected

pytestmark = pytest.mark.faults

SECONDS = 10.0
QUICKLY = 50
"""All times of the heartbeat are divided by this: 45 s are 0.9 s."""


@step(id="silence::double")
def double(event: StartEvent) -> StopEvent:
    return StopEvent(result=event.x * 2)


@pytest.fixture(autouse=True)
def quick_hearts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time runs faster for those who listen."""
    for name in ("BEAT_SECONDS", "SILENT_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(pulse, name, getattr(pulse, name) / QUICKLY)


@pytest.fixture
def server() -> Iterator[PeerServer]:
    """A peer."""
    with PeerServer("quiet") as peer:
        peer.start("127.0.0.1:0")
        yield peer


@pytest.fixture
def proxy(server: PeerServer) -> Iterator[Proxy]:
    """The way to it."""
    with before(server) as way:
        yield way


def _has_more(proxy: Proxy, known: int) -> bool:
    return proxy.connections > known


def test_a_half_open_connection_is_found_dead_by_both_sides_and_replaced(
    server: PeerServer, proxy: Proxy
) -> None:
    with connected(server, proxy) as client:
        client.ping()
        proxy.silence()
        eventually(lambda: client.state == "reconnecting", SECONDS)
        eventually(lambda: server.describe().sessions == (), SECONDS)
        proxy.speak()
        assert client.run_remote_workflow("w", [double.step_id], {"x": 21}).result == 42


def test_an_idle_connection_is_never_silent_for_as_long_as_proxies_wait(
    server: PeerServer, proxy: Proxy
) -> None:
    with connected(server, proxy) as client:
        client.ping()
        # Three minutes, as hearts go here: a proxy that drops what is idle for 60 s would have done so by now.
        quiet = proxy.longest_silence(180 / QUICKLY)
        assert quiet < 60 / QUICKLY / 2
        assert proxy.connections == 1
        assert client.run_remote_workflow("w", [double.step_id], {"x": 21}).result == 42


def test_a_connection_that_was_dropped_while_idle_is_back_before_it_is_needed(
    server: PeerServer, proxy: Proxy
) -> None:
    with connected(server, proxy) as client:
        for _ in range(5):
            known = proxy.connections
            proxy.cut()
            eventually(partial(_has_more, proxy, known), SECONDS)
        assert client.run_remote_workflow("w", [double.step_id], {"x": 21}).result == 42
