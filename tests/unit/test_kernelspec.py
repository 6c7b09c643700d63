"""``blazen-nb kernel``: what it writes, where, and what it leaves alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from blazen_nb import kernelspec
from blazen_nb.cli import main


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's kernelspecs lie."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def spec_in(folder: Path, name: str = "blazen-peer") -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "kernels" / name / "kernel.json").read_text())
    return loaded


def test_install_lets_jupyter_start_the_kernel_with_this_python(
    data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kernel", "install"]) == 0
    spec = spec_in(data_folder)
    module = "blazen_nb.notebook.peer_kernel"
    assert spec["argv"] == [sys.executable, "-m", module, "-f", "{connection_file}"]
    assert (spec["display_name"], spec["language"]) == ("Blazen peer", "python")
    assert KernelSpecManager().get_kernel_spec("blazen-peer").display_name == "Blazen peer"
    said = capsys.readouterr().out
    assert "%blazen_connect local" in said
    assert str(data_folder) not in said


def test_what_the_peer_is_to_be_called_and_where_it_listens_is_in_the_spec(
    data_folder: Path,
) -> None:
    options = ["--name", "gpu", "--display-name", "GPU", "--address", "127.0.0.1:7070"]
    assert main(["kernel", "install", *options, "--node-id", "gpu-box"]) == 0
    spec = spec_in(data_folder, "gpu")
    assert spec["argv"][5:] == ["--address=127.0.0.1:7070", "--node-id=gpu-box"]
    assert spec["display_name"] == "GPU"


def test_installing_again_replaces_and_remove_removes(data_folder: Path) -> None:
    assert main(["kernel", "install", "--node-id", "one"]) == 0
    assert main(["kernel", "install", "--node-id", "two"]) == 0
    assert spec_in(data_folder)["argv"][-1] == "--node-id=two"
    assert main(["kernel", "remove"]) == 0
    assert not (data_folder / "kernels" / "blazen-peer").exists()


def test_it_can_be_of_an_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["kernel", "install", "--prefix", str(tmp_path / "env")]) == 0
    assert spec_in(tmp_path / "env" / "share" / "jupyter")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "own"))
    assert main(["kernel", "install", "--sys-prefix"]) == 0
    assert spec_in(tmp_path / "own" / "share" / "jupyter")


def test_only_one_place_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["kernel", "install", "--user", "--sys-prefix"])
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["remove"], "no kernelspec 'blazen-peer'"),
        (["remove", "--name", "python3"], "'python3' is another kernel's"),
        (["install", "--name", "python3"], "'python3' is another kernel's"),
        (["install", "--name", "a b"], "--name a b: a kernel's name has"),
    ],
)
def test_what_it_cannot_do_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kernel", *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_folder_that_cannot_be_written_is_one_line_without_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["kernel", "install", "--prefix", str(tmp_path / "file")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be written there" in line
    assert str(tmp_path) not in line


@pytest.mark.parametrize("package", ["ipykernel", "jupyter_client"])
def test_without_jupyter_it_says_what_to_install(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kernelspec, "find_spec", lambda name: None if name == package else object())
    assert main(["kernel", "install"]) == 1
    assert f"a kernel needs {package}; pip install 'blazen-nb[lab]'" in capsys.readouterr().err
