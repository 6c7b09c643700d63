from __future__ import annotations

import builtins

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
    "RetryConfig",
    "RunHandle",
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
    "launch",
    "load_ipython_extension",
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
        blazen_nb.NoSuchName  # noqa: B018
