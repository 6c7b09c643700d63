"""TLS between a peer and its clients: who gets in, and what those are told who do not."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from blazen_nb import AsyncPeerClient, Context, PeerClient, PeerServer, StartEvent, StopEvent, step
from blazen_nb.errors import AuthError, BlazenError, TlsError, TransportError, ValidationError
from blazen_nb.testing import LocalPeer
from blazen_nb.wire import connection_file
from blazen_nb.wire.tls import ClientTls, ServerTls
from tests.peer.certificates import Authority, Pair, client_tls, server_tls

TOKEN = "a-token-of-a-test"
QUICKLY = 5.0
"""Seconds for a refusal; gRPC's own patience with a handshake is 20."""


@step(id="tls::echo")
def echo(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ev.to_dict())


@pytest.fixture(scope="module")
def shown(ca: Authority) -> Pair:
    return ca.pair("peer")


@pytest.fixture(scope="module")
def tls(shown: Pair) -> ServerTls:
    return server_tls(shown)


@pytest.fixture(scope="module")
def mtls(shown: Pair, ca: Authority) -> ServerTls:
    return server_tls(shown, ca)


@contextmanager
def serving(tls: ServerTls | None, token: str | None = None) -> Iterator[str]:
    with PeerServer("gpu-box", hand_over=False, tls=tls, token=token) as server:
        yield server.start("127.0.0.1:0")


def refusal(address: str, tls: ClientTls | None = None, token: str | None = TOKEN) -> BlazenError:
    """Why nobody gets in there; the answer comes quickly."""
    began = time.monotonic()
    with pytest.raises(BlazenError) as caught:
        PeerClient.connect(address, token=token, tls=tls).close()
    assert time.monotonic() - began < QUICKLY
    assert TOKEN not in f"{caught.value!r}"
    return caught.value


# --- who gets in ---------------------------------------------------------------------------------------------


def test_a_client_that_trusts_the_ca_runs_steps_over_tls(ca: Authority, tls: ServerTls) -> None:
    with serving(tls, TOKEN) as address:
        assert address.startswith("https://127.0.0.1:")
        with PeerClient.connect(address, token=TOKEN, tls=client_tls(ca)) as client:
            assert client.address == address
            assert client.run_remote_workflow("w", ["tls::echo"], {"x": 1}).result == {"x": 1}
            assert "TLS" in str(client._repr_html_())


async def test_the_async_client_takes_the_same(ca: Authority, tls: ServerTls) -> None:
    with serving(tls, TOKEN) as address:
        client = await AsyncPeerClient.connect(address, token=TOKEN, tls=client_tls(ca))
        async with client:
            assert (await client.run_remote_workflow("w", ["tls::echo"], {"x": 1})).result == {
                "x": 1
            }


