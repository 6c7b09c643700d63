"""Values in bulk over TLS: a peer with a certificate, and raw gRPC with the same one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import grpc
from measure import Sample, bulk_rate
from payload import ARRAY_BYTES
from subject import peer_process, raw_grpc_process, serve
from subject_grpc import Bulk
from values import fetch, put

from blazen_nb.certs import make_certificates


class OverTls:
    """A peer and a gRPC server with TLS, processes both."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_certificates(folder, [])
            shown, key = str(folder / "server.pem"), str(folder / "server.key")
            self._peer = peer_process("--tls-cert", shown, "--tls-key", key)
            self._server = raw_grpc_process("sync", shown, key)
            trusted = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes())
        self._channel = grpc.secure_channel(self._server.word, trusted)
        self.address = self._peer.word
        self.raw = Bulk(self._channel)

    def close(self) -> None:
        """End the channel, the peer and the server."""
        self._channel.close()
        self._peer.end()
        self._server.end()


MEASURES: dict[str, Callable[[OverTls], Sample]] = {
    "push": lambda tls: bulk_rate(tls.raw.push, ARRAY_BYTES),
    "pull": lambda tls: bulk_rate(tls.raw.pull, ARRAY_BYTES),
    "put_tcp": lambda tls: put(tls.address, "tcp"),
    "fetch_tcp": lambda tls: fetch(tls.address, "tcp"),
    "put_grpc": lambda tls: put(tls.address, "none"),
    "fetch_grpc": lambda tls: fetch(tls.address, "none"),
}

if __name__ == "__main__":
    serve(OverTls, MEASURES)
