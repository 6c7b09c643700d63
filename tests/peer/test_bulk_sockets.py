"""The sockets for values in bulk: who is let in, what they fall back to, what they leave behind."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from blazen_nb import PeerClient
from blazen_nb.client import bulk_sockets
from blazen_nb.client.bulk import send_value
from blazen_nb.client.transfer_progress import Progress
from blazen_nb.errors import LimitError, SessionRefError
from blazen_nb.peer import bulk_listener
from blazen_nb.shipping.bulk import Bulk, encode_bulk
from blazen_nb.testing import LocalPeer
from blazen_nb.wire import bulk_socket
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.tls import ServerTls
from tests.eventually import eventually
from tests.peer.certificates import Authority, server_tls

MIB = 1 << 20
WAYS = ["tcp", "tls", "grpc"] if sys.platform != "linux" else ["unix", "tcp", "tls", "grpc"]

numpy = pytest.importorskip("numpy")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="shared memory without a name")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    """What the peers show that have TLS."""
    return server_tls(Authority(tmp_path_factory.mktemp("certificates"), "CA").pair("peer"))


@contextmanager
def _peer_on(way: str, certificate: ServerTls, **options: Any) -> Iterator[LocalPeer]:
    """A peer whose client's values go this way."""
    with LocalPeer(tls=certificate if way == "tls" else None, **options) as peer:
        _way(peer.client, way)
        yield peer


def _way(client: PeerClient, way: str) -> None:
    client._link.refs.sockets.ways = {"grpc": (), "tls": ("tcp",)}.get(way, (way,))


def _idle(client: PeerClient) -> list[str]:
    return [type(each.carrier).__name__ for each in client._link.refs.sockets._idle]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_brings_every_value_as_it_is(way: str, certificate: ServerTls) -> None:
    value = {"text": "zü" * MIB, "array": numpy.arange(3 * MIB), "bytes": bytes(range(256)) * 9_000}
    with _peer_on(way, certificate) as peer:
        for _ in range(2):
            back = peer.client.put(value).fetch()
            assert (back.pop("array") == value["array"]).all()
            assert back == {"text": value["text"], "bytes": value["bytes"]}
        carriers = {"unix": ["Segment"], "tcp": ["Inline"], "tls": ["Inline"], "grpc": []}
        assert _idle(peer.client) == carriers[way]


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_is_its_own_error_on_every_way_and_the_next_value_comes(
    way: str, certificate: ServerTls
) -> None:
    with _peer_on(way, certificate, limits=Limits(upload_bytes=4 * MIB)) as peer:
        ref = peer.client.put(bytes(3 * MIB))
        with pytest.raises(LimitError, match="larger than the 4,194,304"):
            peer.client.put(bytes(8 * MIB))
        gone = peer.client.put(bytes(3 * MIB))
        peer.client.release_session_ref(gone.uuid)
        with pytest.raises(SessionRefError, match="keeps no such value"):
            gone.fetch()
        assert ref.fetch() == bytes(3 * MIB)


@on_linux
def test_a_connection_that_cannot_be_made_leaves_no_socket(
    client: PeerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    unclosed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unclosed.append)
    offer = client._link.welcome.bulk
    for where in ("\0nobody listens here", ("127.0.0.1", 1)):
        assert bulk_sockets._tried(offer, where, None) is None  # a ResourceWarning is an error here
    gc.collect()
    assert unclosed == []


def test_who_has_not_the_key_is_not_let_in(client: PeerClient) -> None:
    offer = client._link.welcome.bulk
    where = ("127.0.0.1", client._io.run(bulk_sockets._tcp_port(client._link)))
    for key_id, key in ((offer.key_id, os.urandom(32)), (os.urandom(16), offer.key)):
        forged = type(offer)(key_id=key_id, key=key)
        assert bulk_sockets._tried(forged, where, None) is None
    with socket.create_connection(where, 5) as stranger:
        stranger.sendall(bulk_socket.MAGIC + offer.key_id + os.urandom(16))
        stranger.settimeout(5)
        bulk_socket.receive_exactly(stranger, 48)
        stranger.sendall(os.urandom(32))
        assert stranger.recv(1) == b""
    assert client.put(bytes(2 * MIB)).fetch() == bytes(2 * MIB)


