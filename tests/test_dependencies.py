from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import grimp
import pytest

# Used where the user has them, never needed: values and figures of these packages get a better treatment.
WHERE_INSTALLED = {"numpy", "matplotlib", "pandas", "torch", "tqdm", "ipykernel"}


@pytest.fixture(scope="module")
def project_table(project: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    return table


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def _imported_packages() -> set[str]:
    graph = grimp.build_graph("blazen_nb", include_external_packages=True, cache_dir=None)
    outside = {name for name in graph.modules if not name.startswith("blazen_nb")}
    return outside - set(sys.stdlib_module_names)


def test_every_package_that_is_imported_is_declared(project_table: dict[str, Any]) -> None:
    extras = project_table["optional-dependencies"]
    requirements = [*project_table["dependencies"], *extras["demo"], *extras["tls"], *extras["lab"]]
    declared = {_name(requirement) for requirement in requirements}
    # google is a namespace of many distributions; the only one meant here is protobuf.
    providers = {**packages_distributions(), "google": ["protobuf"]}
    undeclared = {
        package
        for package in _imported_packages() - WHERE_INSTALLED
        if not declared & {_name(provider) for provider in providers.get(package, [])}
    }
    assert not undeclared


def test_every_core_dependency_is_imported_somewhere(project_table: dict[str, Any]) -> None:
    providers = {**packages_distributions(), "google": ["protobuf"]}
    used = {
        _name(provider)
        for package in _imported_packages()
        for provider in providers.get(package, [])
    }
    assert {_name(requirement) for requirement in project_table["dependencies"]} <= used


def test_every_tested_version_is_a_name_and_a_version_only(project: Path) -> None:
    lines = (project / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins == sorted(pins, key=lambda pin: pin.partition("==")[0])
    assert not [pin for pin in pins if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin)]


def test_every_dependency_has_a_tested_version(
    project: Path, project_table: dict[str, Any]
) -> None:
    tested = {
        line.partition("==")[0] for line in (project / "constraints.txt").read_text().splitlines()
    }
    extras = project_table["optional-dependencies"]
    wanted = [*project_table["dependencies"], *extras["demo"], *extras["lab"], *extras["tls"]]
    wanted += extras["test"]
    assert {_name(requirement) for requirement in wanted} - {"blazen-nb"} <= tested
