"""The refs of a peer: who finds them, and when they go."""

from __future__ import annotations

import pytest

from blazen_nb import RefLifetime
from blazen_nb.devices import Holding
from blazen_nb.errors import SessionRefError
from blazen_nb.peer.refs import RefTable
from blazen_nb.wire.limits import Limits
from tests.fake_clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def table(clock: FakeClock) -> RefTable:
    return RefTable("gpu-box", "first", Limits(ref_lease_seconds=100), clock.monotonic)


def test_another_identity_finds_nothing_and_releases_nothing(table: RefTable) -> None:
    kept = table.scope("mine", "session", "home").keep(5)
    with pytest.raises(SessionRefError, match="unknown session ref"):
        table.find(kept.ref.uuid, "theirs")
    assert not table.release(kept.ref.uuid, "theirs")
    assert table.of_scope(table.scope("theirs", "session", "home")) == []
    assert table.find(kept.ref.uuid, "mine").ref.value == 5


def test_a_ref_of_another_peer_or_of_this_one_before_its_restart_is_refused(
    table: RefTable,
) -> None:
    info = table.info(table.scope("mine", "session", "home").keep(5))
    assert table.resolve(info, "mine") == 5
    restarted = RefTable("gpu-box", "second", Limits())
    with pytest.raises(SessionRefError, match="belongs to peer gpu-box"):
        restarted.resolve(info, "mine")


def test_a_run_that_goes_on_after_its_session_keeps_its_refs_until_it_has_ended(
    table: RefTable,
) -> None:
    scope = table.scope("mine", "session", "home")
    run = scope.for_run()
    kept, explicit = (
        run.put(1, RefLifetime.UntilParentFinish),
        run.put(2, RefLifetime.UntilExplicitDrop),
    )
    scope.end()
    assert (kept.value, explicit.value) == (1, 2)
    run.run_ended(succeeded=True)
    assert kept.is_dropped
    assert table.find(explicit.uuid, "mine").ref.value == 2


def test_what_stays_of_a_run_whose_session_has_ended_goes_at_once(table: RefTable) -> None:
    scope = table.scope("mine", "session", "home")
    run = scope.for_run()
    scope.end()
    kept = run.keep([1])
    run.run_ended(succeeded=True)
    assert kept.ref.is_dropped
    assert len(table) == 0


def test_values_are_not_kept_for_a_session_that_is_not_there(table: RefTable) -> None:
    table.scope("mine", "session", "home").end()
    for session in ("session", "never", ""):
        with pytest.raises(SessionRefError, match="has ended"):
            table.scope_of("mine", session)


def test_one_object_that_stays_gets_one_ref_in_each_run(table: RefTable) -> None:
    scope = table.scope("mine", "session", "home")
    value = [1]
    run = scope.for_run()
    assert run.keep(value) is run.keep(value)
    assert scope.for_run().keep(value) is not run.keep(value)


def test_only_callers_without_a_session_have_a_lease(table: RefTable, clock: FakeClock) -> None:
    scopes = [table.scope("mine", session, "home") for session in ("", "session")]
    without, within = (scope.keep(object()) for scope in scopes)
    running = scopes[0].for_run().put(1, RefLifetime.UntilParentFinish)
    clock.advance(101)
    table.expire()
    assert without.ref.is_dropped
    assert not within.ref.is_dropped
    assert not running.is_dropped
    table.close()
    assert within.ref.is_dropped
    assert len(table) == 0


def test_holdings_are_by_client_and_device_and_other_users_are_one(table: RefTable) -> None:
    mine = table.scope("mine", "a", "home", "train.ipynb")
    mine.keep(b"12345")
    mine.for_run("run").put(object(), RefLifetime.UntilParentFinish)
    table.scope("mine", "b", "home", "eval.ipynb").keep(b"1234567")
    for client in ("theirs.ipynb", "others.ipynb"):
        table.scope(client, "c", "home", client).keep(b"1")
    assert table.holdings("mine") == [
        Holding(holder="eval.ipynb", is_others=False, device="", count=1, size=7, unknown=0),
        Holding(holder="train.ipynb", is_others=False, device="", count=2, size=5, unknown=1),
        Holding(holder="", is_others=True, device="", count=2, size=2, unknown=0),
    ]


def test_a_ref_says_which_run_made_it_and_who_has_it_now(table: RefTable) -> None:
    starter = table.scope("mine", "a", "home", "starter")
    run_id = "0a1b2c3d-0000-4000-8000-000000000000"
    record = starter.for_record()
    kept = record.for_run(run_id).keep([1])
    assert (table.info(kept).run_id, table.info(kept).holder) == (run_id, "starter")
    record.taken_by(table.scope("mine", "b", "home", "reader"))
    assert table.info(kept).holder == "reader"
