"""A process that writes is killed: everything it acknowledged is there, in order, and nothing twice."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from blazen_nb.journal import EntryKind
from blazen_nb.journal.sqlite import SqliteJournal
from tests.faults.scale import scale
from tests.journal.children import child
from tests.journal.stories import a_run, numbers_of

KILLS = scale(20, 200)


def _acknowledged_until_killed(path: Path, first: int, lines: int) -> dict[int, int]:
    """The last acknowledged number of each of its runs."""
    last: dict[int, int] = {}
    with child("append", path, str(first)) as process:
        assert process.stdout is not None
        for read, line in enumerate(process.stdout):
            if read == lines:
                # What it says until it is dead counts, too.
                process.kill()
            run, number = map(int, line.split())
            assert number == last.get(run, 0) + 1
            last[run] = number
    return last


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(30 + KILLS)
def test_what_was_acknowledged_outlives_a_kill_in_the_midst_of_writing(path: Path) -> None:
    chance = random.Random(7)
    everything: dict[int, int] = {}
    for kill in range(KILLS):
        acknowledged = _acknowledged_until_killed(path, 4 * kill, chance.randrange(1, 120))
        assert acknowledged
        everything |= acknowledged
        if kill % 2:
            # The log ends in the middle of what was being written.
            with path.with_name("peer.db-wal").open("ab") as log:
                log.write(chance.randbytes(chance.randrange(1, 5000)))
        with closing(SqliteJournal(path)) as journal:
            for run, last in acknowledged.items():
                for kind in get_args(EntryKind):
                    there = numbers_of(journal, a_run(run).run_id, kind)
                    # Writing was one number ahead at the most.
                    assert there == list(range(1, len(there) + 1))
                    assert last <= len(there) <= last + 1
    with closing(SqliteJournal(path)) as journal:
        runs = {int.from_bytes(run.run_id, "big") for run in journal.runs()}
        assert everything.keys() <= runs
        for run, last in everything.items():
            assert len(numbers_of(journal, a_run(run).run_id, "tick")) >= last
