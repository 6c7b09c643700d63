from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from importlinter.cli import lint_imports


def test_every_import_contract_is_kept(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    status = lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


def _contracts(project: Path) -> list[dict[str, Any]]:
    configuration = tomllib.loads((project / "pyproject.toml").read_text())
    contracts: list[dict[str, Any]] = configuration["tool"]["importlinter"]["contracts"]
    return contracts


def _layers(project: Path) -> list[str]:
    layers: list[str] = next(
        contract["layers"]
        for contract in _contracts(project)
        if contract.get("containers") == ["blazen_nb"]
    )
    return layers


def test_the_drawn_layers_are_the_ones_that_are_checked(project: Path) -> None:
    assert "  >  ".join(_layers(project)) in (project / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("grpc", {"wire", "client", "peer"}),
        ("IPython", {"notebook"}),
        ("pickle", {"shipping"}),
    ],
)
def test_a_contract_on_a_package_leaves_out_only_the_layers_that_may_import_it(
    project: Path, package: str, allowed: set[str]
) -> None:
    (contract,) = [
        contract
        for contract in _contracts(project)
        if package in contract.get("forbidden_modules", [])
    ]
    modules = {name for layer in _layers(project) for name in layer.split(" | ")}
    watched = {name.removeprefix("blazen_nb.") for name in contract["source_modules"]}
    assert modules - watched == allowed


def test_a_forbidden_import_is_found(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    project: Path,
) -> None:
    package = tmp_path / "toy"
    for name in ("__init__", "low", "high"):
        package.mkdir(exist_ok=True)
        (package / f"{name}.py").write_text("from toy import high\n" if name == "low" else "")
    config = tmp_path / ".importlinter"
    config.write_text(
        "[importlinter]\nroot_package = toy\n"
        "[importlinter:contract:1]\nname = down\ntype = layers\nlayers =\n    toy.high\n    toy.low\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert lint_imports(config_filename=str(config), no_cache=True, no_logo=True) == 1
    assert "toy.low is not allowed to import toy.high" in capsys.readouterr().out
