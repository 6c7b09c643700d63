"""The socket for values of a peer with TLS: whom it lets in, whom a client believes, and that nobody can read along."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import AsyncMock

import pytest

from blazen_nb import PeerClient, PeerServer
from blazen_nb.client import bulk_sockets
from blazen_nb.client.bulk_sockets import BulkConnection
from blazen_nb.wire import bulk_socket
from blazen_nb.wire.bulk_tls import TlsStream
from blazen_nb.wire.tls import ClientTls, ServerTls
from tests.faults.road import road
from tests.forwarder import forwarded
from tests.peer.certificates import Authority, client_tls, server_tls

MIB = 1 << 20
TOKEN = "a-token-of-a-test"

numpy = pytest.importorskip("numpy")


@pytest.fixture(scope="module")
def mine(ca: Authority) -> ClientTls:
    return client_tls(ca, ca.pair("notebook"))


@pytest.fixture(scope="module")
def tls(ca: Authority) -> ServerTls:
    return server_tls(ca.pair("peer"))


@pytest.fixture(scope="module")
def mtls(ca: Authority) -> ServerTls:
    return server_tls(ca.pair("strict peer"), ca)


@contextmanager
def connected(
    shown: ServerTls, trusted: ClientTls, where: str = "127.0.0.1:0"
) -> Iterator[tuple[PeerClient, int]]:
    """A client whose values go over the network, and the peer's port for them."""
    with PeerServer("gpu-box", tls=shown, token=TOKEN, hand_over=False) as server:
        port = server.start(where).rpartition(":")[2]
        with PeerClient.connect(f"https://127.0.0.1:{port}", token=TOKEN, tls=trusted) as client:
            client._link.refs.sockets.ways = ("tcp",)
            yield client, client._io.run(bulk_sockets._tcp_port(client._link))


def idle(client: PeerClient) -> list[BulkConnection]:
    return client._link.refs.sockets._idle


def is_let_in(client: PeerClient, host: str, port: int, tls: ClientTls | None) -> bool:
    connection = bulk_sockets._tried(client._link.welcome.bulk, (host, port), tls)
    if connection is not None:
        connection.close()
    return connection is not None


# --- who is let in, and who is believed ----------------------------------------------------------------------------


def test_values_travel_in_tls_1_3(
    ca: Authority, tls: ServerTls, mtls: ServerTls, mine: ClientTls
) -> None:
    value = numpy.random.default_rng(1).integers(0, 255, 5 * MIB, "u1")
    for shown, trusted in ((tls, client_tls(ca)), (mtls, mine)):
        with connected(shown, trusted) as (client, _):
            assert (client.put(value).fetch() == value).all()
            (connection,) = idle(client)
            assert isinstance(connection.stream, TlsStream)
            assert connection.stream._tls.version() == "TLSv1.3"


def test_a_client_believes_only_a_certificate_that_grpc_believes(
    ca: Authority, stranger: Authority, mtls: ServerTls, mine: ClientTls
) -> None:
    with connected(mtls, mine, "0.0.0.0:0") as (client, port):
        assert is_let_in(client, "127.0.0.1", port, mine)
        assert not is_let_in(client, "127.0.0.2", port, mine), "the certificate is not for this one"
        other_trust = ClientTls(
            ca=stranger.pem.read_bytes(), certificates=mine.certificates, key=mine.key
        )
        assert not is_let_in(client, "127.0.0.1", port, other_trust)


def test_a_client_that_names_no_ca_believes_those_that_grpc_brings_along(
    ca: Authority, mtls: ServerTls, mine: ClientTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = ClientTls(certificates=mine.certificates, key=mine.key)
    assert public.context().cert_store_stats()["x509_ca"] > 50
    with connected(mtls, mine) as (client, port):
        assert not is_let_in(client, "127.0.0.1", port, public)
        monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(ca.pem))
        assert is_let_in(client, "127.0.0.1", port, public)


def test_a_client_without_a_certificate_that_the_peer_admits_is_not_let_in(
    ca: Authority, stranger: Authority, mtls: ServerTls, mine: ClientTls
) -> None:
    with connected(mtls, mine) as (client, port):
        assert not is_let_in(client, "127.0.0.1", port, client_tls(ca))
        assert not is_let_in(client, "127.0.0.1", port, client_tls(ca, stranger.pair("who")))
        assert not is_let_in(client, "127.0.0.1", port, client_tls(ca, ca.pair("old", days=-1)))
        assert is_let_in(client, "127.0.0.1", port, mine)


