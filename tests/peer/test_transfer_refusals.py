"""Values that do not pass from one peer to another, and what is left of them: nothing."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from blazen_nb.errors import (
    BlazenError,
    EnvironmentMismatchError,
    LimitError,
    ShippingError,
)
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.v1 import kernel_pb2 as pb
from tests.eventually import eventually
from tests.peer.ref_steps import kept
from tests.peer.transfer_steps import MIB, nothing_half, numpy, pandas


class Holder:
    """Travels as a pickle whose array lies beside it."""

    def __init__(self, size: int) -> None:
        self.data = numpy.ones(size)


@pytest.mark.parametrize(
    "value",
    [complex(1, 2), [1, {"x": complex(1, 2)}], {"data": Holder(MIB), "text": "x" * (3 * MIB)}],
    ids=["alone", "inside", "with its bulk beside it"],
)
def test_what_an_untrusted_peer_pickled_is_not_passed_on(
    a: LocalPeer, b: LocalPeer, value: Any
) -> None:
    there = a.client.put(value)
    a.client._link.refs.trusted = False
    with pytest.raises(ShippingError, match=r"peer a is pickled, .*peer b: .*trust_peer=True"):
        b.client.put(there)
    with pytest.raises(ShippingError, match="pickled"):
        b.client.run_remote_workflow(
            "w", ["transfer::gives_back"], {"value": [there]}, transfer=True
        )
    assert kept(b) == 0
    nothing_half(a, b)


def test_arrays_and_tables_of_an_untrusted_peer_pass(a: LocalPeer, b: LocalPeer) -> None:
    value = {
        "array": numpy.arange(MIB),
        "small": numpy.arange(3),
        "table": pandas.DataFrame({"n": range(99_999)}),
        "text": "z" * (3 * MIB),
    }
    there = a.client.put(value)
    a.client._link.refs.trusted = False
    back = b.client.put(there).fetch()
    assert (back["array"] == value["array"]).all()
    assert (back["small"] == value["small"]).all()
    assert back["text"] == value["text"]
    pandas.testing.assert_frame_equal(back["table"], value["table"])


def test_the_bytes_that_were_looked_at_are_those_that_are_sent(
    a: LocalPeer, b: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    a.client._link.refs.sockets.ways = ()
    there = a.client.put({"text": "z" * (3 * MIB), "array": numpy.arange(MIB)})
    a.client._link.refs.trusted = False
    fetch = a.client._link.fetch
    asked: list[tuple[int, int]] = []

    def watched(request: pb.GetRequest) -> AsyncGenerator[bytes, None]:
        asked.append((request.offset, request.size))
        return fetch(request)

    monkeypatch.setattr(a.client._link, "fetch", watched)
    b.client.put(there)
    # An untrusted peer that was asked twice for its leaves could say something else the second time.
    assert [offset for offset, _ in asked] == [sum(size for _, size in asked[:n]) for n in range(3)]


def test_a_function_passes_between_equal_pythons_only(a: LocalPeer, b: LocalPeer) -> None:
    offset = 3
    there = a.client.put({"f": lambda n: n + offset, "array": numpy.ones(3)})
    assert b.client.put(there).fetch()["f"](4) == 7
    b.client._link.welcome.python = "3.9"
    with pytest.raises(EnvironmentMismatchError, match="same Python minor"):
        b.client.put(there)
    assert b.client.put(a.client.put(numpy.ones(3))).fetch().sum() == 3
    nothing_half(a, b)


def test_a_peer_that_opens_no_pickles_says_so(a: LocalPeer) -> None:
    with LocalPeer("b", accept_code="never") as b:
        with pytest.raises(ShippingError, match="not opened"):
            b.client.put(a.client.put(complex(1, 2)))
        assert b.client.put(a.client.put(numpy.ones(MIB))).fetch().sum() == MIB
        nothing_half(a, b)


def test_one_value_too_large_leaves_nothing_of_the_others(a: LocalPeer) -> None:
    with LocalPeer("b", limits=Limits(upload_bytes=8 * MIB)) as b:
        refs = [a.client.put(numpy.ones(size, "u1")) for size in (MIB, 40 * MIB, MIB, MIB)]
        with pytest.raises(LimitError, match="larger than the 8,388,608"):
            b.client.run_remote_workflow("w", ["refs::same"], {"things": refs}, transfer=True)
        eventually(lambda: kept(b) == 0)
        nothing_half(a, b)
        assert b.client.put(refs[0]).fetch().sum() == MIB


def test_a_peer_that_goes_away_in_the_middle_ends_the_transfer(
    b: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalPeer("a") as a, a.connect() as client:
        client._link.refs.sockets.ways = ()
        there = client.put(numpy.ones(64 * MIB, "u1"))
        fetch = client._link.fetch
        closing: list[threading.Thread] = []

        async def ended(request: pb.GetRequest) -> AsyncGenerator[bytes, None]:
            async for message in fetch(request):
                yield message
                if request.offset and not closing:
                    closing.append(threading.Thread(target=a.server.close))
                    closing[0].start()

        monkeypatch.setattr(client._link, "fetch", ended)
        with pytest.raises(BlazenError):
            b.client.put(there)
        closing[0].join()
    assert kept(b) == 0
    nothing_half(b)
