"""Which ended runs are beyond what may be kept. Pure; journals ask, and forget them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from blazen_nb.journal.protocol import Pruned, Retention


@dataclass(frozen=True, slots=True)
class EndedRun:
    """What decides whether a run stays."""

    run_id: bytes
    ended_at: float
    size: int
    """Bytes of its payloads."""


def beyond(
    ended: Iterable[EndedRun], unfinished_size: int, retention: Retention, now: float
) -> list[EndedRun]:
    """The runs to forget, the oldest first.

    Args:
        unfinished_size: Bytes of the payloads of runs that stay anyway.
        now: Seconds since the epoch.
    """
    newest_first = sorted(ended, key=lambda run: run.ended_at, reverse=True)
    size = unfinished_size
    for kept, run in enumerate(newest_first):
        size += run.size
        # What is older than a run that goes, goes too: otherwise small old runs would outlive large new ones.
        if (
            (retention.runs is not None and kept >= retention.runs)
            or (retention.seconds is not None and now - run.ended_at > retention.seconds)
            or (retention.size is not None and size > retention.size)
        ):
            return newest_first[kept:][::-1]
    return []


def pruned(runs: Iterable[EndedRun]) -> Pruned:
    """What it takes away to forget these runs."""
    sizes = [run.size for run in runs]
    return Pruned(runs=len(sizes), size=sum(sizes))