def test_the_key_of_a_session_is_wanted_inside_tls_too(
    tls: ServerTls, ca: Authority, stranger: Authority
) -> None:
    with connected(tls, client_tls(ca)) as (client, port):
        offer = client._link.welcome.bulk
        for key_id, key in ((offer.key_id, os.urandom(32)), (os.urandom(16), offer.key)):
            forged = type(offer)(key_id=key_id, key=key)
            assert bulk_sockets._tried(forged, ("127.0.0.1", port), client_tls(ca)) is None


def test_who_speaks_plainly_is_told_nothing(tls: ServerTls, ca: Authority) -> None:
    with connected(tls, client_tls(ca)) as (client, port):
        assert not is_let_in(client, "127.0.0.1", port, None)
        offer = client._link.welcome.bulk
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            plain.sendall(bulk_socket.MAGIC + offer.key_id + os.urandom(16))
            heard = b""
            try:
                while data := plain.recv(1000):
                    heard += data
            except ConnectionResetError:
                pass
            assert len(heard) < bulk_socket.ID_BYTES  # an alert, at most
        assert (client.put(numpy.ones(2 * MIB, "u1")).fetch() == 1).all()


def test_a_client_with_tls_sends_nothing_plain_and_goes_by_grpc_where_no_tls_answers(
    tls: ServerTls, ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as impostor:

        def play() -> None:
            there, _ = impostor.accept()
            with there:
                there.settimeout(0.2)
                try:
                    while data := there.recv(4096):
                        heard.extend(data)
                        there.sendall(os.urandom(48))
                except OSError:
                    pass

        thread = threading.Thread(target=play)
        thread.start()
        port = impostor.getsockname()[1]
        monkeypatch.setattr(bulk_sockets, "_tcp_port", AsyncMock(return_value=port))
        with connected(tls, client_tls(ca)) as (client, _):
            assert client.put(bytes(2 * MIB)).fetch() == bytes(2 * MIB)
            assert idle(client) == []
            offer = client._link.welcome.bulk
        thread.join()
    assert heard[:1] == b"\x16"  # a TLS handshake
    assert bulk_socket.MAGIC not in heard
    assert offer.key_id not in heard


# --- what passes on the way ----------------------------------------------------------------------------------------


async def test_nothing_of_a_value_or_a_key_can_be_read_on_the_way(
    tls: ServerTls, ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = b"forty-two bytes that nobody else may read!"
    value = word * (4 * MIB // len(word))
    with connected(tls, client_tls(ca)) as (client, port):
        async with forwarded(port) as way:
            monkeypatch.setattr(bulk_sockets, "_tcp_port", AsyncMock(return_value=way.port))
            ref = await asyncio.to_thread(client.put, value)
            assert await asyncio.to_thread(ref.fetch) == value
            offer = client._link.welcome.bulk
            assert len(idle(client)) == 1
        for record in (way.sent, way.answered):
            assert len(record) > len(value)
            for secret in (word[:12], offer.key, offer.key_id, bulk_socket.MAGIC):
                assert secret not in record


def test_values_go_on_where_the_encrypted_stream_was_cut(
    tls: ServerTls, ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = numpy.random.default_rng(2).integers(0, 255, 24 * MIB, "u1")
    with (
        connected(tls, client_tls(ca)) as (client, port),
        road(f"127.0.0.1:{port}") as way,
    ):
        monkeypatch.setattr(bulk_sockets, "_tcp_port", AsyncMock(return_value=way.port))
        way.cut_after(7 * MIB + 11, 6 * MIB + 3)
        ref = client.put(value)
        assert way.cuts == 2
        way.cut_after(5 * MIB + 1, 9 * MIB + 7)
        assert (ref.fetch() == value).all()
        assert way.cuts == 4
        assert way.passed < 2.5 * value.nbytes  # little of it went twice
        assert len(idle(client)) == 1


def test_a_connection_that_is_shut_wakes_its_reader(tls: ServerTls, ca: Authority) -> None:
    with connected(tls, client_tls(ca)) as (client, _):
        connection = client._io.run(client._link.refs.sockets.take(client._link))
        assert connection is not None
        ends: list[BaseException] = []

        def read() -> None:
            try:
                connection.answer()
            except OSError as error:
                ends.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        connection.shut()
        reader.join(5)
        assert not reader.is_alive()
        assert len(ends) == 1
        connection.close()
