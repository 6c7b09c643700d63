from __future__ import annotations

import os
import ssl
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from blazen_nb.certs import make_certificates
from blazen_nb.cli import main
from blazen_nb.errors import ValidationError
from blazen_nb.wire.tls import load_client_tls, load_server_tls

NAMES = ["ca.key", "ca.pem", "client.key", "client.pem", "server.key", "server.pem"]


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_new_folder_gets_a_ca_and_two_pairs_that_load(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    written = make_certificates(folder, ["gpu.example", "10.0.0.7"])
    assert sorted(path.name for path in written) == NAMES == sorted(os.listdir(folder))
    for name in ("server", "client"):
        read(folder / f"{name}.pem").verify_directly_issued_by(read(folder / "ca.pem"))
    load_server_tls(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    load_client_tls(folder / "client.pem", folder / "client.key", folder / "ca.pem")


def test_keys_are_for_their_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        written = make_certificates(tmp_path / "certs", [])
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in written}
    assert {modes[name] for name in NAMES if name.endswith(".key")} == {0o600}
    assert stat.S_IMODE((tmp_path / "certs").stat().st_mode) == 0o700


def test_the_peers_certificate_is_for_the_hosts_given_and_for_its_own_machine(
    tmp_path: Path,
) -> None:
    make_certificates(tmp_path, ["GPU.example", "10.0.0.7", "localhost"])
    names = read(tmp_path / "server.pem").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [str(name.value) for name in names.value] == [
        "localhost", "127.0.0.1", "::1", "gpu.example", "10.0.0.7",
    ]  # fmt: skip


def test_a_certificate_lasts_a_year_and_its_ca_ten(tmp_path: Path) -> None:
    make_certificates(tmp_path, [])
    now = datetime.now(UTC)
    for name, days in (("ca", 3650), ("server", 397), ("client", 397)):
        certificate = read(tmp_path / f"{name}.pem")
        left = certificate.not_valid_after_utc - now
        assert timedelta(days=days - 1) < left <= timedelta(days=days)
        assert certificate.not_valid_before_utc < now - timedelta(minutes=50)


def test_a_client_cannot_pass_for_a_peer(tmp_path: Path) -> None:
    make_certificates(tmp_path, [])
    usages = {
        name: [
            usage._name
            for usage in read(tmp_path / f"{name}.pem")
            .extensions.get_extension_for_class(x509.ExtendedKeyUsage)
            .value
        ]
        for name in ("server", "client")
    }
    assert usages == {"server": ["serverAuth"], "client": ["clientAuth"]}


def test_openssl_finds_nothing_wrong_with_them_even_when_strict(tmp_path: Path) -> None:
    make_certificates(tmp_path, [])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    client = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert here.getpeercert()


def test_running_it_again_renews_the_pairs_and_keeps_the_ca(tmp_path: Path) -> None:
    first = make_certificates(tmp_path, ["a"])
    before = {path.name: path.read_bytes() for path in first}
    again = make_certificates(tmp_path, ["b"])
    assert sorted(path.name for path in again) == [n for n in NAMES if not n.startswith("ca.")]
    changed = {name for name in NAMES if (tmp_path / name).read_bytes() != before[name]}
    assert changed == {path.name for path in again}
    read(tmp_path / "server.pem").verify_directly_issued_by(read(tmp_path / "ca.pem"))


def test_files_of_others_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "server.key").write_text("mine")
    with pytest.raises(ValidationError, match=r"holds server\.key already"):
        make_certificates(tmp_path, [])
    assert (tmp_path / "server.key").read_text() == "mine"
    assert os.listdir(tmp_path) == ["server.key"]


def test_a_ca_that_is_not_its_own_is_refused(tmp_path: Path) -> None:
    make_certificates(tmp_path / "a", [])
    make_certificates(tmp_path / "b", [])
    (tmp_path / "a" / "ca.key").write_bytes((tmp_path / "b" / "ca.key").read_bytes())
    with pytest.raises(ValidationError, match=r"ca\.key is not the key"):
        make_certificates(tmp_path / "a", [])
    (tmp_path / "a" / "ca.pem").write_text("nothing")
    with pytest.raises(ValidationError, match="no CA that this can use"):
        make_certificates(tmp_path / "a", [])


@pytest.mark.parametrize("host", ["", "gpu:7070", "https://gpu", "two words", "größe"])
def test_what_is_no_host_is_refused_and_nothing_is_written(host: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="--host takes"):
        make_certificates(tmp_path, [host])
    assert not os.listdir(tmp_path)


def test_without_the_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ValidationError, match=r"pip install 'blazen-nb\[tls\]'"):
        make_certificates(tmp_path, [])


def test_the_command_says_what_it_wrote_and_how_to_use_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "certs"
    assert main(["certs", str(folder), "--host", "gpu.example"]) == 0
    said = capsys.readouterr().out
    for name in NAMES:
        assert f"wrote {folder / name}" in said
    for part in (
        "--tls-cert",
        "--tls-key",
        "--client-ca",
        "BLAZEN_PEER_CA",
        "https://gpu.example:",
    ):
        assert part in said
    assert "BEGIN" not in said
