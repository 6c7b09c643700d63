"""The other Pythons of this machine, each with an environment in which a peer can run. `make peer-venvs` runs this file.

Only the standard library: it is run before anything is installed.
"""

from __future__ import annotations

import glob
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

MINORS = ("3.11", "3.12", "3.13")
"""Those that the project supports."""
PROJECT = Path(__file__).resolve().parents[2]
VENVS = PROJECT / "build" / "peer-venvs"
_OWN_MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
_ONLY_FOR_CLIENTS = ("ipywidgets",)


def other_minors() -> list[str]:
    """Python minors that are not the one of this process."""
    return [minor for minor in MINORS if minor != _OWN_MINOR]


def interpreter(minor: str) -> str | None:
    """A Python of this minor, on PATH or beside this one, where pyenv keeps them; None where there is none that runs."""
    kept = glob.glob(str(Path(sys.base_prefix).parent / f"{minor}.*" / "bin" / "python"))
    for candidate in (shutil.which(f"python{minor}"), *sorted(kept)):
        if candidate and _minor_of(candidate) == minor:
            return candidate
    return None


def environment(minor: str) -> Path | None:
    """The Python of this minor's environment; None where it was not made, or not from the present requirements."""
    made = VENVS / minor / ".made"
    sources = (PROJECT / "pyproject.toml", PROJECT / "constraints.txt")
    if not made.exists() or any(made.stat().st_mtime < file.stat().st_mtime for file in sources):
        return None
    return VENVS / minor / "bin" / "python"


def why_missing(minor: str) -> str:
    """What keeps tests with this minor from running here."""
    if interpreter(minor) is None:
        return f"no Python {minor} is installed"
    return "its environment is not made: run `make peer-venvs`"


def make_environment(minor: str, python: str) -> None:
    """An environment with what a peer needs, the package itself left out: it comes by PYTHONPATH."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    needed = [each for each in project["dependencies"] if not each.startswith(_ONLY_FOR_CLIENTS)]
    folder = VENVS / minor
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    constraints = str(PROJECT / "constraints.txt")
    subprocess.run([*pip, "install", "-c", constraints, *needed], check=True)
    (folder / ".made").touch()


def _minor_of(python: str) -> str:
    """What the interpreter says it is; nothing where it does not run, as a shim of pyenv may not."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    asked = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def main() -> int:
    """Make what is missing; 1 where a Python is not installed."""
    missing = 0
    for minor in other_minors():
        python = interpreter(minor)
        if python is None:
            print(
                f"WARNING: no Python {minor} is installed: no test with it will run",
                file=sys.stderr,
            )
            missing = 1
        elif environment(minor) is None:
            make_environment(minor, python)
    return missing


if __name__ == "__main__":
    sys.exit(main())
