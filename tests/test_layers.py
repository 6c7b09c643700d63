from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint_imports(config: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What the command says of the packages in this folder.

    It configures logging for its whole process, and that disables every logger that is there: so it gets its own.
    """
    return subprocess.run(
        [sys.executable, "-c", LINT, "--config", config, "--no-cache", "--no-logo"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=folder,
    )


def test_every_import_contract_is_kept(project: Path) -> None:
    done = lint_imports("pyproject.toml", project)
    assert done.returncode == 0, done.stdout + done.stderr


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


def test_a_forbidden_import_is_found(tmp_path: Path) -> None:
    package = tmp_path / "toy"
    for name in ("__init__", "low", "high"):
        package.mkdir(exist_ok=True)
        (package / f"{name}.py").write_text("from toy import high\n" if name == "low" else "")
    config = tmp_path / ".importlinter"
    config.write_text(
        "[importlinter]\nroot_package = toy\n"
        "[importlinter:contract:1]\nname = down\ntype = layers\nlayers =\n    toy.high\n    toy.low\n"
    )
    done = lint_imports(config.name, tmp_path)
    assert done.returncode == 1, done.stderr
    assert "toy.low is not allowed to import toy.high" in done.stdout
