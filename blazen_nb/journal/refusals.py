"""What every journal refuses alike, whatever it keeps its runs in. Knows no storage."""

from __future__ import annotations

from collections.abc import Sequence

from blazen_nb.errors import JournalError, ValidationError
from blazen_nb.journal.protocol import Entry, EntryKind, JournaledRun

RUN_ID_BYTES = 16


def check_run(run: JournaledRun) -> None:
    """A run that could be begun.

    Raises:
        ValidationError: Its ID has another length, or a text is none.
    """
    if len(run.run_id) != RUN_ID_BYTES:
        raise ValidationError(f"a run's ID has {RUN_ID_BYTES} bytes, not {len(run.run_id)}")
    try:
        "".join((run.identity, run.namespace, run.client, run.workflow_name, *run.code)).encode()
    except UnicodeEncodeError:
        raise ValidationError("a text of this run cannot be written as UTF-8") from None


def check_ascent(run_id: bytes, last: dict[EntryKind, int], entries: Sequence[Entry]) -> None:
    """Entries that may follow those with these numbers.

    Raises:
        JournalError: A number is not above the one before it.
    """
    before = dict(last)
    for entry in entries:
        if entry.number <= before[entry.kind]:
            raise JournalError(
                f"{entry.kind} {entry.number} of run {run_id.hex()} does not come after {before[entry.kind]}"
            )
        before[entry.kind] = entry.number


def not_there(run_id: bytes) -> JournalError:
    """Something was to be added to a run that is not there."""
    return JournalError(f"run {run_id.hex()} is not in the journal: begin it first")


def has_ended(run_id: bytes) -> JournalError:
    """Something was to be added to a run that has ended."""
    return JournalError(f"run {run_id.hex()} has ended: nothing can be added to it")


def no_code(digest: str) -> JournalError:
    """Code was asked for that is not there."""
    return JournalError(f"the code {digest} is not in the journal: register it again")


def closed() -> JournalError:
    """The journal was closed before."""
    return JournalError("the journal is closed: open it again")
