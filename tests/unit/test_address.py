from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazen_nb.errors import ValidationError
from blazen_nb.wire.address import Address, parse


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        (":8000", "127.0.0.1:8000"),
        ("localhost:8000", "127.0.0.1:8000"),
        ("LocalHost:8000", "127.0.0.1:8000"),
        (" gpu.example:8000 \n", "gpu.example:8000"),
        ("GPU_box-1:65535", "gpu_box-1:65535"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://localhost:8000/", "127.0.0.1:8000"),
        ("HTTP://:8000", "127.0.0.1:8000"),
        ("[::1]:8000", "[::1]:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("[0:0:0:0:0:0:0:1]:8000", "[::1]:8000"),
        ("0.0.0.0:8000", "0.0.0.0:8000"),
    ],
)
def test_one_place_has_one_target_however_it_is_written(text: str, target: str) -> None:
    assert parse(text, use="connect").grpc_target == target
    assert parse(text, use="bind") == parse(text, use="connect")
    assert str(parse(text, use="bind")) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "gpu",
        "8000",
        "gpu:",
        "gpu:port",
        "gpu:-1",
        "gpu:+1",
        "gpu:1_0",
        "gpu:٣",
        "gpu:000080",
        "::1:8000",
        "[::1]",
        "[::1]8000",
        "[gpu]:8000",
        "[127.0.0.1]:8000",
        "two words:8000",
        "user@gpu:8000",
        "größe:8000",
        "-gpu:8000",
        "http://gpu",
        "http://gpu:8000/path",
        "http://gpu:8000?x=1",
        "ftp://gpu:8000",
        "a://b://c:1",
        "unix:",
        "unix:/",
        "unix://relative/path",
        "unix:a\0b",
    ],
)
def test_what_is_no_address_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(
        ValidationError, match=r"is no address of a peer; give host:port, :port .*unix:PATH"
    ):
        parse(text, use="connect")


def test_a_port_beyond_65535_is_refused() -> None:
    with pytest.raises(ValidationError, match="port 65536, and the highest is 65535"):
        parse("gpu:65536", use="bind")


def test_port_0_is_for_binding_only() -> None:
    assert parse("127.0.0.1:0", use="bind").port == 0
    with pytest.raises(ValidationError, match="only lets a server pick one"):
        parse("127.0.0.1:0", use="connect")


def test_the_port_that_a_server_got_replaces_port_0() -> None:
    assert parse(":0", use="bind").with_port(5001).grpc_target == "127.0.0.1:5001"


@pytest.mark.parametrize(
    ("text", "secure", "shown"),
    [
        ("gpu:8000", None, "gpu:8000"),
        ("http://gpu:8000", False, "gpu:8000"),
        ("https://gpu:8000", True, "https://gpu:8000"),
        ("HTTPS://localhost:8000/", True, "https://127.0.0.1:8000"),
        ("https://[::1]:8000", True, "https://[::1]:8000"),
    ],
)
def test_the_scheme_says_whether_it_is_encrypted(
    text: str, secure: bool | None, shown: str
) -> None:
    address = parse(text, use="connect")
    assert address.secure is secure
    assert str(address) == shown
    assert "://" not in address.grpc_target
    assert str(address.with_port(9)).endswith(":9")


def test_a_socket_path_is_absolute_wherever_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    address = parse("unix:run/peer.sock", use="bind")
    assert address.path == "/run/peer.sock"
    assert address.grpc_target == "unix:/run/peer.sock"
    assert address.is_unix
    assert parse("unix:///run/peer.sock", use="connect") == address


def test_a_socket_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert parse("unix:~/peer.sock", use="connect").path == "/home/someone/peer.sock"


def test_a_socket_path_that_the_system_cannot_take_is_refused() -> None:
    longest = "/" + "a" * 102
    assert parse(f"unix:{longest}", use="bind").path == longest
    with pytest.raises(ValidationError, match="choose a shorter one"):
        parse(f"unix:{longest}b", use="bind")
    with pytest.raises(ValidationError, match="choose a shorter one"):
        parse("unix:/" + "é" * 60, use="bind")


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        (":1", True),
        ("localhost:1", True),
        ("127.8.9.10:1", True),
        ("[::1]:1", True),
        ("unix:/run/peer.sock", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("gpu:1", False),
        ("localhost.example:1", False),
        ("127.0.0.1.example:1", False),
        ("127.1:1", False),
        ("0:1", False),
    ],
)
def test_only_what_is_loopback_for_certain_counts_as_loopback(text: str, loopback: bool) -> None:
    assert parse(text, use="bind").is_loopback is loopback


def test_addresses_are_values() -> None:
    assert {parse(":1", use="bind"), parse("localhost:1", use="bind")} == {
        Address(host="127.0.0.1", port=1)
    }


@given(st.text(max_size=40))
def test_any_text_is_an_address_that_reads_back_or_is_refused(text: str) -> None:
    try:
        address = parse(text, use="bind")
    except ValidationError:
        return
    assert parse(str(address), use="bind").grpc_target == address.grpc_target
    assert not address.path or os.path.isabs(address.path)
