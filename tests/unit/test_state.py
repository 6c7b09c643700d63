"""``ctx.state`` and ``ctx.session``: what goes in by value, what by identity, and from which thread."""

from __future__ import annotations

import array
import threading
from typing import Any

import pytest

from blazen_nb.engine.state import SessionNamespace, StateNamespace

SECONDS = 5.0
EITHER = pytest.mark.parametrize("kind", [StateNamespace, SessionNamespace])
Namespace = StateNamespace | SessionNamespace


# --- both ----------------------------------------------------------------------------------------


@EITHER
def test_it_is_used_like_a_dict(kind: type[Namespace]) -> None:
    space = kind()
    space["a"] = 1
    space.set("b", 2)
    assert (space["a"], space.get("b")) == (1, 2)
    assert "a" in space
    assert space.has("b")
    assert space.keys() == ["a", "b"]
    del space["a"]
    assert "a" not in space
    assert space.remove("b") == 2
    assert not space.has("b")


@EITHER
def test_what_is_not_there_is_the_default_none_or_a_key_error(kind: type[Namespace]) -> None:
    space = kind()
    assert space.get("gone") is None
    assert space.get("gone", 7) == 7
    assert space.remove("gone") is None
    for use in (lambda: space["gone"], lambda: space.__delitem__("gone")):
        with pytest.raises(KeyError, match="gone"):
            use()


@EITHER
def test_its_keys_can_be_gone_through_and_counted(kind: type[Namespace]) -> None:
    space = kind()
    space["a"] = space["b"] = None
    assert (list(space), len(space)) == (["a", "b"], 2)
    assert repr(space) == f"{kind.__name__}(a, b)"
    for key in space:
        space.remove(key)
    assert len(space) == 0


@EITHER
async def test_each_method_has_an_awaitable_twin(kind: type[Namespace]) -> None:
    space = kind()
    await space.aset("a", [1])
    assert await space.aget("a") == [1]
    assert await space.aget("gone", 7) == 7
    assert await space.ahas("a")
    assert await space.aremove("a") == [1]
    assert not await space.ahas("a")


@EITHER
def test_a_value_of_none_is_there(kind: type[Namespace]) -> None:
    space = kind()
    space["a"] = None
    assert space.has("a")
    assert space.get("a", 7) is None


@EITHER
def test_threads_that_set_at_once_lose_nothing(kind: type[Namespace]) -> None:
    space = kind()
    together = threading.Barrier(4)

    def fill(number: int) -> None:
        together.wait(SECONDS)
        for position in range(500):
            space[f"{number}/{position}"] = [position]
            assert space[f"{number}/{position}"] == [position]

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert len(space.keys()) == 2000


# --- state: by value -----------------------------------------------------------------------------


def test_json_is_captured_when_it_is_set_and_given_as_a_copy() -> None:
    state = StateNamespace()
    rows: list[Any] = [{"a": [1]}]
    state["rows"] = rows
    rows[0]["a"].append(2)
    assert state["rows"] == [{"a": [1]}]
    state["rows"][0]["a"].append(3)
    state.get("rows").append(4)
    assert state["rows"] == [{"a": [1]}]


def test_a_bytearray_comes_back_as_the_bytes_it_was() -> None:
    state = StateNamespace()
    buffer = bytearray(b"ab")
    state["buffer"] = buffer
    buffer[0] = 0
    assert state["buffer"] == b"ab"
    assert type(state["buffer"]) is bytes


def test_bytes_have_methods_of_their_own() -> None:
    state = StateNamespace()
    state.set_bytes("raw", bytearray(b"ab"))
    state["text"] = "ab"
    assert state.get_bytes("raw") == b"ab"
    assert state.get_bytes("text") is None
    assert state.get_bytes("gone", b"?") == b"?"
    assert state.get_bytes("gone") is None


async def test_the_methods_for_bytes_have_awaitable_twins() -> None:
    state = StateNamespace()
    await state.aset_bytes("raw", b"ab")
    assert await state.aget_bytes("raw") == b"ab"
    assert await state.aget_bytes("gone", b"?") == b"?"


@pytest.mark.parametrize(
    "value", [(1, 2), {1, 2}, {1: 2}, array.array("d", [1.5]), threading.Lock(), [threading.Lock()]]
)
def test_what_is_neither_json_nor_bytes_stays_the_object_itself(value: Any) -> None:
    state = StateNamespace()
    state["live"] = value
    assert state["live"] is value


def test_only_json_under_public_names_is_exported_and_as_a_copy() -> None:
    state = StateNamespace()
    for key, value in {"n": 1, "rows": [1], "_private": 1, "raw": b"x", "live": object()}.items():
        state[key] = value
    exported = state.exported()
    assert exported == {"n": 1, "rows": [1]}
    exported["rows"].append(2)
    assert state["rows"] == [1]


# --- session: by identity ------------------------------------------------------------------------


@pytest.mark.parametrize("value", [[1], {"a": 1}, bytearray(b"a"), threading.Lock()])
def test_a_session_keeps_the_object_itself(value: Any) -> None:
    session = SessionNamespace()
    session["live"] = value
    assert session["live"] is value
    assert session.get("live") is value
    assert session.remove("live") is value
