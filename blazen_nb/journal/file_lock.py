"""One journal at a time has a file: a lock beside it that ends with the process, however that ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import weakref
from pathlib import Path

from blazen_nb.errors import JournalError


class FileLock:
    """Exclusive use of a file, from the constructor to ``release``.

    ``flock`` and not POSIX locks: those would be lost as soon as anybody in this process closed the file. The lock
    lies on a file of its own, so that SQLite's locks on the file itself are not touched.

    Raises:
        JournalError: Another journal has the file, or the lock's file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = None
        try:
            descriptor = os.open(_beside(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _cannot_lock(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise _in_use(path, holder) from None
            raise _cannot_lock(path, error) from error
        self._descriptor = descriptor
        _held.add(self)

    def release(self) -> None:
        """Others may have the file. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _in_use(path: Path, holder: str) -> JournalError:
    if holder == str(os.getpid()):
        return JournalError(
            f"the journal {path.name} is open in this process already: close it first"
        )
    who = f"process {holder}" if holder else "another process"
    return JournalError(
        f"the journal {path.name} is in use by {who}: end that peer, or choose another file"
    )


def _cannot_lock(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"the journal {path.name} cannot be locked ({error.strerror}): "
        "it has to lie in a folder of yours on a local disk"
    )


_held: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _let_go_in_child() -> None:
    # A forked child shares the lock: it would hold the file when the peer itself has been killed.
    for lock in list(_held):
        with contextlib.suppress(OSError):
            lock.release()


os.register_at_fork(after_in_child=_let_go_in_child)
