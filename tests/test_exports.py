from __future__ import annotations

import ast
import builtins
from pathlib import Path

import pytest

import blazen_nb

PUBLIC = [
    "AsyncPeerClient",
    "BlazenError",
    "Context",
    "Event",
    "InputRequestEvent",
    "InputResponseEvent",
    "PeerClient",
    "PeerError",
    "PeerServer",
    "RefLifetime",
    "RemoteRef",
    "RetryConfig",
    "RunHandle",
    "SessionPausePolicy",
    "StartEvent",
    "Step",
    "StopEvent",
    "TokenUsage",
    "ValidationError",
    "Workflow",
    "WorkflowBuilder",
    "WorkflowCancelledError",
    "WorkflowError",
    "WorkflowHandler",
    "WorkflowResult",
    "WorkflowTimeoutError",
    "__version__",
    "ask",
    "launch",
    "load_client_tls",
    "load_ipython_extension",
    "load_server_tls",
    "register_codec",
    "step",
    "unload_ipython_extension",
]


def test_the_public_names_are_these_and_no_others() -> None:
    assert sorted(blazen_nb.__all__) == PUBLIC


def test_every_public_name_can_be_imported() -> None:
    missing = []
    for name in PUBLIC:
        try:
            getattr(blazen_nb, name)
        except (AttributeError, ImportError) as error:
            missing.append(f"{name}: {error}")
    assert not missing


def test_type_checkers_are_told_the_same_names() -> None:
    tree = ast.parse(Path(blazen_nb.__file__).with_suffix(".pyi").read_text())
    told = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
    }
    homes = {name: f"blazen_nb.{home}.{name}" for name, home in vars(blazen_nb)["_HOME"].items()}
    assert told == homes


def test_every_public_class_and_function_says_what_it_is() -> None:
    silent = [
        name
        for name in PUBLIC
        if not name.startswith("__") and not (getattr(blazen_nb, name).__doc__ or "").strip()
    ]
    assert not silent


def test_a_star_import_hides_no_builtin() -> None:
    assert not set(PUBLIC) & set(dir(builtins)) - {"__version__"}


def test_blazens_timeout_error_is_there_by_its_own_name() -> None:
    assert blazen_nb.TimeoutError is blazen_nb.WorkflowTimeoutError
    assert issubclass(blazen_nb.TimeoutError, builtins.TimeoutError)


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="NoSuchName"):
        getattr(blazen_nb, "NoSuchName")  # noqa: B009  type checkers know that it is missing
