"""Values behind refs on their way: in parts, in a call of their own, as large as they are."""

from __future__ import annotations

import asyncio
import datetime
import os
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from blazen_nb import AsyncPeerClient, PeerClient
from blazen_nb.errors import BlazenError, EncodeError, LimitError, SessionRefError, ShippingError
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.bulk_messages import data_message
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.v1 import kernel_pb2 as pb
from tests.peer import ref_steps

MIB = 1 << 20

numpy = pytest.importorskip("numpy")
assert ref_steps, "its steps are registered"


def test_sixty_four_mebibytes_come_and_go_with_little_memory_beside_them(
    client: PeerClient,
) -> None:
    array = numpy.arange(8 * MIB, dtype="int64")
    tracemalloc.start()
    try:
        ref = client.put(array)
        back = ref.fetch()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (ref.shape, ref.dtype, ref.size) == ((8 * MIB,), "int64", 64 * MIB)
    assert (back == array).all()
    # The peer is in this process: its copy and ours are both counted, each may have grown by an eighth too much.
    assert most < 2 * 72 * MIB + 24 * MIB


def test_a_result_above_the_message_limit_is_fetched_all_the_same() -> None:
    with LocalPeer(limits=Limits(message_bytes=MIB)) as peer:
        ref = peer.client.run_remote_workflow("w", ["refs::zeros"], {"shape": [24 * MIB]}).result
        assert ref.fetch().nbytes == 24 * MIB
        back = peer.client.put(ref.fetch())
        assert peer.client.run_remote_workflow("w", ["refs::same"], {"things": [back]}).result


def test_the_session_is_answered_while_values_are_on_their_way(
    client: PeerClient, other: PeerClient
) -> None:
    ref = client.put(bytes(64 * MIB))
    done = threading.Event()

    def transfer() -> None:
        for _ in range(2):
            assert len(ref.fetch()) == 64 * MIB
        done.set()

    thread = threading.Thread(target=transfer)
    thread.start()
    longest = 0.0
    while not done.is_set():
        for one in (client, other):
            began = time.perf_counter()
            one.ping()
            longest = max(longest, time.perf_counter() - began)
    thread.join()
    assert longest < 1.0


def test_a_slow_reader_holds_up_nobody_and_the_peer_sends_no_faster(peer: LocalPeer) -> None:
    ref = peer.client.put(bytes(64 * MIB))

    async def read_a_little() -> int:
        link = peer.client._link
        chunks = link.fetch(pb.GetRequest(uuid=UUID(ref.uuid).bytes, python="3.11"))
        count = 0
        async for _ in chunks:
            count += 1
            await asyncio.sleep(0.02)
            if count == 5:
                break
        await chunks.aclose()
        return count

    tracemalloc.start()
    try:
        assert peer.client._io.run(read_a_little()) == 5
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 16 * MIB
    peer.client.ping()


def test_values_of_every_kind_come_as_they_are(client: PeerClient) -> None:
    value = {
        "text": "zü" * 700_000,
        "pair": (1, [b"x" * 100_000]),
        "array": numpy.ones((3, 4)),
        "date": datetime.date(2026, 1, 2),
    }
    back = client.put(value).fetch()
    assert (back.pop("array") == value.pop("array")).all()
    assert back == value


def test_the_raw_bytes_are_those_that_a_blazen_client_gets(client: PeerClient) -> None:
    plain = client.put({"a": [1, "zü"]})
    assert client.deref_session_ref(plain.uuid) == '{"a":[1,"zü"]}'.encode()
    data = bytes(range(256)) * (3 * MIB // 256)
    large = client.put(data)
    assert client.deref_session_ref(large.uuid) == data
    array = client.put(numpy.arange(4, dtype="u1"))
    assert array.fetch_bytes() == b'["|u1",[4],"C"]\n\x00\x01\x02\x03'


def test_an_upload_above_the_limit_is_refused_and_the_session_goes_on() -> None:
    with LocalPeer(limits=Limits(upload_bytes=2 * MIB)) as peer:
        with pytest.raises(LimitError, match="larger than the 2,097,152"):
            peer.client.put(bytes(8 * MIB))
        assert peer.client.put(bytes(MIB)).fetch() == bytes(MIB)


def test_a_peer_that_takes_no_code_takes_arrays_and_no_pickles() -> None:
    with LocalPeer(accept_code="never") as peer:
        assert peer.client.put(numpy.ones(100_000)).fetch().sum() == 100_000
        with pytest.raises(ShippingError, match="not opened"):
            peer.client.put(complex(1, 2))


def test_a_value_that_cannot_travel_is_named_on_either_side(client: PeerClient) -> None:
    with pytest.raises(EncodeError, match=r"\['a'\].*lock"):
        client.put({"a": threading.Lock()})
    ref = client.run_remote_workflow("w", ["refs::thing"], {"name": "stays"}).result[1]
    with pytest.raises(EncodeError, match="lock"):
        ref.fetch()


def test_a_fetch_that_is_given_up_leaves_the_session_as_it_was(client: PeerClient) -> None:
    ref = client.put(bytes(32 * MIB))

    async def give_up() -> None:
        async with await AsyncPeerClient.connect(client.address) as mine:
            (mine_ref,) = [await mine.put(bytes(32 * MIB))]
            task = asyncio.ensure_future(mine_ref.afetch())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await mine.ping()

    asyncio.run(give_up())
    assert len(ref.fetch()) == 32 * MIB


def test_a_closed_client_says_so_whatever_is_asked_even_where_its_loop_has_ended() -> None:
    with LocalPeer() as peer:
        client, ref = peer.client, peer.client.put(b"x" * 100)
    for ask in (ref.fetch, ref.fetch_bytes, lambda: client.put(1), client.refs):
        with pytest.raises(BlazenError, match="closed"):
            ask()
    ref.release()


def test_an_upload_of_a_session_that_has_ended_is_refused(client: PeerClient) -> None:
    client._link.session_id = "another"
    with pytest.raises(SessionRefError, match="has ended"):
        client.put(b"x")


def test_an_upload_that_was_given_up_before_its_first_word_came_does_not_begin(
    peer: LocalPeer,
) -> None:
    link, identity = peer.client._link, os.urandom(16)
    header = pb.ValueHeader(sizes=[4], session_id=link.session_id, upload=identity)

    async def words() -> AsyncIterator[bytes]:
        yield pb.ValueChunk(header=header).SerializeToString()
        yield data_message(0, [memoryview(b"null")])

    link.tell(drop_transfers=pb.DropTransfers(ids=[identity], given_up=True))
    assert peer.client.refs() == []  # what was told before has come
    assert "given up" in link.io.run(link.send(words())).refusal.message
    header.upload = os.urandom(16)
    assert link.io.run(link.send(words())).HasField("ref")
    assert len(peer.client.refs()) == 1
