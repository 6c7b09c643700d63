"""Connection files: how a client on this machine finds a local peer and its token; it opens no connection.

A peer that listens on loopback writes one private JSON file into Jupyter's runtime folder and removes it when it
stops. Files of processes that are gone are removed by whoever looks next. A file that others can read, or that
somebody else wrote, is not believed: its token is no secret, and its address may be anybody's.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import secrets
import stat
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from blazen_nb.errors import ValidationError
from blazen_nb.wire.address import Address

LOCAL = "local"
"""The address of the newest peer of this user on this machine, and its name in a notebook."""
_PREFIX = "blazen-peer-"
_SAVED = ("node_id", "address", "token", "certificate", "pid", "host", "started")
_LARGEST_FILE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFile:
    """What a local peer says about itself."""

    node_id: str
    address: str
    """As gRPC takes it."""
    token: str | None = field(repr=False)
    """None for a peer that asks for none."""
    certificate: str | None = field(repr=False)
    """The certificate that the peer shows, in PEM: local clients trust just this one; None for a peer without TLS.

    Never its key: whoever may read this file may call the peer, but not stand in for it."""
    pid: int
    host: str
    """The machine's name: home folders are shared between machines, loopback and process IDs are not."""
    started: float
    """Seconds since the epoch."""
    path: Path = field(repr=False, compare=False)


def runtime_folder() -> Path:
    """Jupyter's folder for files of running processes, by Jupyter's own rule; it may not exist yet.

    Raises:
        ValidationError: There is no home folder to find it in.
    """
    if runtime := os.environ.get("JUPYTER_RUNTIME_DIR"):
        return Path(runtime)
    if data := os.environ.get("JUPYTER_DATA_DIR"):
        return Path(data, "runtime")
    try:
        return _data_folder() / "runtime"
    except (
        RuntimeError
    ):  # Path.home() of a user without an entry, as some container platforms run them.
        raise ValidationError(
            "there is no home folder; set JUPYTER_RUNTIME_DIR to a folder of your own"
        ) from None


def write(
    *, node_id: str, address: Address, token: str | None, certificate: str | None = None
) -> ConnectionFile:
    """Tell clients on this machine about a peer of this process; only this user can read it.

    Raises:
        ValidationError: The folder cannot be written.
    """
    folder = runtime_folder()
    shown_id = re.sub(r"[^A-Za-z0-9_-]", "_", node_id)[:40]
    written = ConnectionFile(
        node_id=node_id,
        address=address.grpc_target,
        token=token,
        certificate=certificate,
        pid=os.getpid(),
        host=_machine(),
        started=time.time(),
        path=folder / f"{_PREFIX}{shown_id}-{os.getpid()}-{secrets.token_hex(4)}.json",
    )
    content = {name: getattr(written, name) for name in _SAVED}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(written.path, json.dumps(content).encode())
    except OSError as error:
        raise ValidationError(
            f"the connection file cannot be written ({error.strerror}); "
            "point JUPYTER_RUNTIME_DIR at a folder of your own"
        ) from None
    return written


def remove(file: ConnectionFile) -> None:
    """Take it back, as often as you like; a forked child leaves its parent's file alone."""
    if file.pid == os.getpid():
        _delete(file.path)


def live() -> list[ConnectionFile]:
    """The local peers whose process lives, newest first; files of dead ones are gone afterwards."""
    return [file for file, problem in _living() if not problem]


def find(address: Address) -> ConnectionFile | None:
    """The local peer at this address, or None.

    Raises:
        ValidationError: There is only a file that is not private.
    """
    return _first_trusted([entry for entry in _living() if entry[0].address == address.grpc_target])


def find_local() -> ConnectionFile | None:
    """The newest local peer, or None.

    Raises:
        ValidationError: There are only files that are not private.
    """
    return _first_trusted(_living())


def _first_trusted(entries: list[tuple[ConnectionFile, str]]) -> ConnectionFile | None:
    for file, problem in entries:
        if not problem:
            return file
    if entries:
        file, problem = entries[0]
        raise ValidationError(
            f"the connection file {file.path.name} {problem}, so it is not used; "
            "delete it and start the peer again, or pass token=..."
        )
    return None


def _living() -> list[tuple[ConnectionFile, str]]:
    # Newest first, each with what speaks against trusting it (empty: nothing).
    entries: list[tuple[ConnectionFile, str]] = []
    try:
        paths = list(runtime_folder().glob(f"{_PREFIX}*.json"))
    except ValidationError:
        return []  # Nobody could have written one.
    for path in paths:
        entry = _read(path)
        if entry is None or entry[0].host != _machine():
            continue
        if _lives(entry[0].pid):
            entries.append(entry)
        else:
            _delete(path)
    return sorted(entries, key=lambda entry: entry[0].started, reverse=True)


def _read(path: Path) -> tuple[ConnectionFile, str] | None:
    # One descriptor for check and content: what was checked is what is read. A link is not followed.
    try:
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        )
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        content = os.read(descriptor, _LARGEST_FILE)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    file = _parse(content, path)
    return (file, _distrust(status)) if file else None


def _distrust(status: os.stat_result) -> str:
    if sys.platform == "win32":
        return ""  # The user's own profile folder protects it there; modes say nothing.
    if status.st_uid != os.getuid():
        return "belongs to another user"
    if status.st_mode & 0o077:
        return "can be read by other users"
    return ""


def _parse(content: bytes, path: Path) -> ConnectionFile | None:
    try:
        known = json.loads(content)
        # Peers before TLS wrote no certificate.
        known.setdefault("certificate", None)
        file = ConnectionFile(**{name: known[name] for name in _SAVED}, path=path)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    optional = [text for text in (file.token, file.certificate) if text is not None]
    texts = (file.node_id, file.address, file.host, *optional)
    numbers = isinstance(file.started, int | float) and type(file.pid) is int and file.pid > 0
    return file if numbers and all(isinstance(text, str) for text in texts) else None


def _write_private(path: Path, content: bytes) -> None:
    # Private from its first moment, and whole or not there: a reader never sees half a file.
    unfinished = path.with_suffix(".tmp")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as opened:
            opened.write(content)
        os.replace(unfinished, path)
    except OSError:
        _delete(unfinished)
        raise


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _machine() -> str:
    # Without the domain: a laptop's changes with the network it is in.
    return platform.node().partition(".")[0]


def _data_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Jupyter"
    if sys.platform == "win32":
        roaming = os.environ.get("APPDATA")
        return Path(roaming, "jupyter") if roaming else Path.home() / ".jupyter" / "data"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share", "jupyter")


def _lives(pid: int) -> bool:
    if sys.platform == "win32":
        # os.kill would end the process there. 0x1000: query limited information, 259: still active.
        import ctypes

        kernel32 = ctypes.windll.kernel32
        handle = kernel32.OpenProcess(0x1000, False, pid)
        code = ctypes.c_ulong()
        alive = bool(handle) and bool(kernel32.GetExitCodeProcess(handle, ctypes.byref(code)))
        kernel32.CloseHandle(handle)
        return alive and code.value == 259
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):
        # Also where the process belongs to somebody else: then the number was given out again.
        return False
    return True
