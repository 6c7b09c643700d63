"""Rows about what lasts: durable runs, and a peer that has much to remember."""

from __future__ import annotations

from row import Figure, Row, Target

STARTED = Figure("durable", "without", "the same run on a peer without a journal")
NEW_PEER = Figure("durable", "new", "on a new peer")

JOURNAL = (
    Row(
        "G",
        Figure("journal", "full_one", "a one-step run in the journal alone, FULL, p50"),
        "us",
        Figure("journal", "plain_full_one", "SQLite alone, FULL"),
        Target(1.5, "ratio"),
        Target(1.2, "ratio"),
    ),
    Row(
        "G",
        Figure("journal", "full_many", "the same, FULL, 32 threads"),
        "/s",
        Figure("journal", "plain_full_many", "SQLite alone, FULL, 32 threads"),
        Target(2.0, "ratio"),
        Target(4.0, "ratio"),
        more_is_better=True,
    ),
    Row(
        "G",
        Figure("journal", "normal_one", "a one-step run in the journal alone, NORMAL, p50"),
        "us",
        Figure("journal", "plain_normal_one", "SQLite alone, NORMAL"),
        Target(3.0, "ratio"),
        Target(2.0, "ratio"),
    ),
    Row(
        "G",
        Figure("journal", "normal_many", "the same, NORMAL, 32 threads"),
        "/s",
        Figure("journal", "plain_normal_many", "SQLite alone, NORMAL, 32 threads"),
        Target(0.5, "ratio"),
        Target(1.0, "ratio"),
        more_is_better=True,
    ),
    Row(
        "G",
        Figure("durable", "full", "a started one-step run and its result, journal FULL, p50"),
        "us",
        STARTED,
        Target(2.8, "ratio"),
        Target(2.3, "ratio"),
    ),
    Row(
        "G",
        Figure("durable", "normal", "the same, journal NORMAL"),
        "us",
        STARTED,
        Target(1.8, "ratio"),
        Target(1.5, "ratio"),
    ),
    Row(
        "H",
        Figure("durable", "many_runs", "A1 with 10,000 runs in the peer's journal, p50"),
        "us",
        NEW_PEER,
        Target(1.2, "ratio"),
        Target(1.05, "ratio"),
    ),
    Row(
        "H",
        Figure("durable", "many_sessions", "A1 with 1,000 clients connected"),
        "us",
        NEW_PEER,
        Target(1.2, "ratio"),
        Target(1.05, "ratio"),
    ),
    Row(
        "H",
        Figure("durable", "many_refs", "A1 with 10,000 refs held"),
        "us",
        NEW_PEER,
        Target(1.2, "ratio"),
        Target(1.05, "ratio"),
    ),
    Row(
        "H",
        Figure("journal", "grown", "a run in a journal that has 10,000, NORMAL, p50"),
        "us",
        Figure("journal", "normal_one", "in an empty one"),
        Target(1.2, "ratio"),
        Target(1.05, "ratio"),
    ),
    Row(
        "H",
        Figure("blazen_nb", "refs_held", "put, fetch and release, 10,000 refs held, p50"),
        "us",
        Figure("blazen_nb", "refs_few", "with 10 held"),
        Target(1.2, "ratio"),
        Target(1.05, "ratio"),
    ),
)
