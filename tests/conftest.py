"""What every test gets: folders and an environment of its own, nothing of the person who runs it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

_FOLDERS = {
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTER_CONFIG_DIR": "jupyter",
    "JUPYTER_DATA_DIR": "data",
    "IPYTHONDIR": "ipython",
    "MPLCONFIGDIR": "matplotlib",
    "XDG_RUNTIME_DIR": "xdg-runtime",
    "XDG_STATE_HOME": "xdg-state",
    "XDG_CONFIG_HOME": "xdg-config",
}
_SETTINGS = ("BLAZEN_PEER_TOKEN", "BLAZEN_NB_STATIC", "JPY_SESSION_NAME")


@pytest.fixture(scope="session", autouse=True)
def interrupts_count() -> None:
    """Ctrl-C reaches this process and its children, also where a shell started it in the background without."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Connection files and settings go to a temporary folder; subprocesses inherit it."""
    root = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for variable, name in _FOLDERS.items():
            folder = root / name
            folder.mkdir(mode=0o700)
            patch.setenv(variable, str(folder))
        for variable in _SETTINGS:
            patch.delenv(variable, raising=False)
        yield root


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent
