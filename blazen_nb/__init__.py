"""Run cells and event-driven workflows of a notebook on a peer, as if they ran here.

Names are imported when they are first used: ``import blazen_nb`` itself loads neither gRPC nor IPython.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# gRPC reads these once, when it is first imported, so they are set before any module here can do that. With fork
# support on, each fork in user code (a DataLoader's workers) makes it print warnings into the cell, and no forked
# child uses its channels. Below ERROR its C core tells of every connection that ends, on stderr.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

_HOME = {
    "AsyncPeerClient": "client.aio",
    "BlazenError": "errors",
    "Context": "engine.context",
    "Event": "events",
    "InputRequestEvent": "events",
    "InputResponseEvent": "events",
    "PeerClient": "client.sync",
    "PeerError": "errors",
    "PeerServer": "peer.server",
    "RefLifetime": "engine.refs",
    "RemoteRef": "client.refs",
    "RetryConfig": "engine.retry",
    "RunHandle": "client.sync_handle",
    "SessionPausePolicy": "engine.pause_policy",
    "StartEvent": "events",
    "Step": "engine.step",
    "StopEvent": "events",
    "TokenUsage": "engine.usage",
    "ValidationError": "errors",
    "Workflow": "engine.workflow",
    "WorkflowBuilder": "engine.builder",
    "WorkflowCancelledError": "errors",
    "WorkflowError": "errors",
    "WorkflowHandler": "engine.handler",
    "WorkflowResult": "engine.result",
    "WorkflowTimeoutError": "errors",
    "ask": "engine.asking",
    "launch": "notebook.launcher",
    "load_client_tls": "wire.tls",
    "load_server_tls": "wire.tls",
    "register_codec": "shipping.codecs.registry",
    "step": "engine.step",
}

__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension", *_HOME]


def __getattr__(name: str) -> Any:
    if (
        name == "TimeoutError"
    ):  # Blazen's name for it; not in __all__, where it would hide the builtin
        name = "WorkflowTimeoutError"
    if name not in _HOME:
        raise AttributeError(f"module 'blazen_nb' has no attribute {name!r}")
    value = getattr(import_module(f"blazen_nb.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])


def load_ipython_extension(shell: Any) -> None:
    """What ``%load_ext blazen_nb`` calls."""
    import_module("blazen_nb.notebook.magics").load_ipython_extension(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What ``%unload_ext blazen_nb`` calls."""
    import_module("blazen_nb.notebook.magics").unload_ipython_extension(shell)
