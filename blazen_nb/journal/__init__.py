"""What a peer keeps of its runs so that they outlive its process: what happened, what was told, the code they need."""

from blazen_nb.journal.protocol import (
    BEGUN,
    Entry,
    EntryKind,
    Journal,
    JournaledRun,
    Pruned,
    Retention,
)

__all__ = [
    "BEGUN",
    "Entry",
    "EntryKind",
    "Journal",
    "JournaledRun",
    "Pruned",
    "Retention",
]
