"""The table: what is measured, which limit stands beside it, and which figures are aimed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """Something a subject can measure."""

    subject: str
    measure: str
    what: str


@dataclass(frozen=True)
class Target:
    """A figure to reach: an amount of the row's unit, or so many times the limit's figure."""

    amount: float
    counts: Literal["value", "ratio"] = "value"


@dataclass(frozen=True)
class Row:
    """One figure of blazen_nb, in the table under its letter.

    Args:
        beside: Other figures of the same work, without a target.
        more_is_better: For rates.
    """

    letter: str
    figure: Figure
    unit: str
    limit: Figure
    reach: Target
    then: Target
    beside: tuple[Figure, ...] = ()
    more_is_better: bool = False


UNARY = Figure("grpc", "unary", "raw gRPC unary echo")
TASK = Figure("asyncio", "task", "a bare asyncio task")
IMPORT_GRPC = Figure("startup", "import_grpc", "import grpc")
LOCAL_CELL = Figure("notebook", "local", "the cell here")
STARTED = Figure("durable", "without", "the same run on a peer without a journal")
NEW_PEER = Figure("durable", "new", "on a new peer")
BATCHES = Figure("grpc", "batches", "raw gRPC stream of bytes, 500 in a message")
COPY = Figure("blazen_nb", "copy", "array.copy() here")

ROWS = (
    Row(
        "A1",
        Figure("blazen_nb", "run_async", "one-step run, AsyncPeerClient, async step, p50"),
        "us",
        UNARY,
        Target(1.2, "ratio"),
        Target(1.0, "ratio"),
        (
            Figure("grpc", "unary_async", "raw gRPC unary echo, asyncio both sides"),
            Figure("grpc", "stream", "one raw bidirectional stream"),
            Figure("asyncio", "tcp", "asyncio over TCP"),
            Figure("blazen", "to_peer", "Blazen's own client to a blazen_nb peer, async step"),
            Figure("dask", "run", "Dask: submit and its result"),
            Figure("ipyparallel", "run", "ipyparallel: apply_sync"),
        ),
    ),
    Row(
        "A2",
        Figure("blazen_nb", "run_sync", "one-step run, PeerClient, plain step, p50"),
        "us",
        UNARY,
        Target(1.3, "ratio"),
        Target(1.1, "ratio"),
    ),
    Row(
        "A3",
        Figure("blazen_nb", "rate_tasks", "32 callers at once, async steps"),
        "/s",
        Figure("grpc", "unary_tasks", "raw gRPC unary, 32 callers"),
        Target(2.0, "ratio"),
        Target(3.2, "ratio"),
        (
            Figure("blazen_nb", "rate_threads", "32 threads, PeerClient, plain steps"),
            Figure("grpc", "unary_threads", "raw gRPC unary, 32 threads"),
            Figure("grpc", "stream_tasks", "one raw bidirectional stream, 32 callers"),
            Figure("dask", "rate", "Dask, 32 threads"),
            Figure("ipyparallel", "rate", "ipyparallel, 32 in flight"),
        ),
        more_is_better=True,
    ),
    Row(
        "A4",
        Figure("blazen_nb", "local_async", "Workflow.run here, one async step, p50"),
        "us",
        TASK,
        Target(30),
        Target(12),
        (Figure("blazen", "local_async", "Blazen (Rust) here, one async step"),),
    ),
    Row(
        "A4",
        Figure("blazen_nb", "local_plain", "Workflow.run here, one plain step, p50"),
        "us",
        TASK,
        Target(100),
        Target(70),
        (Figure("blazen", "local_plain", "Blazen (Rust) here, one plain step"),),
    ),
    Row(
        "A5",
        Figure("blazen_nb", "local_chain", "Workflow.run here, 100 chained async steps, p50"),
        "us",
        Figure("asyncio", "tasks", "100 asyncio tasks one after the other"),
        Target(800),
        Target(400),
        (Figure("blazen", "local_chain", "Blazen (Rust) here, a chain of 100 steps"),),
    ),
    Row(
        "A6",
        Figure("notebook", "remote", "%%blazen_remote 1 + 1, longer than the same cell here"),
        "ms",
        LOCAL_CELL,
        Target(5),
        Target(2),
        (
            Figure("notebook", "remote_quiet", "the same with --quiet"),
            Figure("ipyparallel", "cell", "ipyparallel: %%px 1 + 1"),
        ),
    ),
    Row(
        "B",
        Figure("blazen_nb", "events_async", "10,000 events of 100 bytes, AsyncRunHandle.events()"),
        "/s",
        BATCHES,
        Target(200_000),
        Target(400_000),
        (
            Figure("blazen", "events", "Blazen (Rust) here, nothing remote"),
            Figure("dask", "events", "Dask: log_event to a subscriber"),
        ),
        more_is_better=True,
    ),
    Row(
        "B",
        Figure("blazen_nb", "events_sync", "10,000 events of 100 bytes, RunHandle.events()"),
        "/s",
        BATCHES,
        Target(200_000),
        Target(400_000),
        more_is_better=True,
    ),
    Row(
        "C1",
        Figure("blazen_nb", "put_tcp", "256 MiB array to the peer, over TCP"),
        "GB/s",
        Figure("grpc", "push", "raw gRPC to the server, messages of 1 MiB"),
        Target(1.0, "ratio"),
        Target(3.2),
        (
            Figure("blazen_nb", "put_grpc", "put where only gRPC gets through"),
            Figure("dask", "push", "Dask: scatter to a worker"),
            Figure("ipyparallel", "push", "ipyparallel: push to an engine"),
        ),
        more_is_better=True,
    ),
    Row(
        "C1",
        Figure("blazen_nb", "fetch_tcp", "256 MiB array from the peer, over TCP"),
        "GB/s",
        Figure("grpc", "pull", "raw gRPC from the server, messages of 1 MiB"),
        Target(1.0, "ratio"),
        Target(2.6),
        (
            Figure("blazen_nb", "fetch_grpc", "fetch where only gRPC gets through"),
            Figure("dask", "pull", "Dask: gather from a worker"),
            Figure("ipyparallel", "pull", "ipyparallel: pull from an engine"),
        ),
        more_is_better=True,
    ),
    Row(
        "C2",
        Figure("blazen_nb", "put_here", "256 MiB array to the peer, same host"),
        "GB/s",
        COPY,
        Target(5.0),
        Target(12.0),
        (Figure("dask", "push", "Dask: scatter to a worker"),),
        more_is_better=True,
    ),
    Row(
        "C2",
        Figure("blazen_nb", "fetch_here", "256 MiB array from the peer, same host"),
        "GB/s",
        COPY,
        Target(5.0),
        Target(12.0),
        (Figure("dask", "pull", "Dask: gather from a worker"),),
        more_is_better=True,
    ),
    Row(
        "D1",
        Figure("startup", "import", "import blazen_nb"),
        "ms",
        IMPORT_GRPC,
        Target(70),
        Target(15),
        (
            Figure("blazen", "import", "import blazen"),
            Figure("dask", "import", "import distributed"),
            Figure("ipyparallel", "import", "import ipyparallel"),
        ),
    ),
    Row(
        "D1",
        Figure("notebook", "load_ext", "%load_ext blazen_nb in a running kernel"),
        "ms",
        IMPORT_GRPC,
        Target(150),
        Target(60),
    ),
    Row(
        "D2",
        Figure("startup", "peer_thread", "a peer ready in a background thread"),
        "ms",
        Figure("startup", "grpc_thread", "raw grpc.aio server in a thread"),
        Target(10),
        Target(3),
    ),
    Row(
        "D2",
        Figure("startup", "peer_process", "a peer process ready (blazen-nb serve)"),
        "ms",
        Figure("startup", "grpc_process", "raw grpc.aio server process"),
        Target(250),
        Target(150),
        (Figure("dask", "ready", "Dask: a cluster of one worker process"),),
    ),
    Row(
        "E",
        Figure("startup", "peer_memory", "idle memory of a peer process"),
        "MiB",
        Figure("startup", "grpc_memory", "raw grpc.aio server process"),
        Target(56),
        Target(45),
        (
            Figure("dask", "memory", "Dask: the worker process, after the rows above"),
            Figure("ipyparallel", "memory", "ipyparallel: the engine, without its controller"),
        ),
    ),
    Row(
        "F",
        Figure("blazen_nb", "waiting", "1,000 runs at once that each wait 1 s"),
        "s",
        Figure("asyncio", "waiting", "asyncio.sleep, nothing remote"),
        Target(1.10),
        Target(1.05),
        (
            Figure("grpc", "waiting", "raw gRPC unary, asyncio both sides"),
            Figure("blazen", "waiting", "Blazen (Rust) here, nothing remote"),
        ),
    ),
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

LETTERS = tuple(dict.fromkeys(row.letter for row in ROWS))


def figures_of(letter: str) -> list[Figure]:
    """All figures under a letter, each once."""
    found: dict[Figure, None] = {}
    for row in ROWS:
        if row.letter == letter:
            found.update(dict.fromkeys((row.figure, row.limit, *row.beside)))
    return list(found)
