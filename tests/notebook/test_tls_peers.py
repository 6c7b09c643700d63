"""A notebook and a peer with TLS: what the magics' connections take from connection file and environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from blazen_nb import launch, load_server_tls
from blazen_nb.certs import make_certificates
from blazen_nb.notebook.peers import Peers, kernel_peers
from blazen_nb.peer.server import PeerServer


@pytest.fixture
def peers() -> Iterator[Peers]:
    made = Peers()
    yield made
    made.close()


@pytest.fixture
def server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[PeerServer]:
    make_certificates(tmp_path, [])
    yield launch(tls=load_server_tls(tmp_path / "server.pem", tmp_path / "server.key"))
    kernel_peers.close()


def test_local_finds_a_peer_with_tls_by_its_connection_file(
    server: PeerServer, peers: Peers
) -> None:
    client = peers.connect("local", "local", namespace=None)
    assert client.address == server.address
    assert client.address.startswith("https://")
    client.close()
    assert peers.client("local", namespace=None).address == server.address


def test_the_card_of_a_peer_with_tls_says_https(server: PeerServer) -> None:
    assert str(server.address) in repr(server)
    assert f"%blazen_connect notebook {server.address}" in str(server._repr_html_())
