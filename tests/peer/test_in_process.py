"""A peer in the client's own process: refs hand over the objects themselves."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from blazen_nb import AsyncPeerClient, PeerClient, RefLifetime, StopEvent, step
from blazen_nb.client.refs import RemoteRef
from blazen_nb.errors import EncodeError, SessionRefError, ValidationError
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.in_process import objects_of
from tests.peer.ref_steps import Thing, gone, kept, watched


@pytest.fixture
def here() -> Iterator[LocalPeer]:
    with LocalPeer("here", hand_over=True) as peer:
        yield peer


def test_a_value_that_was_put_is_the_object_itself_on_both_sides(here: LocalPeer) -> None:
    thing = Thing("handed")  # no codec can write it: it crosses no wire
    ref = here.client.put(thing)
    assert ref.fetch() is thing
    told = here.client.run_remote_workflow(
        "w", ["refs::is_watched"], {"name": "handed", "thing": ref}
    )
    assert told.result is True


def test_a_result_that_stays_is_the_object_that_the_step_made(here: LocalPeer) -> None:
    _, ref = here.client.run_remote_workflow("w", ["refs::thing"], {"name": "made"}).result
    assert isinstance(ref, RemoteRef)
    assert ref.fetch() is watched["made"]()
    assert here.client.fetch(ref) is watched["made"]()


def test_a_part_looks_into_the_same_memory(here: LocalPeer) -> None:
    array = np.arange(12).reshape(3, 4)
    ref = here.client.put(array)
    part = ref.fetch(np.s_[1:, 2])
    assert part.tolist() == [6, 10]
    assert np.shares_memory(part, array)
    with pytest.raises(ValidationError, match="no such part"):
        ref.fetch("price")
    with pytest.raises(ValidationError, match="a part is named by"):
        ref.fetch(object())


async def test_the_async_client_hands_over_as_well(here: LocalPeer) -> None:
    async with await AsyncPeerClient.connect(here.address) as client:
        thing = Thing("awaited")
        ref = await client.put(thing)
        assert await ref.afetch() is thing
        assert await client.fetch(ref) is thing


def test_a_peer_that_hands_nothing_over_copies(peer: LocalPeer) -> None:
    array = np.arange(5)
    copied = peer.client.put(array).fetch()
    assert copied is not array
    assert not np.shares_memory(copied, array)
    with pytest.raises(EncodeError):
        peer.client.put(Thing("stays"))


def test_a_copy_is_kept_where_one_is_asked_for(here: LocalPeer) -> None:
    value = [1, 2]
    copied = here.client.put(value, copy=True).fetch()
    assert copied == value
    assert copied is not value


def test_the_bytes_for_other_clients_are_the_codecs(here: LocalPeer) -> None:
    ref = here.client.put(b"raw")
    assert ref.fetch_bytes() == b"raw"
    assert here.client.deref_session_ref(ref.uuid) == b"raw"


def test_an_object_goes_when_nobody_holds_its_ref_any_more(here: LocalPeer) -> None:
    ref = here.client.put(Thing("dropped"))
    assert kept(here) == 1
    del ref
    gone("dropped")
    released = here.client.put(Thing("released"))
    released.release()
    gone("released")
    with pytest.raises(SessionRefError, match="was released"):
        released.fetch()


def test_what_the_peer_has_dropped_is_found_no_more(here: LocalPeer) -> None:
    ref = here.client.put(Thing("theirs"))
    assert here.client.release_session_ref(ref.uuid)
    with pytest.raises(SessionRefError, match="unknown session ref"):
        ref.fetch()


def test_a_session_that_has_ended_has_no_objects_any_more(here: LocalPeer) -> None:
    client = here.connect()
    secret = client._link.welcome.resume_secret
    ref = client.put(Thing("over"))
    objects = objects_of(secret)
    assert objects is not None
    client.close()
    with pytest.raises(ValidationError, match="closed"):
        ref.fetch()
    with pytest.raises(ValidationError, match="closed"):
        client.put(1)
    gone("over")
    assert objects_of(secret) is None
    with pytest.raises(SessionRefError, match="has ended"):
        objects.keep(1)


def test_another_user_finds_nothing(here: LocalPeer) -> None:
    ref = here.client.put(Thing("mine"))
    objects = objects_of(here.client._link.welcome.resume_secret)
    assert objects is not None
    table = here.server._parts.refs
    theirs = table.scope("someone else", "session", "home").keep(1)
    with pytest.raises(SessionRefError, match="unknown session ref"):
        objects.find(theirs.ref.uuid)
    assert objects.find(ref.uuid) is watched["mine"]()


def test_a_secret_that_is_no_sessions_finds_no_objects(here: LocalPeer) -> None:
    assert objects_of("") is None
    assert objects_of("0" * 32) is None


def test_threads_that_put_and_fetch_get_each_their_own(here: LocalPeer) -> None:
    wrong: list[object] = []

    def work() -> None:
        for _ in range(200):
            value = object()
            if here.client.put(value).fetch() is not value:
                wrong.append(value)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    gc.collect()


def test_the_card_says_what_fetch_gives(here: LocalPeer, peer: LocalPeer) -> None:
    assert "fetch() gives the object itself" in repr(here.client.put(1))
    assert "fetch() brings a copy here" in repr(peer.client.put(1))


@step(id="in_process::explicit")
def explicit(ctx, ev):  # type: ignore[no-untyped-def]
    return StopEvent(result=ctx.put(Thing("explicit"), RefLifetime.UntilExplicitDrop))


def test_a_later_session_gets_the_object_that_only_a_release_ends(here: LocalPeer) -> None:
    with here.connect() as first:
        uuid = first.run_remote_workflow("w", ["in_process::explicit"]).result.uuid
    (ref,) = here.client.refs()
    assert ref.uuid == uuid
    assert ref.fetch() is watched["explicit"]()
    ref.release()
    gone("explicit")


FORKED = """
import os
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.in_process import objects_of

with LocalPeer("parent", hand_over=True) as peer:
    secret = peer.client._link.welcome.resume_secret
    child = os.fork()
    if not child:
        os._exit(objects_of(secret) is not None)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), objects_of(secret) is not None)
"""


def test_a_forked_child_has_no_peer_and_so_no_objects() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.split() == ["0", "True"]


def test_clients_are_told_apart_by_their_sessions(here: LocalPeer) -> None:
    with here.connect() as other:
        mine, theirs = Thing("one"), Thing("two")
        refs = here.client.put(mine), other.put(theirs)
        assert [ref.fetch() for ref in refs] == [mine, theirs]
        assert [ref.uuid for ref in other.refs()] == [refs[1].uuid]


def test_a_closed_peer_hands_nothing_over(here: LocalPeer) -> None:
    client: PeerClient = here.client
    secret = client._link.welcome.resume_secret
    here.server.close()
    assert objects_of(secret) is None
