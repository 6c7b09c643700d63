"""What a client is told of the memory that its peer holds."""

from __future__ import annotations

from blazen_nb import AsyncPeerClient, PeerClient
from blazen_nb.client.memory import RefList
from blazen_nb.client.refs import RemoteRef
from blazen_nb.testing import LocalPeer
from tests.peer.ref_steps import MIB


def test_the_refs_of_a_session_are_a_list_that_shows_itself(client: PeerClient) -> None:
    held = client.put(b"x" * 1000)
    refs = client.refs()
    assert isinstance(refs, RefList)
    assert refs == [held]
    assert "bytes" in (refs._repr_html_() or "")


def test_memory_has_the_process_the_host_and_the_largest_refs(client: PeerClient) -> None:
    small, large = client.put(b"x" * 1000), client.put(b"y" * MIB)
    memory = client.memory()
    assert memory.node_id == "gpu-box"
    assert memory.devices.process_memory is not None
    assert MIB < memory.devices.process_memory < memory.devices.memory_total
    assert memory.by_lifetime == {small.lifetime: MIB + 1000}
    assert memory.largest == [large, small]
    assert "Largest values" in (memory._repr_html_() or "")


def test_memory_says_for_whom_values_are_kept(peer: LocalPeer) -> None:
    with peer.connect() as other:
        held = [peer.client.put(b"x" * 1000), peer.client.put(b"y" * 10), other.put(b"z" * 500)]
        holdings = peer.client.memory().holdings
        assert [(each.count, each.size) for each in holdings] == [(2, 1010), (1, 500)]
        assert [each.holder for each in holdings] == [held[0].holder, held[2].holder]
        assert not any(each.is_others or each.device for each in holdings)
        assert other.memory().holdings == holdings


def test_a_ref_says_which_run_made_it(client: PeerClient) -> None:
    handle = client.start_remote_workflow("w", ["refs::thing"], {"name": "made"})
    _, made = handle.result().result
    assert isinstance(made, RemoteRef)
    assert made.run_id == handle.run_id
    assert [ref.run_id for ref in client.refs()] == [handle.run_id]
    assert client.put(b"x").run_id is None


async def test_the_async_client_says_the_same(peer: LocalPeer) -> None:
    async with await AsyncPeerClient.connect(str(peer.address)) as client:
        ref = await client.put(b"x" * MIB)
        memory = await client.memory()
        assert memory.largest == [ref]
        assert memory.by_lifetime == {ref.lifetime: MIB}
