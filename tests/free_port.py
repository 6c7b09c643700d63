"""A port for a server that has to be told one; where it can be asked to pick, port 0 is better."""

from __future__ import annotations

import socket
from contextlib import closing, suppress
from random import SystemRandom

_PORTS = range(20_000, 32_000)
"""Below those that systems hand out for port 0: nothing else that the tests start gets one of these meanwhile."""


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    for port in SystemRandom().sample(_PORTS, 200):
        with suppress(OSError), closing(socket.create_server(("127.0.0.1", port))):
            return port
    raise OSError("no port is free")
