"""A process that appends to a journal until it is killed, and says on stdout what has been acknowledged."""

from __future__ import annotations

import sys

from blazen_nb.journal.sqlite import SqliteJournal
from tests.journal.runs import run, ticks, updates


def main(path: str, mode: str) -> None:
    """Write without an end."""
    journal = SqliteJournal(path, synchronous=mode)  # type: ignore[arg-type]  # what the test passes
    known = len(journal.runs())
    mine = run(known + 1)
    journal.begin(mine).result()
    number = 0
    while True:
        number += 1
        journal.append(mine.run_id, [*ticks(number), *updates(number)]).result()
        print(known + 1, number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
