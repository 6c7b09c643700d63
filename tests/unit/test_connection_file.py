from __future__ import annotations

import json
import os
import platform
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blazen_nb.errors import ValidationError
from blazen_nb.wire import connection_file
from blazen_nb.wire.address import Address, parse

HERE = parse("127.0.0.1:5001", use="connect")
TOKEN = "s3cret-token-of-a-peer"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    return tmp_path / "runtime"


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def write(address: Address = HERE, node_id: str = "gpu-box") -> connection_file.ConnectionFile:
    return connection_file.write(node_id=node_id, address=address, token=TOKEN)


def rewrite(file: connection_file.ConnectionFile, **changes: Any) -> None:
    file.path.write_text(json.dumps(json.loads(file.path.read_text()) | changes))


def test_a_written_peer_is_found_by_its_address(folder: Path) -> None:
    written = write()
    assert connection_file.find(HERE) == written
    assert connection_file.find(parse("http://localhost:5001", use="connect")) == written
    assert written.token == TOKEN
    assert connection_file.find(parse(":5002", use="connect")) is None


def test_file_and_folder_are_private_even_under_a_lax_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        written = write()
    finally:
        os.umask(before)
    assert stat.S_IMODE(written.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [written.path.name]


def test_the_file_is_named_after_node_and_process(folder: Path) -> None:
    name = write(node_id="../gpu box/1").path.name
    assert name.startswith(f"blazen-peer-___gpu_box_1-{os.getpid()}-")
    assert name.endswith(".json")
    assert write(node_id="x" * 500).path.exists()


def test_the_file_says_who_where_and_since_when(folder: Path) -> None:
    written = write()
    saved = json.loads(written.path.read_text())
    assert saved == {
        "node_id": "gpu-box",
        "address": "127.0.0.1:5001",
        "token": TOKEN,
        "certificate": None,
        "pid": os.getpid(),
        "host": platform.node().partition(".")[0],
        "started": written.started,
    }


def test_two_peers_of_one_process_and_name_have_a_file_each(folder: Path) -> None:
    first, second = write(), write(address=parse(":5002", use="connect"))
    connection_file.remove(first)
    assert connection_file.live() == [second]


def test_a_laptop_in_another_network_still_finds_its_own_peers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "node", lambda: "laptop.home")
    written = write()
    monkeypatch.setattr(platform, "node", lambda: "laptop.office")
    assert connection_file.find_local() == written
    monkeypatch.setattr(platform, "node", lambda: "desktop.office")
    assert connection_file.find_local() is None


def test_a_removed_peer_is_gone_and_may_be_removed_again(folder: Path) -> None:
    written = write()
    connection_file.remove(written)
    connection_file.remove(written)
    assert connection_file.find(HERE) is None
    assert list(folder.iterdir()) == []


def test_the_newest_living_peer_is_the_local_one(folder: Path) -> None:
    old, new = write(), write(address=parse(":5002", use="connect"))
    rewrite(old, started=100.0)
    rewrite(new, started=200.0)
    found = connection_file.find_local()
    assert found is not None
    assert found.address == "127.0.0.1:5002"
    assert [file.started for file in connection_file.live()] == [200.0, 100.0]


def test_the_file_of_a_dead_process_is_ignored_and_cleaned(folder: Path, dead_pid: int) -> None:
    written = write()
    rewrite(written, pid=dead_pid)
    assert connection_file.find(HERE) is None
    assert not written.path.exists()


def test_the_file_of_another_machine_is_ignored_and_kept(folder: Path, dead_pid: int) -> None:
    written = write()
    rewrite(written, host="another-machine", pid=dead_pid)
    assert connection_file.find_local() is None
    assert written.path.exists()


