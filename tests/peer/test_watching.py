"""What a server tells of itself to those who watch it, and the objects that it exposes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import InputRequestEvent, PeerClient, PeerServer, StopEvent, ValidationError, step
from blazen_nb.shipping.cell import CellSource, parse_cell
from blazen_nb.testing import LocalPeer
from blazen_nb.wire import connection_file
from tests.eventually import eventually
from tests.peer.conftest import SECONDS, RunCell

LET_GO: dict[str, threading.Event] = {}


@step(id="watching::waits")
def waits(ctx: Any, ev: Any) -> StopEvent:
    LET_GO[ev.name].wait(SECONDS)
    return StopEvent(result=ev.name)


@step(id="watching::asks")
def asks(ctx: Any, ev: Any) -> InputRequestEvent:
    return InputRequestEvent(request_id="go", prompt="Go on?")


@pytest.fixture
def waiting(client: PeerClient, released: threading.Event) -> Callable[[str], Any]:
    """Start a run that waits for the test's end."""

    def start(name: str) -> Any:
        LET_GO[name] = released
        return client.start_remote_workflow(name, ["watching::waits"], {"name": name})

    return start


def test_who_watches_is_told_of_sessions_of_runs_and_of_the_end() -> None:
    server = PeerServer("watched")
    told: list[tuple[int, int, bool]] = []

    def look() -> None:
        seen = server.describe()
        told.append((len(seen.sessions), len(seen.runs), server.has_ended))

    server.watch(look)
    address = server.start()
    with PeerClient.connect(address) as client:
        eventually(lambda: told == [(1, 0, False)])
        LET_GO["go"] = threading.Event()
        LET_GO["go"].set()
        client.run_remote_workflow("w", ["watching::waits"], {"name": "go"}, timeout=5)
        assert told[1:] == [(1, 1, False), (1, 0, False)]
    eventually(lambda: told[-1] == (0, 0, False))
    before = len(told)
    server.close()
    server.close()
    assert told[before:] == [(0, 0, True)]


def test_a_watcher_that_fails_disturbs_nobody(
    peer: LocalPeer, run_cell: RunCell, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise RuntimeError("no picture")

    peer.server.watch(fails)
    assert run_cell("1 + 1").result == 2
    assert "no picture" in caplog.text


def test_a_session_is_listed_with_its_client_its_namespace_and_since_when(peer: LocalPeer) -> None:
    with PeerClient.connect(peer.address, "analysis", namespace="nb-1"):
        sessions = eventually(
            lambda: [s for s in peer.server.describe().sessions if s.client == "analysis"]
        )
    assert [session.namespace for session in sessions] == ["nb-1"]
    assert 0 <= time.time() - sessions[0].since < SECONDS


def test_two_kernels_of_one_notebook_are_two_sessions(peer: LocalPeer) -> None:
    def connect() -> PeerClient:
        return PeerClient.connect(peer.address, "notebook", namespace="nb-1")

    with connect() as one:
        with connect():
            assert one.describe().sessions == 3
        eventually(lambda: one.describe().sessions == 2)


def test_a_run_in_flight_is_listed_with_its_client_and_its_state(
    peer: LocalPeer, client: PeerClient, waiting: Callable[[str], Any]
) -> None:
    handle = waiting("train")
    (run,) = peer.server.describe().runs
    assert (run.run_id, run.workflow_name, run.state) == (handle.run_id, "train", "running")
    assert run.client == peer.server.describe().sessions[0].client != ""
    handle.pause()
    assert [run.state for run in peer.server.describe().runs] == ["paused"]
    handle.resume()
    handle.cancel()
    question = client.start_remote_workflow("ask", ["watching::asks"])
    eventually(lambda: [run.state for run in peer.server.describe().runs] == ["waiting"])
    question.cancel()


def test_what_a_server_shows_has_no_token_and_no_path(tmp_path: Path) -> None:
    secret = "a-token-of-more-than-thirty-two-characters"
    with PeerServer("shown", token=secret) as server:
        server.start(f"unix:{tmp_path}/private/peer.sock")
        shown = f"{server!r} {server._repr_html_()}"
    assert "unix:peer.sock" in shown
    assert secret not in shown
    assert str(tmp_path) not in shown


# --- where its own machine finds it --------------------------------------------------------------


def test_a_peer_with_the_environments_token_is_found_here_and_the_token_is_in_no_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = "a-token-of-more-than-thirty-two-characters"
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", secret)
    with PeerServer("by-environment") as server:
        address = server.start()
        found = connection_file.find_local()
        assert found is not None
        assert (found.address, found.token) == (address, None)
        assert secret not in found.path.read_text()
        with PeerClient.connect(found.address) as client:
            assert client.node_id == "by-environment"
    assert not found.path.exists()


def test_a_peer_with_the_environments_token_serves_where_no_file_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file" / "runtime"))
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", "a-token-of-more-than-thirty-two-characters")
    with PeerServer("by-environment") as server, PeerClient.connect(server.start()) as client:
        assert client.node_id == "by-environment"


# --- exposed objects -----------------------------------------------------------------------------


def cell(text: str) -> CellSource:
    return parse_cell(text, label="cell [1]", first_line=2)


def test_an_exposed_object_is_the_object_itself_in_every_namespace() -> None:
    model: list[int] = [1]
    with LocalPeer(expose={"model": model}) as peer, peer.connect() as other:
        for client in (peer.client, other):
            handle = client.start_cell(cell("model.append(len(model)); id(model)"))
            assert handle.result(SECONDS).result == id(model)
        assert model == [1, 1, 2]
        assert peer.server.describe().exposed == ("model",)


def test_a_cell_that_binds_the_name_anew_changes_only_its_own_namespace() -> None:
    model = [1]
    with LocalPeer(expose={"model": model}) as peer, peer.connect() as other:
        peer.client.start_cell(cell("model = 'mine'")).result(SECONDS)
        assert other.start_cell(cell("model")).result(SECONDS).result == [1]
    assert model == [1]


@pytest.mark.parametrize("name", ["not a name", "__builtins__", "", "1st"])
def test_a_name_that_no_cell_could_use_is_not_exposed(name: str) -> None:
    with pytest.raises(ValidationError, match="expose takes names"):
        PeerServer("n", expose={name: 1})
