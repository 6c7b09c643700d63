from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

VERSION_PROBE = "import importlib.metadata as m, grpc_tools; print(m.version('grpcio-tools'))"


@pytest.fixture(scope="module")
def configuration(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "pyproject.toml").read_text())


def _pinned_generator(configuration: dict[str, Any]) -> str:
    (pin,) = [
        entry for entry in configuration["dependency-groups"]["proto"] if "grpcio-tools" in entry
    ]
    return str(pin).removeprefix("grpcio-tools==")


def _floor(configuration: dict[str, Any], name: str) -> tuple[int, ...]:
    (entry,) = [
        entry for entry in configuration["project"]["dependencies"] if entry.startswith(name + ">")
    ]
    found = re.match(rf"{name}>=([\d.]+)", entry)
    assert found, entry
    return _version(found[1])


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _protos(project: Path) -> list[Path]:
    protos = sorted((project / "proto").rglob("*.proto"))
    assert protos
    return [path.relative_to(project / "proto") for path in protos]


def _stubs(proto: Path) -> list[Path]:
    return [
        proto.with_name(proto.stem + ending) for ending in ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")
    ]


def _generator(version: str) -> str:
    """A Python that has the pinned generator: the one that PROTO_PYTHON names, else this one."""
    python = os.environ.get("PROTO_PYTHON") or sys.executable
    done = subprocess.run(
        [python, "-c", VERSION_PROBE], capture_output=True, text=True, timeout=20, check=False
    )
    if done.stdout.strip() == version:
        return python
    have = done.stdout.strip() or "none"
    pytest.skip(
        f"the stubs were NOT compared: needs grpcio-tools {version}, found {have}; `make proto-tools` makes it"
    )


def test_the_stubs_are_what_the_pinned_generator_writes(
    project: Path, configuration: dict[str, Any], tmp_path: Path
) -> None:
    python = _generator(_pinned_generator(configuration))
    protos = _protos(project)
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    command = [
        python,
        "-m",
        "grpc_tools.protoc",
        "-I",
        str(project / "proto"),
        *outputs,
        *map(str, protos),
    ]
    subprocess.run(command, check=True, timeout=30, cwd=project, capture_output=True)
    stale = [
        str(stub)
        for proto in protos
        for stub in _stubs(proto)
        if (tmp_path / stub).read_bytes() != (project / stub).read_bytes()
    ]
    assert not stale, "run `make proto` and commit what it writes"


def test_the_stubs_load_on_the_oldest_protobuf_that_is_allowed(
    project: Path, configuration: dict[str, Any]
) -> None:
    for proto in _protos(project):
        stub = (project / _stubs(proto)[0]).read_text()
        found = re.search(r"^# Protobuf Python Version: ([\d.]+)$", stub, re.MULTILINE)
        assert found, f"{proto}: no gencode version inside"
        assert _version(found[1]) <= (*_floor(configuration, "protobuf"), 0)


def test_the_stubs_load_on_the_oldest_grpcio_that_is_allowed(
    project: Path, configuration: dict[str, Any]
) -> None:
    for proto in _protos(project):
        stub = (project / _stubs(proto)[2]).read_text()
        found = re.search(r"^GRPC_GENERATED_VERSION = '([\d.]+)'$", stub, re.MULTILINE)
        assert found, f"{proto}: no generator version inside"
        assert found[1] == _pinned_generator(configuration)
        assert _version(found[1]) <= _floor(configuration, "grpcio")


def test_the_installed_runtimes_are_within_the_declared_range(
    configuration: dict[str, Any],
) -> None:
    for name in ("protobuf", "grpcio"):
        assert _version(metadata.version(name)) >= _floor(configuration, name)
