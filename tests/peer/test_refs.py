"""Values that stay on a peer: their refs come, are inputs again, and go when nobody needs them."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import threading
from typing import Any

import pytest

from blazen_nb import AsyncPeerClient, PeerClient, RemoteRef, ValidationError
from blazen_nb.errors import SessionRefError, WorkflowCancelledError, WorkflowError
from blazen_nb.testing import LocalPeer
from tests.peer import ref_steps
from tests.peer.conftest import SECONDS, RunCell
from tests.peer.ref_steps import gone, kept, watched

LIFETIMES = ["UntilContextDrop", "UntilParentFinish", "UntilExplicitDrop", "UntilSnapshot"]
NO_REF = "00000000-0000-4000-8000-000000000000"


def put(client: PeerClient, name: str, **fields: Any) -> Any:
    result = client.run_remote_workflow("put", ["refs::put"], {"name": name, **fields})
    return result.result["thing"] if result.result else result


# --- how they come -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lifetime", LIFETIMES)
def test_a_value_that_a_step_puts_away_arrives_as_a_remote_ref(
    client: PeerClient, lifetime: str
) -> None:
    ref = put(client, "put", lifetime=lifetime)
    assert isinstance(ref, RemoteRef)
    leaving = "UntilParentFinish" if lifetime in ("UntilContextDrop", "UntilSnapshot") else lifetime
    assert (ref.type_name, ref.type_tag, ref.owner) == (
        "tests.peer.ref_steps.Thing",
        "pickle",
        "gpu-box",
    )
    assert ref.lifetime == leaving
    assert (ref.shape, ref.dtype, ref.size, ref.device) == (None, None, None, None)


def test_an_async_step_puts_values_away_as_well(client: PeerClient) -> None:
    ref = client.run_remote_workflow("w", ["refs::aput"], {"name": "async"}).result
    assert isinstance(ref, RemoteRef)


def test_a_ref_says_what_its_value_is(client: PeerClient) -> None:
    pytest.importorskip("numpy")
    fields = {"shape": [512, 1024], "dtype": "float32"}
    ref = client.run_remote_workflow("w", ["refs::zeros"], fields).result
    assert (ref.type_name, ref.type_tag) == ("numpy.ndarray", "ndarray")
    assert (ref.shape, ref.dtype, ref.size) == ((512, 1024), "float32", 2 << 20)
    device = f"{ref.device}, " if ref.device else ""  # NumPy 2 says that it is "cpu"
    assert repr(ref) == (
        f"RemoteRef(numpy.ndarray 512 x 1,024 float32, 2.0 MiB, {device}on gpu-box; stays there, "
        "remote cells that read it use it in place, fetch() brings a copy here)"
    )
    html = ref._repr_html_()
    for said in ("numpy.ndarray", "512 x 1,024", "float32", "2.0 MiB", "gpu-box"):
        assert said in html
    assert ref.uuid not in html


def test_a_ref_in_the_state_or_in_an_event_arrives_as_one_too(client: PeerClient) -> None:
    result = client.run_remote_workflow("w", ["refs::put"], {"name": "state", "leaves": "state"})
    ref = result.state["thing"]
    assert isinstance(ref, RemoteRef)
    assert result.session_refs == {ref.uuid: ref}
    handle = client.start_remote_workflow("w", ["refs::put"], {"name": "ev", "leaves": "event"})
    (event,) = handle.events()
    assert isinstance(event.thing[0], RemoteRef)
    handle.result(SECONDS)
    assert client.run_remote_workflow(
        "w", ["refs::is_watched"], {"name": "ev", "thing": event.thing[0]}
    ).result


def test_a_result_asked_for_twice_has_the_same_ref(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["refs::thing"], {"name": "twice"})
    uuid = handle.result(SECONDS).result[1].uuid
    gc.collect()
    assert handle.result(SECONDS).result[1].uuid == uuid
    assert client.release_session_ref(uuid)


def test_the_client_lists_the_refs_of_its_session(client: PeerClient, other: PeerClient) -> None:
    mine = put(client, "mine", lifetime="UntilParentFinish")
    theirs = put(other, "theirs", lifetime="UntilParentFinish")
    explicit = put(other, "explicit", lifetime="UntilExplicitDrop")
    assert {ref.uuid for ref in client.refs()} == {mine.uuid, explicit.uuid}
    assert {ref.uuid for ref in other.refs()} == {theirs.uuid, explicit.uuid}
    assert client.refs()[0] is mine


# --- as inputs -----------------------------------------------------------------------------------------------


def test_a_ref_in_an_input_is_the_live_object_wherever_it_stands(
    client: PeerClient, other: PeerClient
) -> None:
    ref = put(client, "input")
    for one in (client, other):  # the same peer, and the same user
        things = {"things": [ref, ref]}
        assert one.run_remote_workflow("w", ["refs::same"], things).result is True
        assert ref_steps.live["seen"]() is watched["input"]()


def test_the_text_of_an_input_may_name_a_ref(client: PeerClient) -> None:
    ref = put(client, "marker")
    text = json.dumps({"name": "marker", "thing": {"__blazen_session_ref__": ref.uuid}})
    result = client.run_remote_workflow_json("w", ["refs::is_watched"], text)
    assert result.result is True
    missing = text.replace(ref.uuid, NO_REF)
    with pytest.raises(SessionRefError, match="unknown session ref"):
        client.run_remote_workflow_json("w", ["refs::is_watched"], missing)


def test_a_ref_of_another_peer_is_refused_before_anything_is_sent(client: PeerClient) -> None:
    ref = put(client, "elsewhere")
    with LocalPeer("other-box") as elsewhere:
        with pytest.raises(
            SessionRefError, match=r"belongs to peer gpu-box.*peer other-box.*fetch"
        ):
            elsewhere.client.run_remote_workflow("w", ["refs::same"], {"things": [ref]})
        namesake = put(elsewhere.client, "namesake")
    with LocalPeer("other-box") as restarted, pytest.raises(SessionRefError, match="restarted"):
        restarted.client.run_remote_workflow("w", ["refs::same"], {"things": [namesake]})


def test_a_released_ref_is_no_input_and_cannot_be_fetched(client: PeerClient) -> None:
    ref = put(client, "released")
    ref.release()
    ref.release()
    gone("released")
    assert ref.is_released
    assert repr(ref).endswith("on gpu-box; released)")
    with pytest.raises(SessionRefError, match="released"):
        client.run_remote_workflow("w", ["refs::same"], {"things": [ref]})
    with pytest.raises(SessionRefError, match="released"):
        ref.fetch()


def test_a_value_that_another_client_released_is_a_clear_error(
    client: PeerClient, other: PeerClient
) -> None:
    ref = put(client, "taken")
    assert other.release_session_ref(ref.uuid)
    assert not other.release_session_ref(ref.uuid)
    with pytest.raises(SessionRefError, match="gpu-box keeps no such value"):
        client.run_remote_workflow("w", ["refs::same"], {"things": [ref]})
    with pytest.raises(SessionRefError, match="gpu-box keeps no such value"):
        ref.fetch()


def test_a_ref_is_no_pickle_and_says_what_to_do(client: PeerClient) -> None:
    ref = put(client, "pickle")
    with pytest.raises(TypeError, match=r"stays on peer gpu-box. fetch\(\)"):
        pickle.dumps(ref)
    assert copy.deepcopy({"a": ref})["a"] is ref


def test_ids_that_are_none_are_refused_here(client: PeerClient) -> None:
    with pytest.raises(ValidationError, match="UUID"):
        client.deref_session_ref("gpu-box")
    with pytest.raises(SessionRefError, match="unknown session ref"):
        client.deref_session_ref(NO_REF)
    assert not client.release_session_ref(NO_REF)


async def test_the_async_client_does_the_same(peer: LocalPeer) -> None:
    async with await AsyncPeerClient.connect(peer.address) as client:
        ref = (await client.run_remote_workflow("w", ["refs::put"], {"name": "aio"})).result[
            "thing"
        ]
        assert [each.uuid for each in await client.refs()] == [ref.uuid]
        sent = await client.put({"a": b"1"})
        assert await client.fetch(sent) == {"a": b"1"}
        assert await sent.afetch() == {"a": b"1"}
        raw = await client.put(b"raw")
        assert await client.deref_session_ref(raw.uuid) == b"raw"
        assert await client.release_session_ref(ref.uuid)
        gone("aio")


# --- when they go --------------------------------------------------------------------------------------------


def test_a_ref_that_does_not_leave_its_run_goes_with_it(
    peer: LocalPeer, client: PeerClient
) -> None:
    for lifetime in ("UntilContextDrop", "UntilSnapshot"):
        put(client, lifetime, lifetime=lifetime, leaves="nowhere")
        gone(lifetime)
    assert kept(peer) == 0


def test_a_session_takes_its_refs_with_it_but_not_those_that_wait_for_a_release(
    peer: LocalPeer,
) -> None:
    with peer.connect() as client:
        put(client, "default")
        put(client, "parent", lifetime="UntilParentFinish", leaves="nowhere")
        explicit = put(client, "explicit", lifetime="UntilExplicitDrop")
    gone("default")
    gone("parent")
    assert kept(peer) == 1
    assert peer.client.release_session_ref(explicit.uuid)
    gone("explicit")
    assert kept(peer) == 0


def test_a_block_and_the_end_of_the_last_handle_release(client: PeerClient) -> None:
    with put(client, "block") as ref:
        assert not ref.is_released
    gone("block")
    result = client.run_remote_workflow("w", ["refs::thing"], {"name": "handle"})
    assert watched["handle"]() is not None
    del result
    gone("handle")


def test_a_value_that_was_put_away_on_purpose_outlives_its_handle(client: PeerClient) -> None:
    uuid = put(client, "purpose").uuid
    gc.collect()
    client.ping()
    (ref,) = client.refs()
    assert ref.uuid == uuid
    assert watched["purpose"]() is not None


def test_a_handle_may_go_as_soon_as_the_run_that_needs_it_was_asked_for(client: PeerClient) -> None:
    result = client.run_remote_workflow("w", ["refs::thing"], {"name": "handed"})
    handle = client.start_remote_workflow(
        "w", ["refs::is_watched"], {"name": "handed", "thing": result.result[1]}
    )
    del result
    assert handle.result(SECONDS).result is True
    del handle
    gone("handed")


@pytest.mark.parametrize("lifetime", LIFETIMES)
def test_a_failed_run_leaves_no_ref_and_nothing_that_holds_its_values(
    peer: LocalPeer, client: PeerClient, lifetime: str
) -> None:
    fields = {"name": f"failed-{lifetime}", "lifetime": lifetime, "fails": True}
    with pytest.raises(WorkflowError, match="failed-"):
        client.run_remote_workflow("w", ["refs::put"], fields)
    gone(f"failed-{lifetime}")
    assert kept(peer) == 0


def test_a_cancelled_run_leaves_no_ref_and_nothing_that_holds_its_values(
    peer: LocalPeer, client: PeerClient
) -> None:
    handle = client.start_remote_workflow("w", ["refs::holds_and_waits"], {"name": "waits"})
    next(handle.events())
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(SECONDS)
    for name in ["waits", *(f"waits-{lifetime}" for lifetime in LIFETIMES)]:
        gone(name)
    assert kept(peer) == 0


def test_a_run_that_was_left_behind_lets_go_once_its_step_comes_back(
    peer: LocalPeer, client: PeerClient, released: threading.Event
) -> None:
    ref_steps.gates["blocks"] = released
    handle = client.start_remote_workflow("w", ["refs::holds_and_blocks"], {"name": "blocks"})
    next(handle.events())
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(SECONDS)
    assert kept(peer) == 0
    released.set()
    gone("blocks")


def test_a_failed_cell_leaves_nothing_of_what_only_it_had(run_cell: RunCell) -> None:
    run_cell("from tests.peer.ref_steps import Thing\ndef use(thing):\n    raise ValueError('no')")
    with pytest.raises(WorkflowError):
        run_cell("use(Thing('cell'))")
    gone("cell")
