"""How each format of the file is made of the one before it; a step is never changed once it was released."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from blazen_nb.journal.sums import seal

_FIRST_TABLES = (
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY, run_id BLOB NOT NULL UNIQUE, identity TEXT NOT NULL, namespace TEXT NOT NULL,
        client TEXT NOT NULL, workflow_name TEXT NOT NULL, started_at REAL NOT NULL, code TEXT NOT NULL,
        sum INTEGER NOT NULL, outcome TEXT, ended_at REAL, last_tick INTEGER NOT NULL,
        last_update INTEGER NOT NULL, state_sum INTEGER NOT NULL)""",
    """CREATE TABLE payloads (
        run INTEGER NOT NULL, part TEXT NOT NULL, payload BLOB NOT NULL, sum INTEGER NOT NULL,
        PRIMARY KEY (run, part)) WITHOUT ROWID""",
    """CREATE TABLE entries (
        run INTEGER NOT NULL, kind INTEGER NOT NULL, number INTEGER NOT NULL, previous INTEGER NOT NULL,
        payload BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (run, kind, number)) WITHOUT ROWID""",
    """CREATE TABLE code (
        digest TEXT NOT NULL PRIMARY KEY, code BLOB NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID""",
)
"""What each open looks at, and every list of runs, is in narrow rows; payloads lie elsewhere. ``previous`` and the last
numbers tell where entries were lost."""


def _create(connection: sqlite3.Connection) -> None:
    for statement in _FIRST_TABLES:
        connection.execute(statement)


def _add_sizes_and_seals(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE seals (what TEXT NOT NULL PRIMARY KEY, sum INTEGER NOT NULL) WITHOUT ROWID"
    )
    # Pruning by size would otherwise read every payload there is.
    sizes = dict(
        connection.execute(
            "SELECT run, SUM(size) FROM (SELECT run, LENGTH(payload) AS size FROM entries "
            "UNION ALL SELECT run, LENGTH(payload) FROM payloads) GROUP BY run"
        ).fetchall()
    )
    states = connection.execute(
        "SELECT id, state_sum, run_id, outcome, ended_at, last_tick, last_update FROM runs"
    ).fetchall()
    connection.execute("ALTER TABLE runs ADD COLUMN size INTEGER NOT NULL DEFAULT 0")
    for id_, state_sum, *state in states:
        # What is damaged stays so: a new checksum would make it look right.
        if seal(*state) == state_sum:
            size = sizes.get(id_, 0)
            connection.execute(
                "UPDATE runs SET size = ?, state_sum = ? WHERE id = ?",
                (size, seal(*state, size), id_),
            )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_create, _add_sizes_and_seals)
"""The first makes format 1 of nothing, the next format 2 of that; never changed once released."""
