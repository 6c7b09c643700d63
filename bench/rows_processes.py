"""Rows about processes: what an import takes, a start, and the memory of one that idles."""

from __future__ import annotations

from row import Figure, Row, Target

IMPORT_GRPC = Figure("startup", "import_grpc", "import grpc")

PROCESSES = (
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
)
