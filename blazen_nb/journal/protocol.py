"""What every journal can do. Payloads are bytes that only the peer understands; a journal keeps and orders them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol

from blazen_nb.updates import Outcome

EntryKind = Literal["tick", "update"]

BEGUN = 0
"""Before the first entry of a run: ``entries(..., after=BEGUN)`` gives all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledRun:
    """A run as the journal knows it."""

    run_id: bytes
    """16 bytes, made by the client for the call: a start that is repeated is the same run."""
    identity: str
    namespace: str
    """Name of its namespace; empty where it was private to a session."""
    client: str
    """What its client calls itself."""
    workflow_name: str
    started_at: float
    """Seconds since the epoch."""
    start: bytes
    """What it takes to begin it again."""
    code: tuple[str, ...] = ()
    """Digests of the code it needs, each kept by ``keep_code`` before."""
    outcome: Outcome | None = None
    """None while it runs, and where it was cut off."""
    ended_at: float | None = None
    result: bytes | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened in a run, or was told of it."""

    kind: EntryKind
    number: int
    """From 1, ascending within the run and kind; for an update the ``seq`` of its first."""
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What may be kept of ended runs; those beyond any of these go, the oldest first. None = no such limit."""

    seconds: float | None = 7 * 86_400.0
    """Since their end."""
    runs: int | None = 10_000
    size: int | None = 4 << 30
    """Bytes of the payloads of all runs together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What pruning took away."""

    runs: int = 0
    size: int = 0
    """Bytes of payloads."""


class Journal(Protocol):
    """Keeps runs. Thread-safe. What is written is written in the order of the calls.

    The futures of the writing calls are done once what they wrote outlives the process (``fsync`` included unless the
    journal was told otherwise), and fail with JournalError where it does not; their callbacks run on the journal's own
    thread, or at once where the future is done already, and must be brief. They cannot be cancelled. A journal that has
    failed refuses all that is written later with the same error, and what was written before can still be read.
    """

    def keep_code(self, digest: str, code: bytes) -> None:
        """This code is there for runs that name its digest; written no later than what follows.

        Say it again before each ``begin`` that names it, which costs next to nothing where it is there: code that no
        unfinished run names goes with the second ``prune`` after it was kept.
        """

    def code(self, digest: str) -> bytes:
        """The code of this digest.

        Raises:
            JournalError: It is not there, or cannot be read.
        """

    def begin(self, run: JournaledRun) -> Future[bool]:
        """The run is there; the future's result is False where it was there before, and then nothing has changed."""

    def append(self, run_id: bytes, entries: Sequence[Entry]) -> Future[None]:
        """These entries are the run's newest, all of them or none.

        The future fails, and the journal goes on, where the run is not there or has ended, or where a number does not
        ascend.
        """

    def end(self, run_id: bytes, outcome: Outcome, ended_at: float, result: bytes) -> Future[None]:
        """The run has ended; its ticks are forgotten, its code may be, its updates and result stay readable.

        The future fails, and the journal goes on, where the run is not there or has ended before.
        """

    def run(self, run_id: bytes) -> JournaledRun | None:
        """The run, None where it is not (any more) there.

        Raises:
            JournalError: It cannot be read.
        """

    def runs(self, *, unfinished: bool = False) -> list[JournaledRun]:
        """All runs, or only those without an outcome, the newest first; without their ``start`` and ``result``.

        Raises:
            JournalError: They cannot be read.
        """

    def entries(self, run_id: bytes, kind: EntryKind, after: int = BEGUN) -> Iterator[Entry]:
        """Entries of the run whose number is above ``after``, in order, read as they are asked for.

        None where the run is not there, and no ticks of one that has ended.

        Raises:
            JournalError: They cannot be read, one is damaged or lost, or the run was forgotten meanwhile.
        """

    def forget(self, run_ids: Iterable[bytes]) -> Future[None]:
        """These runs are not there any more."""

    def prune(self, retention: Retention) -> Pruned:
        """Forget ended runs beyond what may be kept; unfinished ones stay.

        Raises:
            JournalError: It cannot be written.
        """

    def close(self) -> None:
        """Write what waits, and let go of the file. Idempotent."""
