from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from blazen_nb.errors import TlsError, ValidationError
from blazen_nb.wire import connection_file
from blazen_nb.wire.address import parse
from blazen_nb.wire.tls import load_client_tls, load_server_tls, resolve_client_tls
from tests.peer.certificates import Authority, Pair

HTTPS = parse("https://gpu.example:7070", use="connect")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"), "ca")


@pytest.fixture(scope="module")
def pair(ca: Authority) -> Pair:
    return ca.pair("pair")


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    for name in ("BLAZEN_PEER_CA", "BLAZEN_PEER_CERT", "BLAZEN_PEER_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_a_missing_file_is_a_tls_error_that_names_it_without_its_folder(
    pair: Pair, tmp_path: Path
) -> None:
    missing = tmp_path / "nobody.pem"
    calls = (
        lambda: load_server_tls(missing, pair.key),
        lambda: load_server_tls(pair.pem, missing),
        lambda: load_server_tls(pair.pem, pair.key, missing),
        lambda: load_client_tls(ca_pem_path=missing),
    )
    for call in calls:
        with pytest.raises(TlsError, match=r"^nobody.pem cannot be read: No such file") as caught:
            call()
        assert caught.value.kind == "Tls"
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"not PEM", b"-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n"],
)
def test_a_file_that_is_no_pem_is_a_tls_error(content: bytes, pair: Pair, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_bytes(content)
    for call in (
        lambda: load_server_tls(bad, pair.key),
        lambda: load_server_tls(pair.pem, bad),
        lambda: load_client_tls(ca_pem_path=bad),
        lambda: load_client_tls(pair.pem, bad),
    ):
        with pytest.raises(TlsError, match=r"bad\.pem"):
            call()


def test_the_key_of_another_certificate_is_a_tls_error(ca: Authority, pair: Pair) -> None:
    other = ca.pair("other")
    with pytest.raises(TlsError, match=r"other\.key is not the private key of .* pair\.pem"):
        load_server_tls(pair.pem, other.key)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(
    pair: Pair, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization as s

    locked = tmp_path / "locked.key"
    key = s.load_pem_private_key(pair.key.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"pw"))
    )
    with pytest.raises(TlsError, match=r"locked\.key is encrypted"):
        load_server_tls(pair.pem, locked)


def test_a_certificate_without_its_key_is_misuse(pair: Pair) -> None:
    with pytest.raises(ValidationError, match="belong together"):
        load_client_tls(cert_pem_path=pair.pem)
    with pytest.raises(ValidationError, match="belong together"):
        load_client_tls(key_pem_path=pair.key)


def test_of_a_file_that_holds_a_key_too_only_certificates_are_shown(
    pair: Pair, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(pair.key.read_bytes() + pair.pem.read_bytes())
    tls = load_server_tls(both, both)
    assert b"PRIVATE" not in tls.certificates
    assert "PRIVATE" not in tls.own_certificate


def test_plain_text_is_plain_text_unless_something_asks_for_tls(
    ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLAZEN_PEER_CA", str(ca.pem))
    for text in ("gpu.example:7070", "http://gpu.example:7070", "unix:/tmp/x", "127.0.0.1:7070"):
        assert resolve_client_tls(None, parse(text, use="connect")) is None
    assert resolve_client_tls(None, HTTPS) is not None


def test_an_https_address_trusts_the_public_ones_unless_told_otherwise(
    ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = resolve_client_tls(None, HTTPS)
    assert public is not None
    assert (public.ca, public.certificates, public.key) == (None, None, None)
    monkeypatch.setenv("BLAZEN_PEER_CA", str(ca.pem))
    told = resolve_client_tls(None, HTTPS)
    assert told is not None
    assert told.ca is not None
    assert told.ca.strip() == ca.pem.read_bytes().strip()


def test_the_argument_wins_over_environment_and_connection_file(
    ca: Authority, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = parse("127.0.0.1:5001", use="connect")
    connection_file.write(node_id="n", address=here, token=None, certificate=pair.pem.read_text())
    monkeypatch.setenv("BLAZEN_PEER_CA", str(pair.pem))
    explicit = load_client_tls(ca_pem_path=ca.pem)
    assert resolve_client_tls(explicit, here) == explicit
    found = resolve_client_tls(None, here)
    assert found is not None
    assert found.ca is not None
    assert found.ca.count(b"BEGIN CERTIFICATE") == 2


def test_a_bad_file_in_the_environment_is_an_error_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, pair: Pair
) -> None:
    monkeypatch.setenv("BLAZEN_PEER_CA", "/nowhere/ca.pem")
    with pytest.raises(TlsError, match=r"ca\.pem cannot be read"):
        resolve_client_tls(None, HTTPS)
    monkeypatch.setenv("BLAZEN_PEER_CA", " ")
    monkeypatch.setenv("BLAZEN_PEER_CERT", str(pair.pem))
    with pytest.raises(ValidationError, match="belong together"):
        resolve_client_tls(None, HTTPS)


def test_loading_pem_files_needs_no_package_beside_the_core(pair: Pair) -> None:
    # cryptography makes certificates; using them does without.
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from blazen_nb import load_server_tls\n"
        "load_server_tls(*sys.argv[1:])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(pair.pem), str(pair.key)], check=True)
