"""What a peer admits, in one place; every refusal names the limit, its value and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a peer admits at once."""

    message_bytes: int = 64 << 20
    """One message: the input of a run, the code of a cell, a result."""
    concurrent_runs: int = 4_000
    """Runs at once, over all sessions."""
    run_seconds: float | None = None
    """How long a run may take that asks for no timeout of its own; None = as long as it likes."""
    sessions: int = 2_000
    """Connected sessions at once."""
    step_threads: int = 32
    """Threads for plain steps, in each namespace."""
    output_burst: int = 900_000
    """Characters that a run may print at once; of what it prints beyond that the last lines come, and the rest is
    counted and kept in its log. With ``output_rate`` less than the megabyte a second that front ends can take."""
    output_rate: int = 20_000
    """Characters a second that it may print all the time."""
    output_bytes: int = 4 << 30
    """How much of what was left out is kept, on disk, for a run's log."""
    update_memory: int = 256 << 10
    """Bytes of a run's updates in memory; the others are on disk."""
    update_bytes: int = 1 << 30
    """All updates of a run; one that shows more events or displays fails."""
    ended_runs: int = 1_000
    """Ended runs that can still be read, from the first update to the result."""
    ended_bytes: int = 1 << 30
    """What they may weigh together."""
    ended_seconds: float = 12 * 3600.0
    """How long they can be read."""
    cell_value_bytes: int = 1 << 20
    """A value of a cell, and a part of a result that is not JSON, comes along up to this size; larger ones are refs."""
    refs: int = 10_000
    """Refs that a run holds at once."""
    ref_lease_seconds: float = 12 * 3600.0
    """How long a ref is kept that was made for a caller without a session, after it was last used."""
    namespace_lease_seconds: float = 12 * 3600.0
    """How long a namespace with a name, and its variables, are kept while no session and no run uses it."""
    journal_seconds: float | None = 7 * 86_400.0
    """How long ended runs stay in the peer's journal, where it has one; None = as long as the other two allow."""
    journal_runs: int | None = 10_000
    """How many."""
    journal_bytes: int | None = 4 << 30
    """What they may weigh together."""
    reconnect_seconds: float = 60.0
    """How long a call whose client is lost goes on, for it may come back; started runs go on anyway."""
    session_lease_seconds: float = 12 * 3600.0
    """How long a session waits for its lost client, with what it keeps for it."""
    upload_bytes: int = 4 << 30
    """One value that a client puts here."""


DEFAULT_LIMITS = Limits()
