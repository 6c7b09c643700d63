"""The journal's file: its tables, its format's number, and how an older format becomes the present one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from blazen_nb.errors import JournalError
from blazen_nb.journal.migrations import MIGRATIONS
from blazen_nb.journal.sums import seal

APPLICATION_ID = 0x426C4E62
"""``BlNb``: says that a SQLite file is a journal of this package."""
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_APPLICATION_ID_AT = 68
BUSY_SECONDS = 10.0
"""SQLite's locks are held for moments; whoever meets one waits so long."""


FORMAT = len(MIGRATIONS)


def ready(path: Path) -> None:
    """The file is there, private to its user, and in the present format. Its lock is held by the caller.

    Raises:
        JournalError: It is something else, newer, damaged, or cannot be written; it is left as it was.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            _make(path)
        else:
            _check_header(path)
            path.chmod(0o600)
        with closing(connected(path)) as connection:
            _migrate(path, connection)
            _check_tables(path, connection)
    except (sqlite3.Error, UnicodeError) as error:
        # In a damaged file names may be no text any more.
        raise JournalError(
            f"the journal {path.name} cannot be opened ({reason(error)}): move it away to begin a new one"
        ) from error
    except OSError as error:
        raise JournalError(
            f"the journal {path.name} cannot be opened ({error.strerror})"
        ) from error


def connected(path: Path) -> sqlite3.Connection:
    """A connection for any one thread at a time, without transactions of Python's own making."""
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    # Both make SQLite notice more of what is damaged before it acts on it.
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _make(path: Path) -> None:
    # Under another name until it is whole: a file of this name is a journal, or was damaged.
    orphan = path.with_name(f"{path.name}-wal")
    if orphan.exists() and orphan.stat().st_size:
        raise JournalError(
            f"the journal {path.name} is gone, but {orphan.name} with its latest entries is there: "
            "put the file back, or move the other away, too"
        )
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        _upgrade(connection, 0)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    os.replace(unfinished, path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_header(path: Path) -> None:
    # Before SQLite sees the file: opening one of another program could change it.
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    stored = int.from_bytes(header[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4], "big")
    if len(header) < _HEADER_BYTES or header[:16] != _MAGIC or stored != APPLICATION_ID:
        raise JournalError(
            f"{path.name} is not a journal of blazen_nb, or damaged: choose another file"
        )


def _migrate(path: Path, connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > FORMAT:
        raise JournalError(
            f"the journal {path.name} has format {found}, and this version of blazen_nb reads up to {FORMAT}: "
            "upgrade blazen_nb, or choose another file"
        )
    if found < 1:
        raise damaged(path.name, "its format has no number")
    if found < FORMAT:
        _upgrade(connection, found)


def _upgrade(connection: sqlite3.Connection, found: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for migrate in MIGRATIONS[found:]:
        migrate(connection)
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("INSERT OR REPLACE INTO seals VALUES ('tables', ?)", (_tables(connection),))
    connection.execute("COMMIT")


def _tables(connection: sqlite3.Connection) -> int:
    """The checksum of what says which columns there are: one byte there, and rows come in another order."""
    definitions = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    return seal(*(text for definition in definitions for text in definition))


def _check_tables(path: Path, connection: sqlite3.Connection) -> None:
    sealed = connection.execute("SELECT sum FROM seals WHERE what = 'tables'").fetchone()
    if sealed != (_tables(connection),):
        raise damaged(path.name, "its tables are not what they were")
    # A run that is lost from this table or its index would look like one that never was. The other tables need
    # no look at each open: rows that are missing there are noticed when their run is read.
    (found,) = connection.execute("PRAGMA integrity_check('runs')").fetchall()[0]
    if found != "ok":
        raise damaged(path.name, str(found))


def reason(error: sqlite3.Error | UnicodeError) -> str:
    """Why SQLite could not do it, without what is stored: it would quote a text that is damaged."""
    text = str(error)
    return "a text in it is damaged" if "decode" in text else text


def damaged(name: str, what: str) -> JournalError:
    """What is in the file is not what was written."""
    return JournalError(
        f"the journal {name} is damaged ({what}): move it away to begin a new one, and check the disk"
    )