def test_the_ca_may_come_from_the_environment(
    ca: Authority, tls: ServerTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLAZEN_PEER_CA", str(ca.pem))
    with serving(tls, TOKEN) as address, PeerClient.connect(address, token=TOKEN) as client:
        client.ping()


def test_the_certificate_to_show_may_come_from_the_environment(
    ca: Authority, mtls: ServerTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = ca.pair("from the environment")
    monkeypatch.setenv("BLAZEN_PEER_CA", str(ca.pem))
    monkeypatch.setenv("BLAZEN_PEER_CERT", str(mine.pem))
    monkeypatch.setenv("BLAZEN_PEER_KEY", str(mine.key))
    with serving(mtls) as address, PeerClient.connect(address) as client:
        client.ping()


def test_a_certificate_admits_without_a_token(ca: Authority, mtls: ServerTls) -> None:
    mine = client_tls(ca, ca.pair("me"))
    with serving(mtls) as address, PeerClient.connect(address, tls=mine) as client:
        assert client.run_remote_workflow("w", ["tls::echo"], {"x": 1}).result == {"x": 1}


def test_where_a_token_is_set_a_certificate_alone_does_not_admit(
    ca: Authority, mtls: ServerTls
) -> None:
    mine = client_tls(ca, ca.pair("me"))
    with serving(mtls, TOKEN) as address:
        assert isinstance(refusal(address, mine, token=None), AuthError)
        with PeerClient.connect(address, tls=mine, token=TOKEN) as client:
            client.ping()


def test_a_name_is_one_caller_and_another_name_is_another(ca: Authority, mtls: ServerTls) -> None:
    first, renewed = ca.pair("ann", subject="ann"), ca.pair("ann again", subject="ann")
    other = ca.pair("bob", subject="bob")
    with serving(mtls) as address:

        def connect(pair: Pair) -> PeerClient:
            return PeerClient.connect(address, tls=client_tls(ca, pair), namespace="shared")

        with connect(first) as ann, connect(renewed) as ann_again, connect(other) as bob:
            states = [c._link.welcome.namespace_state for c in (ann, ann_again, bob)]
        assert states == ["new", "resumed", "new"]


def test_a_local_client_needs_nothing_but_the_connection_file(tls: ServerTls) -> None:
    with serving(tls) as address:
        for text in (address, address.removeprefix("https://")):
            with PeerClient.connect(text) as client:
                assert client.address == address
                client.ping()


def test_the_pair_for_tests_speaks_tls_when_asked(tls: ServerTls) -> None:
    for token in (None, TOKEN):
        with LocalPeer("gpu-box", tls=tls, token=token) as peer:
            assert peer.client.address.startswith("https://")
            peer.client.ping()


def test_a_connection_file_holds_the_certificate_and_never_the_key(
    tls: ServerTls, shown: Pair
) -> None:
    with LocalPeer("gpu-box", tls=tls):
        found = connection_file.find_local()
        assert found is not None
        assert found.certificate is not None
        assert found.certificate.strip() == shown.pem.read_text().strip()
        assert "PRIVATE KEY" not in found.path.read_text()


def test_a_connection_file_trusts_one_peer_and_no_other_of_its_ca(
    ca: Authority, tls: ServerTls
) -> None:
    with LocalPeer("gpu-box", tls=tls) as peer:
        found = connection_file.find_local()
        assert found is not None
        pinned = ClientTls(ca=(found.certificate or "").encode())
        with serving(server_tls(ca.pair("another")), TOKEN) as address:
            assert isinstance(refusal(address, pinned), TlsError)
        with PeerClient.connect(peer.address, tls=pinned) as client:
            client.ping()


def test_values_that_a_verified_peer_pickled_are_opened(
    ca: Authority, tls: ServerTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if it were on another machine, where only TLS says who it is.
    monkeypatch.setattr("blazen_nb.wire.address.Address.is_loopback", False)
    value = {"path": Path("x")}
    with (
        serving(tls, TOKEN) as address,
        PeerClient.connect(address, token=TOKEN, tls=client_tls(ca)) as client,
    ):
        assert client.run_remote_workflow("w", ["tls::echo"], value).result == value


# --- who does not --------------------------------------------------------------------------------------------


def test_a_ca_that_is_not_trusted_is_a_tls_error(stranger: Authority, tls: ServerTls) -> None:
    with serving(tls, TOKEN) as address:
        for trusted in (client_tls(stranger), None):
            error = refusal(address, trusted)
            assert isinstance(error, TlsError)
            assert error.kind == "Tls"
            assert "BLAZEN_PEER_CA" in str(error)


def test_a_certificate_for_another_host_is_a_tls_error_that_names_both(ca: Authority) -> None:
    elsewhere = ca.pair("elsewhere", hosts=("gpu.example", "10.0.0.7"))
    with serving(server_tls(elsewhere), TOKEN) as address:
        error = refusal(address, client_tls(ca))
    assert isinstance(error, TlsError)
    assert "is for gpu.example, 10.0.0.7, not for 127.0.0.1" in str(error)
    assert "blazen-nb certs" in str(error)


def test_an_expired_certificate_is_a_tls_error(ca: Authority) -> None:
    with serving(server_tls(ca.pair("expired", days=-1)), TOKEN) as address:
        error = refusal(address, client_tls(ca))
    assert isinstance(error, TlsError)
    assert "has expired: renew it" in str(error)


def test_a_certificate_of_the_future_is_a_tls_error_about_clocks(ca: Authority) -> None:
    with serving(server_tls(ca.pair("tomorrow", days=10)), TOKEN) as address:
        error = refusal(address, client_tls(ca))
    assert isinstance(error, TlsError)
    assert "clocks" in str(error)


def test_a_client_without_a_certificate_is_told_that_it_needs_one(
    ca: Authority, mtls: ServerTls
) -> None:
    with serving(mtls) as address:
        error = refusal(address, client_tls(ca))
    assert isinstance(error, AuthError)
    assert "BLAZEN_PEER_CERT and BLAZEN_PEER_KEY" in str(error)


@pytest.mark.parametrize("fault", ["stranger", "expired"])
def test_a_client_with_a_bad_certificate_is_told_that_it_is_refused(
    fault: str, ca: Authority, stranger: Authority, mtls: ServerTls
) -> None:
    pair = stranger.pair("other me") if fault == "stranger" else ca.pair("old me", days=-1)
    with serving(mtls) as address:
        error = refusal(address, client_tls(ca, pair))
    assert isinstance(error, AuthError)
    assert "does not accept this client's certificate" in str(error)


@pytest.mark.parametrize("asks", [False, True])
def test_a_plain_client_of_a_peer_with_tls_is_told_to_use_https(
    asks: bool, tls: ServerTls, mtls: ServerTls
) -> None:
    with serving(mtls if asks else tls, TOKEN) as address:
        error = refusal(address.replace("https://", "http://"))
    assert isinstance(error, TransportError)
    assert f"connect to {address}" in str(error)


def test_a_tls_client_of_a_plain_peer_is_told_that_it_has_none(ca: Authority) -> None:
    with serving(None, TOKEN) as address:
        error = refusal(f"https://{address}", client_tls(ca))
    assert isinstance(error, TransportError)
    assert "does not speak TLS" in str(error)
    assert f"http://{address}" in str(error)


def test_a_wrong_token_is_an_auth_error_over_tls(ca: Authority, tls: ServerTls) -> None:
    with serving(tls, TOKEN) as address:
        error = refusal(address, client_tls(ca), token="wrong")
    assert isinstance(error, AuthError)
    assert "BLAZEN_PEER_TOKEN" in str(error)


async def test_refusals_leave_the_peer_as_it_was(
    ca: Authority, stranger: Authority, mtls: ServerTls
) -> None:
    with serving(mtls) as address:
        bad = [client_tls(stranger), client_tls(ca), client_tls(ca, stranger.pair("x")), None]
        tries = [AsyncPeerClient.connect(address, tls=each) for each in bad * 3]
        ends = await asyncio.gather(*tries, return_exceptions=True)
        assert [type(end) for end in ends] == [TlsError, AuthError, AuthError, AuthError] * 3
        async with await AsyncPeerClient.connect(
            address, tls=client_tls(ca, ca.pair("me"))
        ) as client:
            assert (await client.describe()).sessions == 1


# --- what is misuse, before anything is sent -----------------------------------------------------------------


def test_tls_for_an_address_that_says_otherwise_is_refused(ca: Authority, tls: ServerTls) -> None:
    for address in ("http://127.0.0.1:9", "unix:/tmp/x.sock"):
        with pytest.raises(ValidationError, match="https://host:port"):
            PeerClient.connect(address, tls=client_tls(ca))
        with (
            PeerServer("n", tls=tls) as server,
            pytest.raises(ValidationError, match="tls is given"),
        ):
            server.start(address)
    with PeerServer("n") as server, pytest.raises(ValidationError, match="load_server_tls"):
        server.start("https://127.0.0.1:0")


def test_admitting_everybody_and_only_some_is_refused(mtls: ServerTls) -> None:
    with pytest.raises(ValidationError, match="insecure"):
        PeerServer("n", tls=mtls, insecure=True)


def test_tls_alone_does_not_open_an_address_to_other_machines(
    tls: ServerTls, mtls: ServerTls
) -> None:
    with PeerServer("n", tls=tls) as server, pytest.raises(ValidationError, match="certificate"):
        server.start("0.0.0.0:0")
    with PeerServer("n", tls=mtls) as server:
        assert server.start("0.0.0.0:0").startswith("https://0.0.0.0:")


def test_a_token_that_travels_unencrypted_is_warned_of_on_both_sides(
    tls: ServerTls, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, ca: Authority
) -> None:
    def warned() -> list[str]:
        found = [r.name for r in caplog.records if r.levelno == logging.WARNING]
        caplog.clear()
        return found

    with PeerServer("n", token=TOKEN) as server:
        port = server.start("0.0.0.0:0").rpartition(":")[2]
        assert warned() == ["blazen_nb.peer"]
        monkeypatch.setattr("blazen_nb.wire.address.Address.is_loopback", False)
        with PeerClient.connect(f"127.0.0.1:{port}", token=TOKEN):
            assert warned() == ["blazen_nb.client"]
    with PeerServer("n", token=TOKEN, tls=tls) as server:
        port = server.start("0.0.0.0:0").rpartition(":")[2]
        with PeerClient.connect(f"https://127.0.0.1:{port}", token=TOKEN, tls=client_tls(ca)):
            assert warned() == []


def test_no_repr_and_no_error_shows_a_key(shown: Pair, tls: ServerTls, ca: Authority) -> None:
    mine = client_tls(ca, ca.pair("shy"))
    for shown_as in (repr(tls), repr(mine), str(PeerServer("n", tls=tls))):
        assert "BEGIN" not in shown_as
    error = TlsError(f"about {tls}")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("ways", [("unix",), ("tcp",), ()])
def test_a_client_known_by_its_certificate_puts_and_fetches_on_every_way(
    mtls: ServerTls, ca: Authority, ways: tuple[str, ...]
) -> None:
    with serving(mtls) as address:
        shown = client_tls(ca, ca.pair("notebook"))
        with PeerClient.connect(address, tls=shown) as client:
            client._link.refs.sockets.ways = ways
            value = bytes(2 << 20)
            assert client.put(value).fetch() == value
