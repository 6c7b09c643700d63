"""Namespaces with a name: kept for whoever comes back, and gone with all they hold once nobody has for their lease."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blazen_nb import PeerClient
from blazen_nb.client.link import PeerLink
from blazen_nb.errors import SessionRefError
from blazen_nb.peer import device_reports
from blazen_nb.peer.device_reports import DeviceReports
from blazen_nb.peer.devices import DeviceSampler
from blazen_nb.peer.parts import PeerParts
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.limits import Limits
from tests.eventually import eventually
from tests.peer.conftest import SECONDS, RunCell, StartCell
from tests.peer.lease_devices import IDLE_BYTES, FakeNvml

LEASE = 100.0
MIB = 1 << 20
_seen: list[weakref.ref[Any]] = []
gates: dict[str, Any] = {}


class Now:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def peer() -> Iterator[LocalPeer]:
    """A peer whose namespaces have a short lease, on a clock of the test's."""
    with LocalPeer("gpu-box", limits=Limits(namespace_lease_seconds=LEASE)) as peer:
        parts_of(peer).namespaces.now = Now()
        yield peer


@pytest.fixture
def parts(peer: LocalPeer) -> PeerParts:
    return parts_of(peer)


@pytest.fixture
def later(parts: PeerParts) -> Callable[[float], None]:
    """Lets so many seconds go by, and the peer tidy up."""

    def pass_by(seconds: float) -> None:
        now = parts.namespaces.now
        assert isinstance(now, Now)
        now.seconds += seconds
        parts.tidy()

    return pass_by


def parts_of(peer: LocalPeer) -> PeerParts:
    return peer.server._parts


def state_of(client: PeerClient) -> str:
    link: PeerLink = client._link
    return link.welcome.namespace_state


def gone(parts: PeerParts) -> None:
    """Return once the peer knows that the client is away, and has told whoever it waits for."""
    eventually(lambda: len(parts.sessions) == 1)
    eventually(lambda: all(n.sessions == 0 for n in parts.namespaces._named.values()))


def remember(value: Any) -> None:
    _seen.append(weakref.ref(value))


def alive() -> bool:
    gc.collect()
    return _seen[-1]() is not None


MAKES = """
from tests.peer import test_leases
class Model: pass
model = Model()
model.itself = model
def use(): return model
test_leases.remember(model)
"""


def test_one_who_comes_back_within_the_lease_finds_it(
    peer: LocalPeer, parts: PeerParts, run_cell: RunCell, later: Callable[[float], None]
) -> None:
    with peer.connect("nb") as client:
        assert state_of(client) == "new"
        run_cell("kept = [1, 2]", client=client)
    for _ in range(3):  # each time the lease begins anew
        gone(parts)
        later(LEASE - 1)
        with peer.connect("nb") as client:
            assert state_of(client) == "resumed"
            assert run_cell("kept", client=client).result == [1, 2]