def test_an_impostor_on_the_port_is_told_nothing_and_values_go_by_grpc(
    client: PeerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as impostor:

        def play() -> None:
            there, _ = impostor.accept()
            with there:
                heard.append(there.recv(1000))
                there.sendall(os.urandom(48))
                heard.append(there.recv(1000))

        thread = threading.Thread(target=play)
        thread.start()
        port = impostor.getsockname()[1]
        monkeypatch.setattr(bulk_sockets, "_tcp_port", AsyncMock(return_value=port))
        _way(client, "tcp")
        assert client.put(bytes(2 * MIB)).fetch() == bytes(2 * MIB)
        thread.join()
    assert len(heard[0]) == 40
    assert client._link.welcome.bulk.key not in heard[0]
    assert heard[1] == b""
    assert _idle(client) == []


@on_linux
def test_a_segment_that_could_be_shrunk_under_the_reader_is_not_taken() -> None:
    descriptor = os.memfd_create("small", os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, bulk_socket.SEGMENT_BYTES)
        assert not bulk_socket.is_segment(descriptor)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        assert bulk_socket.is_segment(descriptor)
    finally:
        os.close(descriptor)
    with open(os.devnull) as file:
        assert not bulk_socket.is_segment(file.fileno())


@on_linux
def test_connections_end_with_their_session_and_their_memory_goes_with_them() -> None:
    def segments() -> int:
        return Path("/proc/self/maps").read_text().count("memfd:blazen-nb-bulk")

    before = segments()
    with LocalPeer() as peer:
        with peer.connect() as client:
            assert client.put(bytes(8 * MIB)).fetch() == bytes(8 * MIB)
            assert segments() > before
        eventually(lambda: segments() == before, message="no mapping is left")
    assert not [each.name for each in threading.enumerate() if each.name == "blazen-bulk"]


@pytest.mark.parametrize("way", WAYS)
def test_a_transfer_that_is_given_up_leaves_nothing_on_the_peer(
    way: str, certificate: ServerTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = numpy.ones(64 * MIB, "u1")
    span, half = Bulk.span, threading.Event()

    def slowly(bulk: Bulk, start: int, end: int) -> list[memoryview]:
        if start > 32 * MIB:
            half.set()
            time.sleep(0.01)
        return span(bulk, start, end)

    monkeypatch.setattr(Bulk, "span", slowly)
    with _peer_on(way, certificate) as peer:
        client, parts = peer.client, peer.server._parts

        async def give_up() -> None:
            task = asyncio.ensure_future(
                send_value(client._link, encode_bulk(array), Progress(""), {})
            )
            await asyncio.to_thread(half.wait)
            assert len(parts.incoming) == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        client._io.run(give_up())
        eventually(lambda: len(parts.incoming) == 0, message="the half is dropped")
        assert len(parts.refs) == 0
        assert client.put(array[: 2 * MIB]).fetch().sum() == 2 * MIB


@pytest.mark.parametrize("says", ["nothing", "a byte now and then"])
@pytest.mark.parametrize("way", ["tcp", "tls"])
def test_who_does_not_come_to_the_point_is_sent_away_and_keeps_nobody_waiting(
    way: str, says: str, certificate: ServerTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_listener, "_GREETING_SECONDS", 1.0)
    with _peer_on(way, certificate) as peer:
        client = peer.client
        where = ("127.0.0.1", client._io.run(bulk_sockets._tcp_port(client._link)))
        beginning = (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" if way == "tls" else bulk_socket.MAGIC
        )
        to_say = iter(beginning + bytes(29) if says != "nothing" else b"")  # less than a greeting
        with socket.create_connection(where, 5) as stranger:
            stranger.settimeout(0.05)
            assert client.put(bytes(2 * MIB)).fetch() == bytes(2 * MIB)
            assert _idle(client) == ["Inline"]

            def is_sent_away() -> bool:
                try:
                    stranger.sendall(bytes(islice(to_say, 1)))
                    return stranger.recv(1) == b""
                except TimeoutError:
                    return False
                except ConnectionError:
                    return True

            eventually(is_sent_away, message="the stranger is sent away")
            assert says == "nothing" or next(to_say, None) is not None
        assert client.put(bytes(3 * MIB)).fetch() == bytes(3 * MIB)
        assert _idle(client) == ["Inline"]
