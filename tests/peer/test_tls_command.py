"""TLS on the command line: a peer and its callers as processes of their own, with the files that `certs` makes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blazen_nb import PeerClient, load_client_tls
from blazen_nb.certs import make_certificates
from blazen_nb.errors import AuthError, PeerError
from tests.eventually import eventually
from tests.peer.processes import PeerProcess

TOKEN = "a-token-of-a-test"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certs")
    make_certificates(made, [])
    return made


@pytest.fixture
def serve(folder: Path) -> list[str]:
    return [
        "--tls-cert", str(folder / "server.pem"), "--tls-key", str(folder / "server.key"),
        "--steps", "served_steps",
    ]  # fmt: skip


def command(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Its exit status, output and error output."""
    done = subprocess.run(
        [sys.executable, "-m", "blazen_nb.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=15,
        env={**os.environ, **(environment or {})},
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_serve_and_run_speak_tls(serve: list[str], folder: Path, tmp_path: Path) -> None:
    token = {"BLAZEN_PEER_TOKEN": TOKEN}
    with PeerProcess(tmp_path, "127.0.0.1:0", *serve, environment=token) as peer:
        assert peer.address.startswith("https://127.0.0.1:")
        run = ["run", peer.address, "served::double", "--input", '{"x": 21}']
        assert command(*run, "--ca", str(folder / "ca.pem"), environment=token) == (0, "42", "")
        # On this machine the connection file names the certificate; elsewhere there is none.
        elsewhere = {**token, "JUPYTER_RUNTIME_DIR": str(tmp_path)}
        status, _, said = command(*run, environment=elsewhere)
        assert (status, "BLAZEN_PEER_CA" in said, TOKEN in said) == (1, True, False)
        assert len(said.splitlines()) == 1


def test_serve_admits_by_certificate_and_its_log_stays_calm_when_it_refuses(
    serve: list[str], folder: Path, tmp_path: Path
) -> None:
    ca = folder / "ca.pem"
    mine = load_client_tls(folder / "client.pem", folder / "client.key", ca)
    with PeerProcess(tmp_path, "127.0.0.1:0", *serve, "--client-ca", str(ca)) as peer:
        for tls in (None, load_client_tls(ca_pem_path=ca)):
            with pytest.raises(AuthError):
                PeerClient.connect(peer.address, tls=tls)
        with pytest.raises(PeerError, match="https://"):
            PeerClient.connect(peer.address.replace("https", "http"))
        with PeerClient.connect(peer.address, tls=mine) as client:
            assert client.run_remote_workflow("w", ["served::double"], {"x": 2}).result == 4
        run = ["run", peer.address, "served::double", "--input", '{"x": 21}']
        pair = ["--cert", str(folder / "client.pem"), "--key", str(folder / "client.key")]
        assert command(*run, *pair) == (0, "42", "")
        assert peer.terminate() == 0
        eventually(lambda: not peer.noise, message=peer.errors)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tls-cert", "x.pem"], "--tls-cert and --tls-key belong together"),
        (["--client-ca", "x.pem"], "--client-ca needs both"),
        (["--tls-cert", "x.pem", "--tls-key", "x.key"], "x.pem cannot be read"),
    ],
)
def test_serve_with_half_of_it_ends_with_a_reason(arguments: list[str], said: str) -> None:
    status, output, errors = command("serve", *arguments)
    assert (status, output) == (1, "")
    assert said in errors
    assert "Traceback" not in errors
