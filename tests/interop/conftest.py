"""The real Blazen in an environment of its own: the one BLAZEN_PYTHON names, else one made once and kept in the cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from blazen_nb import PeerServer

VERSION = "0.6.74"
CALLER = Path(__file__).parent / "caller.py"

# Its wheel wants glibc 2.38 for three names that only read numbers; older ones have them without the prefix.
FORWARDING = """\
#include <stdlib.h>
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
long long __isoc23_strtoll(const char *text, char **end, int base) { return strtoll(text, end, base); }
unsigned long long __isoc23_strtoull(const char *text, char **end, int base) { return strtoull(text, end, base); }
"""


class Blazen:
    """An interpreter that can import the real Blazen.

    Args:
        preload: A library that it needs on this machine.
    """

    def __init__(self, python: Path, preload: Path | None) -> None:
        self.python = python
        self._environment = dict(os.environ)
        if preload is not None:
            self._environment["LD_PRELOAD"] = str(preload)

    def run(self, *arguments: str, job: Any = None) -> subprocess.CompletedProcess[str]:
        """What the interpreter did with these arguments and the job as JSON on its stdin."""
        return subprocess.run(
            [self.python, *arguments],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=9,
            env=self._environment,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The interpreter at work; whoever starts it ends it."""
        return subprocess.Popen(
            [self.python, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self._environment,
        )


class Calls(Protocol):
    """Has a Blazen client make these calls on our peer, and gives what came of each."""

    def __call__(
        self, *calls: dict[str, Any], repeat: int | None = None
    ) -> list[dict[str, Any]]: ...


@pytest.fixture(scope="session")
def blazen(pytestconfig: pytest.Config) -> Blazen:
    """The real Blazen, or a skip that says why not."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("blazen")
    named = os.environ.get("BLAZEN_PYTHON")
    python = Path(named) if named else _own_environment(folder / VERSION)
    version = _version(Blazen(python, None))
    if version is None:
        preload = _forwarding_library(folder)
        found = Blazen(python, preload)
        version = _version(found)
    else:
        found = Blazen(python, None)
    if version != VERSION:
        pytest.skip(
            f"{'BLAZEN_PYTHON' if named else 'the cached environment'} has Blazen {version}, not {VERSION}"
        )
    return found


def _version(blazen: Blazen) -> str | None:
    done = blazen.run("-c", "import blazen; print(blazen.__version__)")
    return done.stdout.strip() if done.returncode == 0 else None


def _own_environment(folder: Path) -> Path:
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    install = [
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--retries",
        "0",
    ]
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), *install, "--timeout", "10", f"blazen=={VERSION}"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            pytest.skip(
                f"Blazen {VERSION} cannot be installed here: no index, or no wheel for this platform"
            )
    (folder / "complete").touch()
    return python


def _forwarding_library(folder: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not sys.platform.startswith("linux") or compiler is None:
        pytest.skip(
            "Blazen cannot be imported here, and there is no C compiler to help an older glibc"
        )
    source, library = folder / "isoc23.c", folder / "isoc23.so"
    if not library.exists():
        source.write_text(FORWARDING)
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True, timeout=30
        )
    return library


@pytest.fixture
def server() -> Iterator[PeerServer]:
    """Our peer as Blazen's clients need it: they send no token."""
    with PeerServer("our-peer", insecure=True) as server:
        server.start("127.0.0.1:0")
        yield server


@pytest.fixture
def calls(blazen: Blazen, server: PeerServer) -> Calls:
    """Calls from a real Blazen client to our peer."""

    def make(*calls: dict[str, Any], repeat: int | None = None) -> list[dict[str, Any]]:
        job: dict[str, Any] = {"address": server.address, "calls": calls}
        if repeat is not None:
            job["repeat"] = repeat
        done = blazen.run(str(CALLER), job=job)
        assert done.returncode == 0, done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    return make
