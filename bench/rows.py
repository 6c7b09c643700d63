"""The table: all rows, by letter."""

from __future__ import annotations

from row import Figure
from rows_journal import JOURNAL
from rows_processes import PROCESSES
from rows_runs import RUNS
from rows_values import VALUES

ROWS = tuple(sorted((*RUNS, *VALUES, *PROCESSES, *JOURNAL), key=lambda row: row.letter))

LETTERS = tuple(dict.fromkeys(row.letter for row in ROWS))


def figures_of(letter: str) -> list[Figure]:
    """All figures under a letter, each once."""
    found: dict[Figure, None] = {}
    for row in ROWS:
        if row.letter == letter:
            found.update(dict.fromkeys((row.figure, row.limit, *row.beside)))
    return list(found)
