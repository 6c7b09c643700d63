"""Run cells and event-driven workflows of a notebook on a peer, as if they ran here.

Names are imported when they are first used: ``import blazen_nb`` itself loads neither gRPC nor IPython.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

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
    "RetryConfig": "engine.retry",
    "RunHandle": "client.sync",
    "StartEvent": "events",
    "Step": "engine.step",
    "StopEvent": "events",
    "TokenUsage": "engine.usage",
    "ValidationError": "errors",
    "Workflow": "engine.workflow",
    "WorkflowBuilder": "engine.workflow",
    "WorkflowCancelledError": "errors",
    "WorkflowError": "errors",
    "WorkflowHandler": "engine.handler",
    "WorkflowResult": "engine.result",
    "WorkflowTimeoutError": "errors",
    "launch": "notebook.launcher",
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
    from blazen_nb.notebook.magics import load_ipython_extension as load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What ``%unload_ext blazen_nb`` calls."""
    from blazen_nb.notebook.magics import unload_ipython_extension as unload

    unload(shell)
