"""What the card of a RemoteRef shows of the value, asked over a real wire; and why it shows nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import AsyncPeerClient, PeerClient, PeerServer
from blazen_nb.client import previewing
from blazen_nb.client.previewing import with_preview
from blazen_nb.peer import session
from blazen_nb.render.preview import Preview, Row
from blazen_nb.testing import LocalPeer
from tests.eventually import eventually
from tests.peer.certificates import Authority, client_tls, server_tls
from tests.peer.conftest import SECONDS, StartCell
from tests.peer.preview_steps import kept, look, made

# --- what comes ----------------------------------------------------------------------------------------------


def test_the_card_of_a_ref_shows_a_little_of_its_value(client: PeerClient) -> None:
    ref = kept(client, {"rate": 0.1, "<b>": [1, 2]})
    assert look(ref).preview == Preview(
        about="2 items", rows=(Row("rate", ("0.1",)), Row("<b>", ("[1, 2]",)))
    )
    html = str(ref._repr_html_())
    assert "rate" in html
    assert "<b>:" not in html
    assert "No preview" not in html


def test_the_preview_is_of_the_live_object_at_each_look(client: PeerClient) -> None:
    live = {"step": 1}
    ref = kept(client, live)
    assert "step" in str(ref._repr_html_())
    live["later"] = 2
    assert [row.name for row in look(ref).preview.rows] == ["step", "later"]  # type: ignore[union-attr]


async def test_a_ref_of_an_async_client_shows_it_too(peer: LocalPeer) -> None:
    async with await AsyncPeerClient.connect(peer.address) as client:
        made["value"] = [1, 2]
        result = await client.run_remote_workflow("w", ["previews::put"], {"name": "value"})
        assert "2 items" in str(result.result._repr_html_())


def test_it_is_made_while_a_cell_keeps_its_thread_busy(
    client: PeerClient, start_cell: StartCell, tmp_path: Path
) -> None:
    ref = kept(client, [1])
    gate = tmp_path / "gate"
    handle = start_cell(
        f"import pathlib, time\nprint('on')\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)"
    )
    try:
        eventually(lambda: client.describe().runs)
        assert look(ref).preview is not None
    finally:
        gate.touch()
    handle.result(SECONDS)


def test_nobody_elses_values_are_previewed(tmp_path: Path) -> None:
    ca = Authority(tmp_path, "CA")
    ann, bob = (client_tls(ca, ca.pair(name)) for name in ("ann", "bob"))
    with PeerServer("gpu-box", tls=server_tls(ca.pair("peer"), ca)) as server:
        address = server.start("127.0.0.1:0")
        with (
            PeerClient.connect(address, tls=ann) as hers,
            PeerClient.connect(address, tls=bob) as his,
        ):
            ref = kept(hers, ["secret"])
            assert look(ref).preview is not None
            stolen = with_preview(ref._view(), his._link, ref._info)
    assert stolen.preview is None
    assert "unknown session ref" in stolen.no_preview


# --- what does not ask ---------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An item for each time that a peer was asked."""
    times: list[int] = []
    handler = session._HANDLERS["preview_ref"]

    def counted(*request: Any) -> None:
        times.append(1)
        handler(*request)

    monkeypatch.setitem(session._HANDLERS, "preview_ref", counted)
    return times


def test_the_text_of_a_ref_asks_nothing(client: PeerClient, asked: list[int]) -> None:
    ref = kept(client, [1])
    assert "\n" not in repr(ref)
    assert not asked
    ref._repr_html_()
    assert asked == [1]


def test_a_list_of_refs_and_the_memory_ask_nothing(client: PeerClient, asked: list[int]) -> None:
    refs = [kept(client, b"x" * size) for size in (1, 2)]
    assert "bytes" in str(client.refs()._repr_html_())
    assert "bytes" in str(client.memory()._repr_html_())
    assert len(refs) == 2
    assert not asked


def test_static_output_asks_nothing(
    client: PeerClient, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = kept(client, [1])
    monkeypatch.setenv("BLAZEN_NB_STATIC", "1")
    assert ref._repr_html_() is None
    assert not asked


# --- where there is none -------------------------------------------------------------------------------------


def test_a_released_ref_has_none(client: PeerClient, asked: list[int]) -> None:
    ref = kept(client, [1])
    ref.release()
    assert look(ref).no_preview == "the value was released"
    assert "No preview: the value was released" in str(ref._repr_html_())
    assert not asked


def test_a_value_that_the_peer_has_let_go_of_has_none(client: PeerClient) -> None:
    ref = kept(client, [1])
    client.release_session_ref(ref.uuid)
    assert "unknown session ref" in look(ref).no_preview


def test_an_older_peer_gives_none(client: PeerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = kept(client, [1])
    monkeypatch.delitem(session._HANDLERS, "preview_ref")
    assert "older than previews" in look(ref).no_preview
    assert "No preview: gpu-box is older" in str(ref._repr_html_())


def test_a_peer_that_does_not_answer_is_waited_for_only_once(
    client: PeerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [kept(client, [n]) for n in range(3)]
    monkeypatch.setattr(previewing, "WAIT_SECONDS", 0.2)
    monkeypatch.setitem(session._HANDLERS, "preview_ref", lambda *_: None)
    began = time.monotonic()
    assert "did not answer within 0.2 s" in look(refs[0]).no_preview
    assert time.monotonic() - began < 0.6
    assert not client._link._receivers
    monkeypatch.setattr(previewing, "_asked", None)  # asking again would fail
    for ref in refs:
        assert look(ref).no_preview == "gpu-box has not answered just now"


def test_where_the_connection_is_gone_the_card_is_there_at_once(peer: LocalPeer) -> None:
    with peer.connect() as other:
        ref = kept(other, [1])
    began = time.monotonic()
    assert look(ref).no_preview == "gpu-box is not connected"
    mine = kept(peer.client, [1])
    peer.server.close()
    eventually(lambda: peer.client.state != "connected")
    assert look(mine).no_preview == "gpu-box is not connected"
    assert "No preview" in str(mine._repr_html_())
    assert time.monotonic() - began < SECONDS


def test_a_ref_of_a_peer_that_was_restarted_says_so(client: PeerClient) -> None:
    ref = kept(client, [1])
    client._link.welcome.incarnation = "another"
    assert "was restarted" in look(ref).no_preview


def test_the_io_loop_is_never_blocked_by_it(client: PeerClient) -> None:
    ref = kept(client, [1])

    async def shown() -> str:
        return str(ref._repr_html_())

    assert "No preview: asked for on the I/O loop" in client._io.run(shown(), SECONDS)
