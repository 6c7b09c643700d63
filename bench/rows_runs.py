"""Rows about runs: one, many at once, their steps and events."""

from __future__ import annotations

from row import Figure, Row, Target

UNARY = Figure("grpc", "unary", "raw gRPC unary echo")
TASK = Figure("asyncio", "task", "a bare asyncio task")
LOCAL_CELL = Figure("notebook", "local", "the cell here")
BATCHES = Figure("grpc", "batches", "raw gRPC stream of bytes, 500 in a message")

RUNS = (
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
)
