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
    output_backlog: int = 4 << 20
    """Characters of output that wait for a slow reader, in each run; beyond that output is cut and counted."""
    cell_value_bytes: int = 1 << 20
    """The last value of a cell comes along up to this size; larger ones stay, only their display comes."""


DEFAULT_LIMITS = Limits()
