"""A value behind a ref of one peer on another one: copied through a client that does not open it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import AsyncPeerClient, Context, Event, StartEvent, StopEvent, step
from blazen_nb.client.passing import pass_value
from blazen_nb.client.refs import RemoteRef
from blazen_nb.client.transfer_progress import Progress, show_transfers
from blazen_nb.errors import (
    BlazenError,
    EnvironmentMismatchError,
    LimitError,
    SessionRefError,
    ShippingError,
    UnknownStepError,
    WorkflowError,
)
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.v1 import kernel_pb2 as pb
from tests.eventually import eventually
from tests.peer import ref_steps
from tests.peer.conftest import SECONDS
from tests.peer.ref_steps import gates, kept

MIB = 1 << 20

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")
assert ref_steps, "its steps are registered"


class Holder:
    """Travels as a pickle whose array lies beside it."""

    def __init__(self, size: int) -> None:
        self.data = numpy.ones(size)


@step(id="transfer::total")
def total(ev: StartEvent) -> StopEvent:
    return StopEvent(result=float(ev.value.sum()))


@step(id="transfer::fill")
def fill(ev: StartEvent) -> StopEvent:
    ev.value.fill(7)
    return StopEvent(result=None)


@step(id="transfer::total_later")
def total_later(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.write_event_to_stream(Event("Waiting"))
    gates["later"].wait(SECONDS)
    if ev.fails:
        raise ValueError("no")
    return StopEvent(result=float(ev.value.sum()))


@step(id="transfer::gives_back")
def gives_back(ev: StartEvent) -> StopEvent:
    return StopEvent(result={"value": ev.value})


@step(id="transfer::frame")
def frame(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ctx.put(pandas.DataFrame({"n": range(ev.rows), "t": "zü"})))


@step(id="transfer::rows")
def rows(ev: StartEvent) -> StopEvent:
    assert type(ev.frame) is pandas.DataFrame
    return StopEvent(result=[len(ev.frame), set(ev.frame["t"]) == {"zü"}])


@pytest.fixture
def a() -> Iterator[LocalPeer]:
    with LocalPeer("a") as peer:
        yield peer


@pytest.fixture
def b() -> Iterator[LocalPeer]:
    with LocalPeer("b") as peer:
        yield peer


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The UUIDs of the refs whose values passed from peer to peer."""
    uuids: list[str] = []

    async def watched(source: Any, uuid: str, *rest: Any) -> Any:
        uuids.append(uuid)
        return await pass_value(source, uuid, *rest)

    monkeypatch.setattr("blazen_nb.client.transferring.pass_value", watched)
    return uuids


def nothing_half(*peers: LocalPeer) -> None:
    """Return once none of the peers remembers a transfer."""
    for peer in peers:
        parts = peer.server._parts
        eventually(lambda parts=parts: len(parts.outgoing) == len(parts.incoming) == 0)  # type: ignore[misc]


# --- put(ref) ---------------------------------------------------------------------------------------------------


def test_an_array_is_the_same_on_the_other_peer_byte_by_byte(a: LocalPeer, b: LocalPeer) -> None:
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


# --- what does not pass -----------------------------------------------------------------------------------------


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
