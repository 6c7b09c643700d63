"""``ctx.put`` inside one process: how long each value is kept, and what of it a caller gets."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest

from blazen_nb import Context, Event, RefLifetime, StartEvent, StopEvent, Workflow, step
from blazen_nb.engine.refs import RunRefs, SessionRef, refs_in
from blazen_nb.errors import LimitError, SessionRefError, WorkflowError

SECONDS = 5.0
ALL = list(RefLifetime)
WITH_THE_RUN = [RefLifetime.UntilContextDrop, RefLifetime.UntilSnapshot]


class Thing:
    """Something that can be watched."""


class Passed(Event):
    ref: Any


@pytest.mark.parametrize("lifetime", ALL)
def test_a_value_is_there_by_identity_until_its_ref_is_released(lifetime: RefLifetime) -> None:
    refs, thing = RunRefs(), Thing()
    ref = refs.put(thing, lifetime)
    assert ref.value is thing
    assert refs.release(ref.uuid)
    assert ref.is_dropped
    assert not refs.release(ref.uuid)
    with pytest.raises(SessionRefError, match="released"):
        _ = ref.value


@pytest.mark.parametrize("lifetime", ALL)
def test_the_end_of_a_run_that_succeeded_ends_the_refs_that_live_with_it(
    lifetime: RefLifetime,
) -> None:
    refs = RunRefs()
    ref = refs.put(Thing(), lifetime)
    refs.run_ended(succeeded=True)
    assert ref.is_dropped == (lifetime in WITH_THE_RUN)


@pytest.mark.parametrize("lifetime", ALL)
def test_a_run_that_did_not_succeed_leaves_no_ref(lifetime: RefLifetime) -> None:
    refs = RunRefs()
    thing = Thing()
    watched = weakref.ref(thing)
    ref = refs.put(thing, lifetime)
    del thing
    refs.run_ended(succeeded=False)
    assert ref.is_dropped
    assert watched() is None


@pytest.mark.parametrize("lifetime", WITH_THE_RUN)
def test_a_ref_that_leaves_its_run_is_kept_until_the_parent_finishes(lifetime: RefLifetime) -> None:
    refs = RunRefs()
    ref = refs.put(Thing(), lifetime)
    refs.let_leave(ref)
    refs.run_ended(succeeded=True)
    assert ref.lifetime is RefLifetime.UntilParentFinish
    assert not ref.is_dropped


def test_a_ref_that_is_to_live_until_it_is_released_does_so_wherever_it_goes() -> None:
    refs = RunRefs()
    ref = refs.put(Thing(), RefLifetime.UntilExplicitDrop)
    refs.let_leave(ref)
    assert ref.lifetime is RefLifetime.UntilExplicitDrop


@pytest.mark.parametrize("lifetime", ALL)
def test_a_snapshot_ends_the_refs_that_were_to_live_until_one(lifetime: RefLifetime) -> None:
    refs = RunRefs()
    ref = refs.put(Thing(), lifetime)
    refs.snapshot_taken()
    assert ref.is_dropped == (lifetime is RefLifetime.UntilSnapshot)


def test_a_run_holds_as_many_refs_as_its_limit_says() -> None:
    refs = RunRefs(limit=2)
    first = refs.put(1, RefLifetime.UntilContextDrop)
    refs.put(2, RefLifetime.UntilContextDrop)
    with pytest.raises(LimitError, match="2 session refs"):
        refs.put(3, RefLifetime.UntilContextDrop)
    refs.release(first.uuid)
    assert refs.put(3, RefLifetime.UntilContextDrop).value == 3


def test_what_is_put_after_the_end_is_the_steps_own() -> None:
    refs = RunRefs()
    refs.run_ended(succeeded=True)
    ref = refs.put(5, RefLifetime.UntilExplicitDrop)
    assert ref.value == 5
    assert len(refs) == 0


def test_a_lifetime_may_be_given_by_its_name_and_nothing_else_is_one() -> None:
    refs = RunRefs()
    named: Any = "UntilParentFinish"
    assert refs.put(1, named).lifetime is RefLifetime.UntilParentFinish
    unknown: Any = "UntilTuesday"
    with pytest.raises(ValueError, match="UntilTuesday"):
        refs.put(1, unknown)


def test_refs_are_found_in_every_container_even_in_one_that_contains_itself() -> None:
    refs = RunRefs()
    made = [refs.put(i, RefLifetime.UntilContextDrop) for i in range(4)]
    value: dict[str, Any] = {"a": [made[0], (made[1],)], "b": {made[2]}, "c": {"d": made[3]}}
    value["self"] = value
    assert set(refs_in(value)) == set(made)


def test_a_session_ref_is_no_pickle_and_no_copy() -> None:
    ref = RunRefs().put(Thing(), RefLifetime.UntilContextDrop)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ref)
    assert copy.copy(ref) is ref
    assert copy.deepcopy([ref])[0] is ref
    assert repr(ref) == f"SessionRef(Thing, UntilContextDrop, {ref.uuid[:8]})"


async def test_steps_put_values_away_and_the_result_lists_the_refs_in_it() -> None:
    thing, kept = Thing(), []

    @step(id="refs::puts")
    async def puts(ctx: Context, ev: StartEvent) -> Passed:
        kept.append(await ctx.aput(Thing()))
        ctx.state["model"] = ctx.put(thing)
        return Passed(ref=ctx.put(thing, lifetime=RefLifetime.UntilContextDrop))

    @step(id="refs::passes")
    def passes(ctx: Context, ev: Passed) -> StopEvent:
        assert ev.ref.value is thing
        return StopEvent(result={"deep": [ev.ref]})

    result = await Workflow("w", [puts, passes], timeout=SECONDS).run()
    (ref,) = result.result["deep"]
    assert isinstance(ref, SessionRef)
    assert ref.value is thing
    assert result.state["model"].value is thing
    assert set(result.session_refs) == {ref.uuid, result.state["model"].uuid}
    assert kept[0].is_dropped


async def test_a_ref_in_an_event_of_the_stream_outlives_the_run() -> None:
    @step(id="refs::streams")
    def streams(ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.write_event_to_stream(Passed(ref=ctx.put(Thing())))
        return StopEvent()

    handler = await Workflow("w", [streams], timeout=SECONDS).run_with_handler()
    (event,) = [event async for event in handler.stream_events()]
    await handler.result()
    assert isinstance(event.ref.value, Thing)


async def test_a_sub_workflow_puts_values_into_its_parents_keeping() -> None:
    inner_refs: list[SessionRef] = []

    @step(id="refs::inner")
    async def inner(ctx: Context, ev: StartEvent) -> StopEvent:
        inner_refs.append(ctx.put(Thing()))
        return StopEvent()

    @step(id="refs::outer")
    async def outer(ctx: Context, ev: StartEvent) -> StopEvent:
        await Workflow("inner", [inner]).run()
        return StopEvent(result=inner_refs[0].is_dropped)

    assert (await Workflow("w", [outer], timeout=SECONDS).run()).result is False
    assert inner_refs[0].is_dropped


@pytest.mark.parametrize("lifetime", ALL)
async def test_a_failed_run_holds_nothing_that_its_steps_put_away(lifetime: RefLifetime) -> None:
    watched: list[weakref.ref[Thing]] = []

    @step(id="refs::fails")
    async def fails(ctx: Context, ev: StartEvent) -> StopEvent:
        thing = Thing()
        watched.append(weakref.ref(thing))
        ctx.put(thing, lifetime)
        del thing
        raise ValueError("no")

    with pytest.raises(WorkflowError):
        await Workflow("w", [fails], timeout=SECONDS).run()
    gc.collect()
    assert watched[0]() is None