def test_after_the_lease_its_variables_are_gone_and_the_log_says_so(
    peer: LocalPeer,
    parts: PeerParts,
    run_cell: RunCell,
    later: Callable[[float], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with peer.connect("nb") as client:
        run_cell(MAKES, client=client)
    gone(parts)
    assert alive()
    with caplog.at_level(logging.INFO, "blazen_nb.peer"):
        later(LEASE)
    assert not alive()
    assert [r.getMessage() for r in caplog.records if "namespace" in r.getMessage()] == [
        "namespace nb has ended: no client and no run has used it for 1:40; its variables are gone"
    ]
    with peer.connect("nb") as client:
        assert state_of(client) == "new"
        assert client.find_names(["model", "use"]).missing == {"model", "use"}


def test_no_lease_ends_while_a_session_is_there(
    peer: LocalPeer, parts: PeerParts, run_cell: RunCell, later: Callable[[float], None]
) -> None:
    with peer.connect("nb") as first:
        run_cell("kept = 1", client=first)
        with peer.connect("nb") as second:
            assert state_of(second) == "resumed"
        eventually(lambda: len(parts.sessions) == 2)
        later(10 * LEASE)
        assert run_cell("kept", client=first).result == 1


def test_the_lease_begins_with_the_end_of_the_last_run(
    peer: LocalPeer,
    parts: PeerParts,
    start_cell: StartCell,
    later: Callable[[float], None],
    released: Any,
) -> None:
    gates["run"] = released
    with peer.connect("nb") as client:
        text = "from tests.peer import test_leases\ntest_leases.gates['run'].wait(5)\nleft = 3"
        run_id = start_cell(text, client=client).run_id
    gone(parts)
    later(10 * LEASE)
    (namespace,) = parts.namespaces._named.values()
    assert namespace.runs == 1
    released.set()
    assert peer.client.attach(run_id).result(SECONDS)
    eventually(lambda: namespace.runs == 0)
    later(LEASE - 1)
    assert namespace.globals["left"] == 3
    later(1)
    assert "left" not in namespace.globals


def test_a_private_namespace_ends_with_its_session(
    peer: LocalPeer, parts: PeerParts, run_cell: RunCell
) -> None:
    with peer.connect() as client:
        run_cell(MAKES, client=client)
    gone(parts)
    eventually(lambda: not alive())


KEEPS = """
from blazen_nb import StartEvent, StopEvent, RefLifetime, step
from tests.peer import test_leases
class Model: pass
@step(id="leases::keeps")
def keeps(ctx, event: StartEvent) -> StopEvent:
    model = Model()
    test_leases.remember(model)
    return StopEvent(result=ctx.put(model, lifetime=RefLifetime[event.lifetime]))
"""


def kept(peer: LocalPeer, start_cell: StartCell, lifetime: str) -> str:
    """The ID of a run that has put a value away; its client is gone, and nobody has its result."""
    with peer.connect("nb") as client:
        handle = start_cell(KEEPS, client=client, input={"lifetime": lifetime})
        handle.detach()
        eventually(lambda: client.runs()[0].has_ended)
    gone(parts_of(peer))
    return handle.run_id


def test_refs_that_nobody_took_go_with_it(
    peer: LocalPeer, start_cell: StartCell, later: Callable[[float], None]
) -> None:
    run_id = kept(peer, start_cell, "UntilParentFinish")
    later(LEASE - 1)
    assert alive()
    later(1)
    assert not alive()
    with pytest.raises(SessionRefError):
        peer.client.attach(run_id).result(SECONDS).result.fetch()


def test_refs_that_somebody_else_took_stay(
    peer: LocalPeer, start_cell: StartCell, later: Callable[[float], None]
) -> None:
    run_id = kept(peer, start_cell, "UntilParentFinish")
    ref = peer.client.attach(run_id).result(SECONDS).result
    # A ping would overtake the word that the result is here.
    eventually(lambda: [known.uuid for known in peer.client.refs()] == [ref.uuid])
    later(LEASE)
    assert alive()
    ref.release()
    eventually(lambda: not alive())


def test_refs_that_only_a_release_ends_stay(
    peer: LocalPeer, start_cell: StartCell, later: Callable[[float], None]
) -> None:
    run_id = kept(peer, start_cell, "UntilExplicitDrop")
    later(LEASE)
    assert alive()
    peer.client.attach(run_id).result(SECONDS).result.release()
    eventually(lambda: not alive())


def test_the_memory_of_the_gpu_is_as_it_was_before(
    peer: LocalPeer,
    parts: PeerParts,
    run_cell: RunCell,
    later: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device_reports, "SHARED_SECONDS", 0.0)
    parts.devices = DeviceReports(DeviceSampler(FakeNvml(), lambda name: None).sample)

    def used() -> int | None:
        return peer.client.devices().gpus[0].memory_used

    assert used() == IDLE_BYTES
    with peer.connect("nb") as client:
        run_cell(
            "from tests.peer.lease_devices import Tensor\n"
            f"class Model:\n    def __init__(self):\n        self.weights = Tensor({64 * MIB})\n"
            "        self.itself = self\n"
            "model = Model()\n"
            f"def use(batch=Tensor({8 * MIB})): return model",
            client=client,
        )
    gone(parts)
    assert used() == IDLE_BYTES + 72 * MIB
    later(LEASE)
    assert used() == IDLE_BYTES


@pytest.mark.gpu
@pytest.mark.slow
def test_the_memory_of_a_real_gpu_is_as_it_was_before(
    peer: LocalPeer, parts: PeerParts, run_cell: RunCell, later: Callable[[float], None]
) -> None:
    torch = pytest.importorskip("torch", reason="NO TEST RAN ON A GPU: torch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("NO TEST RAN ON A GPU: torch finds no CUDA device")
    torch.empty(1, device="cuda")  # its context takes memory, once

    def used() -> int:
        free, total = torch.cuda.mem_get_info()
        return int(total - free)

    torch.cuda.empty_cache()
    before = used()
    with peer.connect("nb") as client:
        run_cell(
            "import torch\nmodel = torch.nn.Linear(8192, 8192, device='cuda')\n"
            "out = model(torch.ones(4096, 8192, device='cuda')).sum()\nout.backward()",
            client=client,
        )
    gone(parts)
    assert used() - before > 400 * MIB
    later(LEASE)
    assert used() - before < 32 * MIB  # cuBLAS keeps a workspace for its process
