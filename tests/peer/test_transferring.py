"""A value behind a ref of one peer on another one: copied through a client that does not open it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import AsyncPeerClient
from blazen_nb.client.passing import pass_value
from blazen_nb.client.refs import RemoteRef
from blazen_nb.client.transfer_progress import Progress, show_transfers
from blazen_nb.errors import (
    BlazenError,
    SessionRefError,
    UnknownStepError,
    WorkflowError,
)
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.testing import LocalPeer
from tests.eventually import eventually
from tests.peer.conftest import SECONDS
from tests.peer.ref_steps import gates, kept
from tests.peer.transfer_steps import MIB, nothing_half, numpy, pandas

WAYS: list[tuple[str, ...]] = [("unix",), ("tcp",), ()]
"""Of values in bulk; the last one leaves gRPC's."""


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The UUIDs of the refs whose values passed from peer to peer."""
    uuids: list[str] = []

    async def watched(source: Any, uuid: str, *rest: Any) -> Any:
        uuids.append(uuid)
        return await pass_value(source, uuid, *rest)

    monkeypatch.setattr("blazen_nb.client.transferring.pass_value", watched)
    return uuids


# --- put(ref) ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to_b", WAYS)
@pytest.mark.parametrize("from_a", WAYS)
def test_an_array_is_the_same_on_the_other_peer_byte_by_byte(
    a: LocalPeer, b: LocalPeer, from_a: tuple[str, ...], to_b: tuple[str, ...]
) -> None:
    a.client._link.refs.sockets.ways = from_a
    b.client._link.refs.sockets.ways = to_b
    array = numpy.random.default_rng(0).integers(0, 255, (7, 3 * MIB + 5), "u1")
    there = a.client.put(array)
    here = b.client.put(there)
    assert (here.owner, here.shape, here.dtype, here.lifetime) == (
        "b",
        array.shape,
        "uint8",
        there.lifetime,
    )
    assert here.fetch().tobytes() == array.tobytes()
    assert not there.is_released
    assert there.fetch(0)[:3].tolist() == array[0, :3].tolist()
    nothing_half(a, b)


@pytest.mark.parametrize(
    "value",
    [
        {"text": "zü" * MIB, "pair": (1, [b"x" * 100_000]), "big": 10**5000},
        None,
        b"",
        bytes(MIB),
        bytes(MIB + 1),
        complex(1, 2),
    ],
    ids=["nested", "none", "empty", "one chunk", "more than one", "pickle"],
)
def test_values_of_every_kind_and_size_pass_as_they_are(
    a: LocalPeer, b: LocalPeer, value: Any
) -> None:
    assert b.client.put(a.client.put(value)).fetch() == value
    nothing_half(a, b)


def test_a_table_passes_and_so_does_an_object_of_a_cells_class(a: LocalPeer, b: LocalPeer) -> None:
    table = pandas.DataFrame({"n": range(100_000), "t": ["zü", None] * 50_000}).set_index("n")
    pandas.testing.assert_frame_equal(b.client.put(a.client.put(table)).fetch(), table)
    text = "class Point:\n    def __init__(self): self.x = 4\nPoint()"
    cell = parse_cell(text, label="cell [1]", first_line=2)
    made = a.client.start_cell(cell, keep_values=True).result(SECONDS).result
    read = parse_cell("def x(p): return p.x\n", label="cell [2]", first_line=2)
    b.client.start_cell(read).result(SECONDS)
    point = b.client.put(made)
    assert point.type_name == "Point"
    again = b.client.run_remote_workflow("w", ["refs::same"], {"things": [point]})
    assert again.result is True


async def test_the_async_client_does_the_same(a: LocalPeer, b: LocalPeer) -> None:
    there = a.client.put(numpy.arange(MIB))
    async with await AsyncPeerClient.connect(b.address) as client:
        here = await client.put(there)
        assert (await here.afetch() == numpy.arange(MIB)).all()
        run = await client.run_remote_workflow(
            "w", ["transfer::total"], {"value": there}, transfer=True
        )
        assert run.result == numpy.arange(MIB).sum()
        handle = await client.start_remote_workflow(
            "w", ["transfer::total"], {"value": there}, transfer=True
        )
        assert (await handle.result(SECONDS)).result == run.result
        assert [ref.uuid for ref in await client.refs()] == [here.uuid]


def test_a_ref_of_the_same_peer_is_copied_there_and_the_copy_is_an_object_of_its_own(
    a: LocalPeer, copied: list[str]
) -> None:
    first = a.client.put(numpy.zeros(MIB))
    with a.connect() as other:
        second = other.put(first)
        assert second.uuid != first.uuid
        assert copied == []
        a.client.run_remote_workflow("w", ["transfer::fill"], {"value": first})
        first.release()
        assert (second.fetch() == 0).all()
        assert [ref.uuid for ref in other.refs()] == [second.uuid]
    with pytest.raises(SessionRefError, match="released"):
        a.client.put(first)


def test_a_ref_that_is_gone_is_said_so_before_anything_is_sent(b: LocalPeer) -> None:
    with LocalPeer("a") as a:
        there = a.client.put(b"x")
        assert a.client.release_session_ref(there.uuid)
        with pytest.raises(SessionRefError, match="a keeps no such value"):
            b.client.put(there)
        with pytest.raises(SessionRefError, match="a keeps no such value"):
            a.client.put(there)
        left = a.client.put(b"x")
    with pytest.raises(BlazenError, match="closed"):
        b.client.put(left)
    assert kept(b) == 0


# --- transfer=True ----------------------------------------------------------------------------------------------


def test_a_ref_that_stands_twice_in_an_input_is_one_object_there_and_copied_once(
    a: LocalPeer, b: LocalPeer, copied: list[str]
) -> None:
    there, key, mine = a.client.put(numpy.ones(MIB)), a.client.put("key"), b.client.put(1)
    things = {"things": [there, there], "deep": [{"x": ({key: (mine, there)},)}]}
    run = b.client.run_remote_workflow("w", ["refs::same"], things, transfer=True)
    assert run.result is True
    assert sorted(copied) == sorted([there.uuid, key.uuid])
    assert [ref.uuid for ref in b.client.refs()] == [mine.uuid]
    nothing_half(a, b)


def test_without_transfer_it_is_refused_and_the_error_says_how(
    a: LocalPeer, b: LocalPeer, copied: list[str]
) -> None:
    there = a.client.put(numpy.ones(9))
    with pytest.raises(SessionRefError, match=r"belongs to peer a .* peer b; .*transfer=True"):
        b.client.run_remote_workflow("w", ["transfer::total"], {"value": there})
    with (
        LocalPeer("a") as namesake,
        pytest.raises(SessionRefError, match=r"another peer named a; .*transfer=True"),
    ):
        namesake.client.start_remote_workflow("w", ["transfer::total"], {"value": there})
    assert copied == []


def test_many_values_of_several_peers_come_at_once(a: LocalPeer, b: LocalPeer) -> None:
    with LocalPeer("c") as c:
        refs = [peer.client.put(numpy.full(MIB // 2, n)) for n in range(5) for peer in (a, c)]
        cell = parse_cell(
            "def sums(values): return [int(v.sum()) for v in values]", label="cell [1]"
        )
        b.client.start_cell(cell).result(SECONDS)
        handle = b.client.start_cell(
            parse_cell(
                "from blazen_nb import StartEvent, StopEvent, step\n"
                "@step\ndef s(ev: StartEvent) -> StopEvent:\n    return StopEvent(result=sums(ev.refs))",
                label="cell [2]",
            ),
            input={"refs": refs},
            transfer=True,
        )
        sums = [n * MIB // 2 for n in range(5) for _ in (a, c)]
        assert handle.result(SECONDS).result == sums
        assert b.client.refs() == []
        nothing_half(a, b, c)


@pytest.mark.parametrize("fails", [False, True])
def test_a_copy_lives_as_long_as_its_run_and_no_longer(
    a: LocalPeer, b: LocalPeer, released: threading.Event, fails: bool
) -> None:
    gates["later"] = released
    there = a.client.put(numpy.ones(MIB))
    handle = b.client.start_remote_workflow(
        "w", ["transfer::total_later"], {"value": there, "fails": fails}, transfer=True
    )
    next(handle.events())
    assert b.client.refs() == []
    released.set()
    if fails:
        with pytest.raises(WorkflowError):
            handle.result(SECONDS)
    else:
        assert handle.result(SECONDS).result == MIB
    eventually(lambda: kept(b) == 0)


def test_a_durable_run_has_its_copy(a: LocalPeer, released: threading.Event) -> None:
    gates["later"] = released
    there = a.client.put(numpy.ones(MIB))
    with LocalPeer("b", journal="memory") as b:
        handle = b.client.start_remote_workflow(
            "w", ["transfer::total_later"], {"value": there, "fails": False}, transfer=True
        )
        assert handle.durable
        assert b.client.refs() == []
        released.set()
        assert handle.result(SECONDS).result == MIB


def test_a_copy_that_a_run_gives_back_is_the_results_own(a: LocalPeer, b: LocalPeer) -> None:
    there = a.client.put({"data": bytes(2 * MIB)})
    run = b.client.run_remote_workflow(
        "w", ["transfer::gives_back"], {"value": there}, transfer=True
    )
    given = run.result["value"]["data"]
    assert isinstance(given, RemoteRef)
    assert given.owner == "b"
    assert given.fetch() == bytes(2 * MIB)
    assert [ref.uuid for ref in b.client.refs()] == [given.uuid]


def test_a_run_that_does_not_start_leaves_no_copy(a: LocalPeer, b: LocalPeer) -> None:
    there = a.client.put(numpy.ones(MIB))
    for start in (b.client.run_remote_workflow, b.client.start_remote_workflow):
        with pytest.raises(UnknownStepError):
            start("w", ["no::such"], {"value": there}, transfer=True)
    assert b.client.refs() == []
    nothing_half(a, b)


# --- how it is seen ---------------------------------------------------------------------------------------------


class Seen:
    """A picture of transfers that notes how far they were."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.progress: list[Progress] = []
        self.ended = 0

    def show(self, progress: Progress) -> Seen:
        self.names.append(progress.name)
        self.progress.append(progress)
        return self

    def update(self) -> None: ...

    def end(self) -> None:
        self.ended += 1


