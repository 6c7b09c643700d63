"""Which interpreter runs a subject. Peers of blazen_nb have environments of their own, made by ``run.py --install``."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from subject import HERE

FOLDER = Path(os.environ.get("BENCH_VENVS", HERE.parent / "build" / "bench-venvs"))
REQUIREMENTS = {
    "blazen": ("blazen==0.6.74",),
    "dask": ("distributed==2026.8.0", "psutil", "numpy"),
    "ipyparallel": ("ipyparallel==9.2.0", "psutil", "numpy"),
}
"""What goes into the environment of a subject that is not this project's; others run in the project's own."""
INSTALL_SECONDS = 300

_SHIM_SOURCE = """
#include <stdlib.h>
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
long long __isoc23_strtoll(const char *text, char **end, int base) { return strtoll(text, end, base); }
unsigned long long __isoc23_strtoull(const char *text, char **end, int base) { return strtoull(text, end, base); }
"""
"""The blazen wheel asks for these names of glibc 2.38; older ones have them without the prefix."""


@dataclass(frozen=True)
class Interpreter:
    """How to start a subject.

    Args:
        missing: Why that cannot be done; None where it can.
    """

    python: Path
    environment: dict[str, str]
    missing: str | None = None


def interpreter(subject: str) -> Interpreter:
    """What runs this subject."""
    environment = {"BENCH_PYTHON": sys.executable}
    if subject not in REQUIREMENTS:
        return Interpreter(Path(sys.executable), environment)
    python = _python(subject)
    if not python.exists():
        return Interpreter(python, environment, "not installed; run.py --install makes it")
    if _shim(subject).exists():
        environment["LD_PRELOAD"] = str(_shim(subject))
    return Interpreter(python, environment)


def install() -> dict[str, str | None]:
    """Make every environment that is not there; why one could not be made, or None."""
    return {subject: _made(subject) for subject in REQUIREMENTS}


def _made(subject: str) -> str | None:
    folder = _python(subject).parent.parent
    pip = [str(_python(subject)), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    try:
        if not _python(subject).exists():
            venv.create(folder, with_pip=True)
        _run([*pip, *REQUIREMENTS[subject]])
        if subject == "blazen":
            _shim_if_needed(folder)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return None


def _shim_if_needed(folder: Path) -> None:
    imported = subprocess.run(
        [_python("blazen"), "-c", "import blazen"], capture_output=True, text=True, timeout=60
    )
    if "__isoc23" in imported.stderr:
        source = folder / "shim.c"
        source.write_text(_SHIM_SOURCE)
        _run(["cc", "-shared", "-fPIC", "-O2", "-o", str(_shim("blazen")), str(source)])


def _run(argv: list[str]) -> None:
    subprocess.run(argv, check=True, timeout=INSTALL_SECONDS)


def _python(subject: str) -> Path:
    return FOLDER / subject / "bin" / "python"


def _shim(subject: str) -> Path:
    return FOLDER / subject / "shim.so"
