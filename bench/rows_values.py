"""Rows about values in bulk: over the network, with and without TLS, and on one host."""

from __future__ import annotations

from row import Figure, Row, Target

COPY = Figure("blazen_nb", "copy", "array.copy() here")

VALUES = (
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
        "C1",
        Figure("tls", "put_tcp", "256 MiB array to the peer, over TLS"),
        "GB/s",
        Figure("tls", "push", "raw gRPC over TLS to the server"),
        Target(1.0, "ratio"),
        Target(1.3, "ratio"),
        (Figure("tls", "put_grpc", "put over TLS where only gRPC gets through"),),
        more_is_better=True,
    ),
    Row(
        "C1",
        Figure("tls", "fetch_tcp", "256 MiB array from the peer, over TLS"),
        "GB/s",
        Figure("tls", "pull", "raw gRPC over TLS from the server"),
        Target(1.0, "ratio"),
        Target(1.3, "ratio"),
        (Figure("tls", "fetch_grpc", "fetch over TLS where only gRPC gets through"),),
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
)
