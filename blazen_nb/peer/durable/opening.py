"""What a server is given as its journal, opened."""

from __future__ import annotations

from pathlib import Path

from blazen_nb.journal import Journal


def opened(journal: Journal | str | Path | None) -> Journal | None:
    """The journal: of the file, in memory where it is ``"memory"``, or as it is.

    SQLite is only loaded where there is a file.

    Raises:
        JournalError: The file is in use, no journal, damaged, or cannot be written.
    """
    if journal == "memory":
        from blazen_nb.journal.memory import MemoryJournal

        return MemoryJournal()
    if isinstance(journal, str | Path):
        from blazen_nb.journal.sqlite import SqliteJournal

        return SqliteJournal(journal)
    return journal
