"""``blazen-nb kernel``: the kernelspec by which Jupyter offers the kernel "Blazen peer"; starts no kernel."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from blazen_nb.errors import ValidationError

NAME = "blazen-peer"
DISPLAY_NAME = "Blazen peer"
_MODULE = "blazen_nb.notebook.peer_kernel"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerKernel:
    """What the kernelspec says."""

    name: str = NAME
    display_name: str = DISPLAY_NAME
    address: str = ""
    """Where its peer listens; empty: a free port of this machine."""
    node_id: str = ""
    """Its peer's name; empty: the host's."""

    @property
    def arguments(self) -> list[str]:
        """What the kernel's command line has behind the connection file."""
        given = {"--address": self.address, "--node-id": self.node_id}
        return [f"{option}={value}" for option, value in given.items() if value]


def install(kernel: PeerKernel, *, prefix: Path | None = None) -> str:
    """The kernelspec's name: Jupyter offers the kernel from now on, run by this very Python.

    Args:
        prefix: The environment that gets it; None: this user, in all of their Jupyters.

    Raises:
        ValidationError: ipykernel is not installed, the name is none or is another kernel's, or the folder cannot be
            written.
    """
    manager = _manager()
    _check_ours(manager, kernel.name)
    with tempfile.TemporaryDirectory(prefix="blazen-kernel-") as folder:
        source = _written(Path(folder) / "spec", kernel)
        try:
            manager.install_kernel_spec(
                str(source),
                kernel.name,
                user=prefix is None,
                prefix=None if prefix is None else str(prefix),
            )
        except ValueError:
            raise ValidationError(
                f"--name {kernel.name}: a kernel's name has ASCII letters, digits, and . _ - only"
            ) from None
        except OSError as error:
            raise ValidationError(
                f"the kernelspec cannot be written there ({error.strerror}); --user or --prefix DIR puts it elsewhere"
            ) from None
    return kernel.name


def remove(name: str = NAME) -> None:
    """Jupyter offers the kernel no more; kernels that run go on.

    Raises:
        ValidationError: There is no such kernelspec, it is another kernel's, or it cannot be deleted.
    """
    manager = _manager()
    if not _check_ours(manager, name):
        raise ValidationError(
            f"there is no kernelspec {name!r}; `jupyter kernelspec list` shows all"
        )
    try:
        manager.remove_kernel_spec(name)
    except OSError as error:
        raise ValidationError(f"kernelspec {name!r} cannot be deleted ({error.strerror})") from None


def _manager() -> Any:
    for package in ("ipykernel", "jupyter_client"):
        if find_spec(package) is None:
            raise ValidationError(f"a kernel needs {package}; pip install 'blazen-nb[lab]'")
    from jupyter_client.kernelspec import KernelSpecManager

    return KernelSpecManager()


def _check_ours(manager: Any, name: str) -> bool:
    """Whether there is a kernelspec of this name.

    Raises:
        ValidationError: It is not of this package.
    """
    from jupyter_client.kernelspec import NoSuchKernel

    try:
        found = manager.get_kernel_spec(name)
    except NoSuchKernel:
        return False
    if _MODULE not in found.argv:
        raise ValidationError(f"kernelspec {name!r} is another kernel's; give another --name")
    return True


def _written(folder: Path, kernel: PeerKernel) -> Path:
    """A folder with the spec."""
    spec = {
        "argv": [sys.executable, "-m", _MODULE, "-f", "{connection_file}", *kernel.arguments],
        "display_name": kernel.display_name,
        "language": "python",
        "metadata": {"debugger": True},
    }
    folder.mkdir()
    (folder / "kernel.json").write_text(json.dumps(spec, indent=1), encoding="utf-8")
    return folder