def test_a_process_that_is_not_its_writer_leaves_the_file(folder: Path) -> None:
    written = write()
    code = (
        "import sys; from pathlib import Path; from blazen_nb.wire import connection_file\n"
        f"file = connection_file.find_local(); assert file.pid == {os.getpid()}\n"
        "connection_file.remove(file)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=9)
    assert written.path.exists()


def test_a_file_that_others_can_read_is_refused_by_name(folder: Path) -> None:
    written = write()
    written.path.chmod(0o644)
    looks: list[Callable[[], object]] = [
        lambda: connection_file.find(HERE),
        connection_file.find_local,
    ]
    for look in looks:
        with pytest.raises(ValidationError, match="can be read by other users") as caught:
            look()
        assert written.path.name in str(caught.value)
        assert str(folder) not in str(caught.value)
        assert TOKEN not in str(caught.value)
    assert connection_file.live() == []


def test_a_file_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    with pytest.raises(ValidationError, match="belongs to another user"):
        connection_file.find(HERE)


def test_a_private_file_is_used_beside_one_that_is_not(folder: Path) -> None:
    good, bad = write(), write()
    bad.path.chmod(0o640)
    assert connection_file.find(HERE) == good
    assert connection_file.find_local() == good


def test_an_unsafe_file_of_another_address_does_not_matter(folder: Path) -> None:
    write().path.chmod(0o666)
    assert connection_file.find(parse(":5002", use="connect")) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b'"text"',
        b"{}",
        b"[" * 60_000,
        json.dumps(
            {"node_id": 1, "address": "a", "token": "t", "pid": 1, "host": "h", "started": 1}
        ).encode(),
        json.dumps(
            {"node_id": "n", "address": "a", "token": "t", "pid": -1, "host": "h", "started": 1}
        ).encode(),
        json.dumps(
            {"node_id": "n", "address": "a", "token": [], "pid": 1, "host": "h", "started": 1}
        ).encode(),
    ],
)
def test_a_file_that_makes_no_sense_is_passed_over(folder: Path, content: bytes) -> None:
    written = write()
    (folder / "blazen-peer-broken-1-00.json").write_bytes(content)
    assert connection_file.live() == [written]


def test_a_certificate_that_is_no_text_makes_no_sense(folder: Path) -> None:
    written = write()
    rewrite(written, certificate=["PEM"])
    assert connection_file.live() == []


def test_fields_of_a_newer_version_do_no_harm(folder: Path) -> None:
    written = write()
    rewrite(written, tls="later")
    assert connection_file.find(HERE) == written


def test_a_link_a_folder_and_a_pipe_are_not_read(folder: Path, tmp_path: Path) -> None:
    written = write()
    moved = tmp_path / "elsewhere.json"
    written.path.rename(moved)
    written.path.symlink_to(moved)
    (folder / "blazen-peer-folder.json").mkdir()
    os.mkfifo(folder / "blazen-peer-pipe.json")
    assert connection_file.live() == []


def test_no_folder_means_no_peers(folder: Path) -> None:
    assert not folder.exists()
    assert connection_file.find_local() is None


def test_a_folder_that_cannot_be_written_is_refused_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file" / "runtime"))
    with pytest.raises(
        ValidationError, match="point JUPYTER_RUNTIME_DIR at a folder of your own"
    ) as caught:
        write()
    assert str(tmp_path) not in str(caught.value)


def test_the_token_is_in_no_repr(folder: Path) -> None:
    written = write()
    assert TOKEN not in repr(written)
    assert str(folder) not in repr(written)


def test_a_peer_without_a_token_says_so(folder: Path) -> None:
    connection_file.write(node_id="open", address=HERE, token=None)
    found = connection_file.find(HERE)
    assert found is not None
    assert found.token is None


FOLDERS: list[tuple[dict[str, str], str]] = [
    ({"JUPYTER_RUNTIME_DIR": "/a", "JUPYTER_DATA_DIR": "/b"}, "/a"),
    ({"JUPYTER_DATA_DIR": "/b"}, "/b/runtime"),
    ({"JUPYTER_RUNTIME_DIR": "", "XDG_DATA_HOME": "/c", "HOME": "/h"}, "/c/jupyter/runtime"),
    ({"HOME": "/h"}, "/h/.local/share/jupyter/runtime"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="the rule of Linux")
@pytest.mark.parametrize(("environment", "expected"), FOLDERS)
def test_the_folder_is_the_one_that_jupyter_uses(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jupyter_runtime_dir: Callable[[], str] = pytest.importorskip(
        "jupyter_core.paths"
    ).jupyter_runtime_dir
    for name in (
        "JUPYTER_RUNTIME_DIR",
        "JUPYTER_DATA_DIR",
        "XDG_DATA_HOME",
        "JUPYTER_PLATFORM_DIRS",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(connection_file.runtime_folder()) == expected == jupyter_runtime_dir()


def test_macos_has_its_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/Users/someone")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert str(connection_file.runtime_folder()) == "/Users/someone/Library/Jupyter/runtime"


def test_without_a_home_nothing_is_found_and_writing_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert connection_file.find(HERE) is None
    with pytest.raises(ValidationError, match="set JUPYTER_RUNTIME_DIR"):
        write()
