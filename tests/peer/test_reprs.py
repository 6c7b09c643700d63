"""How peers, runs, results and refs look in a notebook: the seven reprs, of real objects, in both modes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

from blazen_nb import PeerClient, StartEvent, StopEvent, Workflow, step
from blazen_nb.testing import LocalPeer
from tests.eventually import eventually
from tests.peer.conftest import SECONDS, StartCell


@step(id="reprs::keeps")
def keeps(ctx: Any, ev: Any) -> StopEvent:
    import numpy as np

    return StopEvent(result={"vectors": np.zeros((1_000, 512), "float32"), "model": "e5"})


@step(id="reprs::greets")
def greets(ev: StartEvent) -> StopEvent:
    return StopEvent(result="hello")


@pytest.fixture
def objects() -> Iterator[dict[str, Any]]:
    """Each class of which there is a repr, by its name."""
    with LocalPeer("gpu-box") as peer:
        handle = peer.client.start_remote_workflow("index_docs", ["reprs::keeps"])
        result = handle.result(SECONDS)
        yield {
            "PeerServer": peer.server,
            "PeerClient": peer.client,
            "PeerInfo": peer.client.describe(),
            "RunHandle": handle,
            "WorkflowResult": result,
            "RemoteRef": result.result["vectors"],
            "Workflow": Workflow("answer", steps=[greets]),
        }


def text_of(shown: Any) -> str:
    return str(DisplayFormatter().format(shown)[0]["text/plain"])  # type: ignore[no-untyped-call]


STABLE = {
    "PeerServer": "PeerServer(gpu-box, serving)",
    "PeerClient": "PeerClient(gpu-box, connected)",
    "PeerInfo": "PeerInfo(gpu-box, {steps}, 0 runs)",
    "RunHandle": "RunHandle(index_docs on gpu-box, succeeded)",
    "WorkflowResult": "WorkflowResult(index_docs, dict with 2 keys, 1 ref)",
    "RemoteRef": "RemoteRef(numpy.ndarray, 1,000 x 512 float32, on gpu-box)",
    "Workflow": "Workflow(answer: 1 step, StartEvent to StopEvent)",
}


@pytest.mark.parametrize("name", STABLE)
def test_the_static_text_is_one_line_without_addresses_ids_and_devices(
    name: str, objects: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLAZEN_NB_STATIC", "1")
    steps = f"{len(objects['PeerInfo'].steps)} steps"
    assert text_of(objects[name]) == STABLE[name].format(steps=steps)


@pytest.mark.parametrize("name", STABLE)
def test_a_front_end_gets_a_card_and_a_line_of_text(name: str, objects: dict[str, Any]) -> None:
    data, _ = DisplayFormatter().format(objects[name])  # type: ignore[no-untyped-call]
    assert set(data) == {"text/html", "text/plain"}
    assert data["text/plain"].startswith(f"{name}(")
    assert "\n" not in data["text/plain"]
    assert data["text/html"].startswith('<div class="bzn bzn-card" role="group" aria-label=')
    assert "<script" not in data["text/html"]


@pytest.mark.parametrize("name", ["PeerServer", "PeerClient", "PeerInfo", "RunHandle"])
def test_in_static_mode_a_card_that_differs_from_run_to_run_is_left_out(
    name: str, objects: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLAZEN_NB_STATIC", "1")
    data, _ = DisplayFormatter().format(objects[name])  # type: ignore[no-untyped-call]
    assert set(data) == {"text/plain"}


def test_the_terminal_text_says_where_a_server_listens(objects: dict[str, Any]) -> None:
    server = objects["PeerServer"]
    assert text_of(server) == f"PeerServer(gpu-box, serving on {server.address})"


def test_looking_at_a_handle_takes_nothing_from_who_reads_the_run(start_cell: StartCell) -> None:
    handle = start_cell("print('one')\n2")
    handle.result(SECONDS)
    assert "Succeeded" in str(handle._repr_html_())
    kinds = [type(update).__name__ for update in handle.updates()]
    assert (kinds[0], kinds[-1]) == ("Accepted", "Ended")
    assert "Output" in kinds


def test_a_handle_is_looked_at_without_asking_the_peer(
    start_cell: StartCell, peer: LocalPeer
) -> None:
    handle = start_cell("while True: pass")
    peer.server.close()
    eventually(lambda: handle.outcome)
    assert str(handle._repr_html_()).count("<strong>Running</strong>") == 0
    assert repr(handle).startswith("RunHandle(cell [1] on gpu-box, ")


def test_the_card_of_a_run_that_failed_says_why(start_cell: StartCell) -> None:
    handle = start_cell("raise ValueError('no such row')")
    eventually(lambda: handle.outcome)
    assert "no such row" in str(handle._repr_html_())


async def test_the_async_client_and_its_handle_have_the_same_cards(peer: LocalPeer) -> None:
    from blazen_nb import AsyncPeerClient

    async with await AsyncPeerClient.connect(peer.address) as client:
        handle = await client.start_remote_workflow("hello", ["reprs::greets"])
        await handle
        assert "Connected" in str(client._repr_html_())
        assert "Succeeded" in str(handle._repr_html_())
        assert text_of(handle) == "AsyncRunHandle(hello on gpu-box, succeeded)"
    assert "Closed" in str(client._repr_html_())


def test_a_client_of_a_socket_shows_no_path(tmp_path: Any) -> None:
    from blazen_nb import PeerServer

    with PeerServer("gpu-box") as server:
        address = server.start(f"unix:{tmp_path}/private/peer.sock")
        with PeerClient.connect(address) as client:
            assert "unix:peer.sock" in str(client._repr_html_())
            assert str(tmp_path) not in str(client._repr_html_())
