"""Many refs, and refs as what cells leave behind."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from blazen_nb import PeerClient, RemoteRef
from blazen_nb.errors import LimitError, WorkflowError
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.limits import Limits
from tests.eventually import eventually
from tests.peer import ref_steps
from tests.peer.conftest import SECONDS, RunCell

assert ref_steps, "its steps are registered"


def kept(peer: LocalPeer) -> int:
    return len(peer.server._parts.refs)


# --- how many ------------------------------------------------------------------------------------------------


def test_ten_thousand_refs_of_a_run_come_and_go(peer: LocalPeer, client: PeerClient) -> None:
    fields = {"n": 10_000, "give": True}
    refs = client.run_remote_workflow("w", ["refs::many"], fields).result
    assert len({ref.uuid for ref in refs}) == 10_000
    assert kept(peer) == 10_000
    assert len(client.refs()) == 10_000
    assert refs[9_999].fetch() == {"n": 9_999}
    for ref in refs:
        ref.release()
    eventually(lambda: kept(peer) == 0)


def test_runs_that_put_ten_thousand_values_away_leave_the_peer_as_it_was(
    peer: LocalPeer, client: PeerClient
) -> None:
    def run() -> None:
        assert client.run_remote_workflow("w", ["refs::many"], {"n": 5_000}).result == 5_000
        eventually(lambda: kept(peer) == 0)

    tracemalloc.start()
    try:
        run()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(2):
            run()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1 << 20


def test_one_ref_too_many_fails_the_step_and_says_so() -> None:
    with LocalPeer(limits=Limits(refs=10)) as peer:
        with pytest.raises(WorkflowError, match="10 session refs") as caught:
            peer.client.run_remote_workflow("w", ["refs::many"], {"n": 11})
        assert isinstance(caught.value.__cause__, LimitError)
        assert kept(peer) == 0


# --- cells ---------------------------------------------------------------------------------------------------


def test_an_output_that_is_large_or_cannot_travel_is_a_ref(run_cell: RunCell) -> None:
    text = "small = [1]\nlarge = 'x' * (2 << 20)\nimport threading\nlock = threading.Lock()\nlock"
    result = run_cell(text, outputs=["small", "large", "lock"])
    assert result.outputs["small"] == [1]
    assert result.outputs["large"].fetch() == "x" * (2 << 20)
    assert isinstance(result.outputs["lock"], RemoteRef)
    assert result.result is result.outputs["lock"]  # one value, one ref
    assert result.display is not None


def test_a_cell_can_be_told_to_keep_its_values(client: PeerClient) -> None:
    cell = parse_cell("a = {'n': 1}\nnothing = None\na", label="cell [1]")
    handle = client.start_cell(cell, outputs=["a", "nothing"], keep_values=True)
    result = handle.result(SECONDS)
    assert isinstance(result.outputs["a"], RemoteRef)
    assert result.outputs["nothing"] is None
    assert result.outputs["a"].type_tag == "json"
    assert result.result.fetch() == {"n": 1}
