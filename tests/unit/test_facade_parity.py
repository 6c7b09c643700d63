"""The sync client is the async one without ``await``: the same methods, the same parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from blazen_nb.client.aio import AsyncPeerClient
from blazen_nb.client.aio_handle import AsyncRunHandle
from blazen_nb.client.sync import PeerClient
from blazen_nb.client.sync_handle import RunHandle

PAIRS = [(PeerClient, AsyncPeerClient), (RunHandle, AsyncRunHandle)]
PROTOCOLS = [("__enter__", "__aenter__"), ("__exit__", "__aexit__")]


def public(cls: type) -> dict[str, Any]:
    """The members by name, inherited ones among them, as they were written."""
    return {
        name: inspect.getattr_static(cls, name) for name in dir(cls) if not name.startswith("_")
    }


def function(member: Any) -> Callable[..., Any] | None:
    if isinstance(member, property):
        return member.fget
    found = getattr(member, "__func__", member)
    return found if callable(found) else None


def parameters(member: Any) -> list[tuple[str, Any, Any, Any]]:
    called = function(member)
    assert called is not None
    return [
        (p.name, p.kind, p.default, p.annotation)
        for p in inspect.signature(called).parameters.values()
    ]


def returned(member: Any) -> str:
    """The return annotation as the sync side writes it."""
    called = function(member)
    assert called is not None
    text = str(inspect.signature(called).return_annotation)
    return re.sub(r"\bAsync(PeerClient|RunHandle|Iterator)\b", r"\1", text)


SHARED = [
    pytest.param(sync, other, name, id=f"{sync.__name__}.{name}")
    for sync, other in PAIRS
    for name in sorted(public(sync).keys() & public(other).keys())
]


@pytest.mark.parametrize(("sync", "other"), PAIRS)
def test_both_have_the_same_public_members(sync: type, other: type) -> None:
    assert public(sync).keys() == public(other).keys()


@pytest.mark.parametrize(("sync", "other", "name"), SHARED)
def test_a_member_has_the_same_parameters_and_result_on_both(
    sync: type, other: type, name: str
) -> None:
    one, two = public(sync)[name], public(other)[name]
    assert type(one) is type(two), "one is a property or a class method, the other is not"
    assert parameters(one) == parameters(two)
    assert returned(one) == returned(two)


@pytest.mark.parametrize(("sync", "other", "name"), SHARED)
def test_a_member_is_documented_on_both(sync: type, other: type, name: str) -> None:
    for cls in (sync, other):
        doc = inspect.getdoc(function(public(cls)[name])) or ""
        assert doc.endswith((".", '"', ")")) or "\n" in doc, f"{cls.__name__}.{name} says nothing"


@pytest.mark.parametrize(("sync", "other", "name"), SHARED)
def test_a_sync_member_that_refers_to_the_async_one_refers_to_its_own(
    sync: type, other: type, name: str
) -> None:
    doc = inspect.getdoc(function(public(sync)[name])) or ""
    for cls, method in re.findall(r"``(Async\w+)\.(\w+)``", doc):
        assert (cls, method) == (other.__name__, name)


@pytest.mark.parametrize(("sync", "other"), PAIRS)
def test_what_waits_is_awaited_on_one_side_only(sync: type, other: type) -> None:
    def waits(member: Any) -> bool:
        called = function(member)
        return inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)

    assert not any(waits(member) for member in public(sync).values())
    at_once = {name for name, member in public(other).items() if not waits(member)}
    assert at_once == {"node_id", "address", "peer_python", "is_open", "state", "ref_leaves", "ask_devices"} or at_once == {
        "run_id", "outcome", "is_over", "broken_since", "durable", "cancel", "detach", "questions",
    }  # fmt: skip


@pytest.mark.parametrize(("sync", "awaited"), PROTOCOLS)
def test_both_clients_are_context_managers(sync: str, awaited: str) -> None:
    assert callable(getattr(PeerClient, sync))
    assert callable(getattr(AsyncPeerClient, awaited))
