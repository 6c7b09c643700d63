"""A value that is put again: nothing of it travels, and it is an object of its own all the same."""

from __future__ import annotations

from typing import Any

import pytest

from blazen_nb import Context, PeerClient, StartEvent, StopEvent, step
from blazen_nb.client import bulk
from blazen_nb.errors import LimitError
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.limits import Limits

MIB = 1 << 20

numpy = pytest.importorskip("numpy")


@step(id="again::change")
def change(ctx: Context, ev: StartEvent) -> StopEvent:
    ev.array[0] = 77
    return StopEvent(result=None)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the values that were sent."""
    sizes: list[int] = []
    send = bulk._sent

    async def counted(link: Any, value: Any, *rest: Any) -> Any:
        sizes.append(value.size)
        return await send(link, value, *rest)

    monkeypatch.setattr(bulk, "_sent", counted)
    return sizes


@pytest.mark.parametrize("ways", [("unix", "tcp"), ("tcp",), ()])
def test_the_same_value_is_sent_once_and_copied_there(
    client: PeerClient, sent: list[int], ways: tuple[str, ...]
) -> None:
    client._link.refs.sockets.ways = ways
    array = numpy.arange(MIB)
    first = client.put({"a": array, "b": b"x" * (2 * MIB)})
    second = client.put({"a": array.copy(), "b": b"x" * (2 * MIB)})
    assert len(sent) == 1
    assert first.uuid != second.uuid
    back = second.fetch()
    assert (back["a"] == array).all()
    assert back["b"] == b"x" * (2 * MIB)


def test_what_a_step_has_changed_there_is_not_taken_for_the_value(
    client: PeerClient, sent: list[int]
) -> None:
    array = numpy.zeros(MIB)
    first = client.put(array)
    client.run_remote_workflow("w", ["again::change"], {"array": first})
    second = client.put(array)
    assert len(sent) == 2
    assert (first.fetch()[0], second.fetch()[0]) == (77, 0)


def test_a_copy_is_not_changed_with_the_one_it_was_made_of(
    client: PeerClient, sent: list[int]
) -> None:
    array = numpy.zeros(MIB)
    first, second = client.put(array), client.put(array)
    assert len(sent) == 1
    client.run_remote_workflow("w", ["again::change"], {"array": second})
    assert (first.fetch()[0], second.fetch()[0]) == (0, 77)


def test_a_value_that_differs_in_a_byte_a_released_one_and_a_small_one_are_sent(
    client: PeerClient, sent: list[int]
) -> None:
    array = numpy.zeros(MIB, "u1")
    kept = client.put(array)
    array[-1] = 1
    other = client.put(array)
    assert len(sent) == 2
    kept.release()
    other.release()
    client.put(array)
    client.put(b"small")
    client.put(b"small")
    assert len(sent) == 5


def test_a_value_that_the_peer_let_go_by_itself_is_sent(
    peer: LocalPeer, client: PeerClient, sent: list[int]
) -> None:
    ref = client.put(bytes(2 * MIB))
    client.release_session_ref(ref.uuid)
    assert client.put(bytes(2 * MIB)).fetch() == bytes(2 * MIB)
    assert len(sent) == 2


def test_a_copy_counts_against_the_limit_as_a_value_that_is_sent() -> None:
    with LocalPeer(limits=Limits(upload_bytes=4 * MIB)) as peer:
        ref = peer.client.put(bytes(3 * MIB))
        object.__setattr__(peer.server._parts.limits, "upload_bytes", MIB)
        with pytest.raises(LimitError):
            peer.client.put(bytes(3 * MIB))
        assert ref.fetch() == bytes(3 * MIB)
