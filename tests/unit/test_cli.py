"""``blazen-nb``: what each command prints, where to, and its exit status."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blazen_nb import PeerClient, __version__
from blazen_nb.cli import main
from blazen_nb.testing import LocalPeer
from tests.peer.processes import PeerProcess, wait_for_file
from tests.unit.cli_peer import serving_cli_steps

SECONDS = 5.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a peer in a process of its own serves ``cli_steps``."""
    with serving_cli_steps(tmp_path_factory.mktemp("peer")) as address:
        yield address


# --- the command itself --------------------------------------------------------------------------


def test_without_a_command_it_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "usage: blazen-nb" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [[], ["serve"], ["run"], ["runs"], ["attach"], ["cancel"], ["demo"]]
)
def test_every_command_explains_itself(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {' '.join(['blazen-nb', *command])}")


def test_it_knows_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"blazen-nb {__version__}\n"


def test_it_is_installed_under_its_name() -> None:
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="blazen-nb")
    assert entry.load() is main


# --- run -----------------------------------------------------------------------------------------


def test_run_prints_what_the_steps_say_where_they_said_it_and_the_result_last(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", address, "cli::speaks", "--input", '{"x": [1, null]}']) == 0
    said = capsys.readouterr()
    assert said.out == "out {'x': [1, None]}\n" + '{"ä": {"x": [1, null]}}\n'
    assert said.err == "err\n"


def test_run_without_input_gives_no_fields(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", address, "cli::speaks"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"ä": {}}


def test_a_result_that_is_not_json_is_printed_as_python_shows_it(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", address, "cli::odd"]) == 0
    assert capsys.readouterr().out == "(1, b'x')\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cli::fails"], "no such row"),
        (["cli::unknown"], "unknown step id `cli::unknown`"),
        (["cli::speaks", "--input", "{"], "--input is not JSON"),
    ],
)
def test_what_goes_wrong_is_one_line_and_status_1(
    address: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["run", address, *arguments]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("blazen-nb: ")
    assert message in line


def test_a_peer_that_is_not_there_is_one_line_and_status_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with LocalPeer() as gone:
        pass
    assert main(["run", gone.address, "cli::speaks"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("blazen-nb: ")


def test_an_interrupt_cancels_the_run_and_is_status_130(address: str, tmp_path: Path) -> None:
    file = tmp_path / "ended"
    command = [sys.executable, "-m", "blazen_nb.cli", "run", address, "cli::waits"]
    process = subprocess.Popen(
        [*command, "--input", json.dumps({"file": str(file)})],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=SECONDS) == ("", "")
        assert process.returncode == 130
    finally:
        process.kill()
        process.communicate()
    assert wait_for_file(file) == "cancelled"


# --- serve ---------------------------------------------------------------------------------------


@pytest.fixture
def own_settings() -> Iterator[None]:
    """What ``serve`` sets for its process is as before afterwards."""
    path, interval = list(sys.path), sys.getswitchinterval()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    sys.path[:] = path
    sys.setswitchinterval(interval)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_settings")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "there_is_no_such_module"], "--steps there_is_no_such_module"),
        (["0.0.0.0:0"], "BLAZEN_PEER_TOKEN"),
        (["nowhere:notaport"], "nowhere"),
        (["--token-file", "there_is_no_such_file"], "--token-file: No such file"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_status_1(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["serve", *arguments]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err.splitlines()[-1]


@pytest.mark.usefixtures("own_settings")
@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [("x" * 40, 0o640, "others can read token; chmod 600 it"), ("\n", 0o600, "empty")],
)
def test_a_token_file_that_is_no_secret_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
    mode: int,
    message: str,
) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(mode)
    assert main(["serve", "--token-file", str(file)]) == 1
    assert message in capsys.readouterr().err


def test_serve_says_where_it_listens_and_serves_its_modules_until_told_to_end(
    tmp_path: Path,
) -> None:
    token = "a-token-of-more-than-thirty-two-characters"
    file = tmp_path / "token"
    file.write_text(token + "\n")
    file.chmod(0o600)
    arguments = ("--token-file", str(file), "--node-id", "gpu-7", "--steps", "served_steps")
    with PeerProcess(tmp_path, *arguments) as served:
        with PeerClient.connect(served.address, token=token) as client:
            result = client.run_remote_workflow("w", ["served::double"], {"x": 4}, timeout=5)
            assert result.result == 8
            assert client.describe().node_id == "gpu-7"
        assert served.terminate() == 0
        assert token not in served.errors
