"""The live card of a peer in a kernel: it follows the server, costs nothing while nothing changes, and ends with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import ipywidgets
import pytest

from blazen_nb import PeerClient, PeerServer, StopEvent, step
from blazen_nb.notebook import server_view
from blazen_nb.notebook.server_view import ServerCard
from blazen_nb.render.server import PeerServerView
from tests.eventually import eventually
from tests.unit.render_seen import Seen

SECONDS = 5.0
LET_GO = threading.Event()


@step(id="card::waits")
def waits(ctx: Any, ev: Any) -> StopEvent:
    LET_GO.wait(SECONDS)
    return StopEvent()


class CountedServer(PeerServer):
    """A server that knows how often it was looked at."""

    looked = 0

    def describe(self) -> PeerServerView:
        self.looked += 1
        return super().describe()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountedServer]:
    monkeypatch.setattr(server_view, "UPDATE_SECONDS", 0.05)
    LET_GO.clear()
    server = CountedServer("carded")
    server.start()
    yield server
    LET_GO.set()
    server.close()


@pytest.fixture
def bundles(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], bool]]:
    """What the card has published: the data, and whether it replaced what was there."""
    published: list[tuple[dict[str, Any], bool]] = []

    def publish(data: dict[str, Any], *, display_id: str, update: bool = False) -> None:
        published.append((data, update))

    monkeypatch.setattr(server_view, "publish", publish)
    return published


def card_of(server: PeerServer) -> list[Any]:
    """The widgets of an open card."""
    card = ServerCard(server)
    card.open()
    return [card.box, *card.box.children]


def text_of(widgets: list[Any]) -> str:
    return Seen("".join(w.value for w in widgets if isinstance(w, ipywidgets.HTML))).text


def button_of(widgets: list[Any]) -> Any:
    (button,) = (widget for widget in widgets if isinstance(widget, ipywidgets.Button))
    return button


def test_it_shows_who_comes_and_goes_and_what_runs(server: CountedServer, bundles: Any) -> None:
    widgets = card_of(server)
    assert "nobody is connected" in text_of(widgets)
    with PeerClient.connect(str(server.address), "analysis.ipynb") as client:
        eventually(lambda: "analysis.ipynb its own" in text_of(widgets))
        client.start_remote_workflow("index_docs", ["card::waits"])
        eventually(lambda: "Running index_docs analysis.ipynb" in text_of(widgets))
        before = text_of(widgets)
        eventually(lambda: text_of(widgets) != before, message="the clock of the run stands")
        LET_GO.set()
        eventually(lambda: "1 session, 0 runs in flight" in text_of(widgets))
    eventually(lambda: "nobody is connected" in text_of(widgets))
    assert [update for _, update in bundles] == [False]


def looks_before_a_rest_of(server: CountedServer, seconds: float) -> int:
    """How often it was looked at before, where it was not during this time; else 0."""
    looked = server.looked
    threading.Event().wait(seconds)
    return looked if server.looked == looked else 0


def test_while_nothing_changes_it_does_not_even_look(server: CountedServer, bundles: Any) -> None:
    widgets = card_of(server)
    with PeerClient.connect(str(server.address), "analysis.ipynb"):
        eventually(lambda: "analysis.ipynb" in text_of(widgets))
        looked = eventually(lambda: looks_before_a_rest_of(server, 0.1))
        assert looks_before_a_rest_of(server, 0.5) == looked  # ten times the time between pictures


def test_a_thousand_runs_are_no_thousand_pictures(server: CountedServer, bundles: Any) -> None:
    widgets = card_of(server)
    LET_GO.set()
    with PeerClient.connect(str(server.address)) as client:
        began, looked = time.monotonic(), server.looked
        for _ in range(200):
            client.run_remote_workflow("w", ["card::waits"], timeout=5)
        pictures = server.looked - looked
        assert pictures <= (time.monotonic() - began) / 0.05 + 2
    assert "carded" in text_of(widgets)


def test_the_button_stops_the_peer_and_the_card_becomes_static(
    server: CountedServer, bundles: Any
) -> None:
    widgets = card_of(server)
    button = button_of(widgets)
    with PeerClient.connect(str(server.address)) as client:
        handle = client.start_remote_workflow("w", ["card::waits"])
        presses = threading.Thread(target=button.click)
        presses.start()
        eventually(lambda: button.disabled)
        presses.join(SECONDS)
        assert not presses.is_alive()
        eventually(lambda: handle.outcome in ("cancelled", "lost"))
    assert server.address is None
    (_, update), (final, replaced) = bundles
    assert (update, replaced) == (False, True)
    assert set(final) == {"text/html", "text/plain"}
    assert Seen(final["text/html"]).text.startswith("Stopped carded served ")
    assert final["text/plain"] == "PeerServer(carded, stopped)"
    assert not [widget for widget in widgets if widget.comm is not None]


def test_a_server_that_is_closed_by_hand_makes_the_last_picture_before_close_returns(
    server: CountedServer, bundles: Any
) -> None:
    card_of(server)
    server.close()
    assert [update for _, update in bundles] == [False, True]
    eventually(lambda: "blazen-card" not in {thread.name for thread in threading.enumerate()})


def test_a_server_that_ended_before_anyone_watched_has_a_static_card(
    server: CountedServer, bundles: Any
) -> None:
    server.close()
    card_of(server)
    assert [update for _, update in bundles] == [False, True]


def test_what_is_saved_beside_the_live_card_reads_without_it(
    server: CountedServer, bundles: Any
) -> None:
    card_of(server)
    data, _ = bundles[0]
    assert set(data) == {
        "application/vnd.jupyter.widget-view+json",
        "text/html",
        "text/plain",
    }
    said = Seen(data["text/html"]).text
    assert "the card is live where the notebook runs" in said
    assert f"%blazen_connect carded {server.address}" in said
    assert data["text/plain"] == repr(server)


def test_two_cards_of_one_server_both_follow_it(server: CountedServer, bundles: Any) -> None:
    one = card_of(server)
    two = card_of(server)
    with PeerClient.connect(str(server.address), "analysis.ipynb"):
        for widgets in (one, two):
            eventually(lambda widgets=widgets: "analysis.ipynb" in text_of(widgets))  # type: ignore[misc]
    server.close()
    assert [update for _, update in bundles] == [False, False, True, True]