@pytest.fixture
def seen() -> Iterator[Seen]:
    seen = Seen()
    show_transfers(seen.show)
    yield seen
    show_transfers(None)


def test_the_bar_names_both_ends_and_ends_full(a: LocalPeer, b: LocalPeer, seen: Seen) -> None:
    refs = [a.client.put(numpy.full(4 * MIB, n, "u1")) for n in range(3)]
    seen.progress.clear()
    seen.names.clear()
    b.client.put(refs[0])
    b.client.run_remote_workflow("w", ["refs::same"], {"things": refs}, transfer=True)
    assert seen.names == ["ndarray from a to b", "3 values from a to b"]
    assert [each.done == each.total > 0 for each in seen.progress] == [True, True]
    assert seen.progress[1].total > 3 * 4 * MIB
    assert seen.ended == 5


CLIENT = """
import sys
for name in ("numpy", "pandas", "pyarrow", "torch"):
    sys.modules[name] = None
from blazen_nb import PeerClient
with PeerClient.connect(sys.argv[1]) as a, PeerClient.connect(sys.argv[2]) as b:
    there = a.run_remote_workflow("w", ["transfer::frame"], {"rows": 200_000}).result
    print(b.put(there).type_name)
    print(b.run_remote_workflow("w", ["transfer::rows"], {"frame": there}, transfer=True).result)
"""


def test_the_client_needs_no_library_of_the_value(
    a: LocalPeer, b: LocalPeer, project: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CLIENT, a.address, b.address],
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=9,
        check=True,
    )
    assert done.stdout.splitlines() == ["pandas.DataFrame", "[200000, True]"]
    assert kept(b) == 0
