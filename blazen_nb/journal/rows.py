"""How a run, an entry and code become rows, and what in them is checked when they come back."""

from __future__ import annotations

import json
from typing import Any, get_args

from blazen_nb.errors import JournalError
from blazen_nb.journal.protocol import EntryKind, JournaledRun
from blazen_nb.journal.sums import seal, seal_payload
from blazen_nb.updates import Outcome

KIND_NUMBERS: dict[EntryKind, int] = {"tick": 0, "update": 1}
_OUTCOMES = frozenset(get_args(Outcome))

SELECT_RUNS = (
    "SELECT id, run_id, identity, namespace, client, workflow_name, started_at, code, sum, "
    "outcome, ended_at, last_tick, last_update, size, state_sum FROM runs "
)
_SEALED = slice(1, 8)
_STATE = slice(9, 14)


class RunRow:
    """A row of SELECT_RUNS.

    Raises:
        JournalError: It is not what was written.
    """

    __slots__ = ("_row", "id", "last", "run_id", "size")

    def __init__(self, row: tuple[Any, ...], journal: str) -> None:
        self._row = row
        self.id: int = row[0]
        self.run_id: bytes = row[1]
        if seal(*row[_SEALED]) != row[8] or state_seal(self.run_id, *row[_STATE]) != row[14]:
            raise damaged_run(journal, self.run_id)
        self.size: int = row[13]
        """Bytes of its payloads."""
        self.last: dict[EntryKind, int] = {"tick": row[11], "update": row[12]}

    @property
    def outcome(self) -> Outcome | None:
        """None while it runs, and where it was cut off."""
        outcome: Outcome | None = self._row[9]
        assert outcome is None or outcome in _OUTCOMES
        return outcome

    @property
    def ended_at(self) -> float | None:
        """Seconds since the epoch."""
        ended_at: float | None = self._row[10]
        return ended_at

    def run(self, start: bytes = b"", result: bytes | None = None) -> JournaledRun:
        """The run, with these payloads."""
        _, run_id, identity, namespace, client, workflow_name, started_at, code, *_ = self._row
        return JournaledRun(
            run_id=run_id,
            identity=identity,
            namespace=namespace,
            client=client,
            workflow_name=workflow_name,
            started_at=started_at,
            start=start,
            code=tuple(json.loads(code)),
            outcome=self.outcome,
            ended_at=self.ended_at,
            result=result,
        )


def run_values(run: JournaledRun) -> tuple[Any, ...]:
    """The values of a run that begins, in the order of SELECT_RUNS without ``id``."""
    sealed = (
        run.run_id,
        run.identity,
        run.namespace,
        run.client,
        run.workflow_name,
        float(run.started_at),
        json.dumps(run.code),
    )
    state = (None, None, 0, 0, len(run.start))
    return (*sealed, seal(*sealed), *state, state_seal(run.run_id, *state))


def state_seal(
    run_id: bytes,
    outcome: str | None,
    ended_at: float | None,
    last_tick: int,
    last_update: int,
    size: int,
) -> int:
    """The checksum of what changes while a run goes on."""
    return seal(run_id, outcome, ended_at, last_tick, last_update, size)


def part_seal(run_id: bytes, part: str, payload: bytes) -> int:
    """The checksum of a run's ``start`` or ``result``."""
    return seal_payload(payload, run_id, part)


def entry_seal(run_id: bytes, kind: int, number: int, previous: int, payload: bytes) -> int:
    """The checksum of an entry, in its place."""
    return seal_payload(payload, run_id, kind, number, previous)


def code_seal(digest: str, code: bytes) -> int:
    """The checksum of code."""
    return seal_payload(code, digest)


def damaged_run(journal: str, run_id: object) -> JournalError:
    """Something of this run is not what was written, or is lost."""
    name = run_id.hex() if isinstance(run_id, bytes) else "with a damaged ID"
    return JournalError(
        f"run {name} is damaged in the journal {journal}: forget it, and check the disk; other runs can be read"
    )
