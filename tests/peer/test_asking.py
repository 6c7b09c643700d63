"""Steps and plain cells that ask a person, over the wire."""

from __future__ import annotations

import asyncio

import pytest

from blazen_nb import (
    AsyncPeerClient,
    InputRequestEvent,
    InputResponseEvent,
    PeerClient,
    StartEvent,
    StopEvent,
    ValidationError,
    WorkflowCancelledError,
    WorkflowError,
    step,
)
from blazen_nb.client.sync_handle import RunHandle
from blazen_nb.engine.context import Context
from blazen_nb.testing import LocalPeer
from blazen_nb.updates import InputClosed, InputRequested, Update
from blazen_nb.wire.limits import Limits
from tests.eventually import eventually
from tests.peer.conftest import SECONDS, RunCell, StartCell

RANGE = {"type": "integer", "minimum": 1, "maximum": 10}


@step(id="asking::plain")
def plain(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ctx.ask("How many?", RANGE))


@step(id="asking::awaits")
async def awaits(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=await ctx.aask("How many?", RANGE))


@step(id="asking::two")
async def two(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=await asyncio.gather(ctx.aask("one", str), ctx.aask("two", str)))


@step(id="asking::returns")
def returns(ctx: Context, ev: StartEvent) -> InputRequestEvent:
    return InputRequestEvent(request_id="q", prompt="Go on?", metadata={"schema": RANGE})


@step(id="asking::takes")
def takes(ctx: Context, ev: InputResponseEvent) -> StopEvent:
    return StopEvent(result=ev.response)


@step(id="asking::gives_up")
def gives_up(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ctx.ask("Still there?", bool, timeout=0.05))


@step(id="asking::soon")
def soon(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result="soon")


def asking(handle: RunHandle, count: int = 1) -> list[InputRequested]:
    """The questions, once so many wait."""
    eventually(lambda: len(handle.questions()) == count)
    return handle.questions()


@pytest.mark.parametrize(
    "steps", [["asking::plain"], ["asking::awaits"], ["asking::returns", "asking::takes"]]
)
def test_a_wrong_answer_is_refused_to_who_gave_it_and_a_right_one_goes_on(
    client: PeerClient, steps: list[str]
) -> None:
    handle = client.start_remote_workflow("asks", steps)
    (question,) = asking(handle)
    assert question.metadata == {"schema": RANGE}
    for wrong in (0, "3", None, [3]):
        with pytest.raises(ValidationError, match=r"must be a whole number from 1 to 10, not"):
            handle.respond_to_input(question, wrong)
    assert handle.questions() == [question]
    handle.answer(3)
    assert handle.result(SECONDS).result == 3
    assert handle.questions() == []


def test_questions_take_nothing_from_the_updates_and_these_tell_how_each_was_closed(
    client: PeerClient,
) -> None:
    handle = client.start_remote_workflow("asks", ["asking::plain"])
    (question,) = asking(handle)
    handle.answer(3, question)
    handle.result(SECONDS)
    told: list[Update] = [
        update for update in handle.updates() if isinstance(update, InputRequested | InputClosed)
    ]
    assert told[0] == question
    assert [(u.request_id, u.how) for u in told[1:]] == [(question.request_id, "answered")]  # type: ignore[attr-defined]


def test_a_question_among_the_events_can_be_answered_as_one(client: PeerClient) -> None:
    handle = client.start_remote_workflow("asks", ["asking::plain"])
    events = handle.events()
    question = next(events)
    assert isinstance(question, InputRequestEvent)
    handle.respond_to_input(question, 4)
    assert list(events) == []
    assert handle.result(SECONDS).result == 4


def test_which_of_several_questions_is_answered_has_to_be_said(client: PeerClient) -> None:
    handle = client.start_remote_workflow("two", ["asking::two"])
    one, two = asking(handle, 2)
    with pytest.raises(ValidationError, match=r"asks 2 questions.*'one' is question='.*'two' is"):
        handle.answer("?")
    handle.answer("b", two)
    assert asking(handle) == [one]
    handle.answer("a")
    assert handle.result(SECONDS).result == ["a", "b"]
    with pytest.raises(ValidationError, match="asks nothing now"):
        handle.answer("c")
    with pytest.raises(ValidationError, match="does not wait"):
        handle.answer("c", one.request_id)


async def test_the_async_handle_can_do_the_same(peer: LocalPeer) -> None:
    async with (
        asyncio.timeout(SECONDS),
        await AsyncPeerClient.connect(peer.address) as client,
    ):
        handle = await client.start_remote_workflow("asks", ["asking::awaits"])
        await anext(handle.events())
        assert [question.prompt for question in handle.questions()] == ["How many?"]
        with pytest.raises(ValidationError, match="from 1 to 10"):
            await handle.answer(11)
        await handle.answer(5)
        assert (await handle).result == 5
        with pytest.raises(ValidationError, match="asks nothing"):
            await handle.answer(5)


@pytest.mark.parametrize("step_id", ["asking::plain", "asking::awaits"])
def test_a_cancel_ends_the_wait_and_takes_the_question_back(
    client: PeerClient, step_id: str
) -> None:
    handle = client.start_remote_workflow("asks", [step_id])
    asking(handle)
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(SECONDS)
    assert handle.questions() == []
    closed = [update.how for update in handle.updates() if isinstance(update, InputClosed)]
    assert closed == ["withdrawn"]
    assert client.describe().abandoned == ()


def test_nobody_answered_in_time_is_an_error_of_its_own_here_too(client: PeerClient) -> None:
    handle = client.start_remote_workflow("asks", ["asking::gives_up"])
    with pytest.raises(WorkflowError, match=r"nobody answered 'Still there\?'") as caught:
        handle.result(SECONDS)
    assert isinstance(caught.value.__cause__, TimeoutError)
    closed = [update.how for update in handle.updates() if isinstance(update, InputClosed)]
    assert closed == ["timed_out"]


def test_a_call_that_shows_no_questions_cannot_ask(client: PeerClient) -> None:
    with pytest.raises(WorkflowError, match="nobody can be asked"):
        client.run_remote_workflow("asks", ["asking::plain"])


def test_questions_that_wait_leave_the_threads_of_their_namespace_to_other_steps() -> None:
    with LocalPeer("small", limits=Limits(step_threads=1)) as peer:
        waiting = [peer.client.start_remote_workflow("a", ["asking::plain"]) for _ in range(3)]
        for handle in waiting:
            asking(handle)
        soon = peer.client.run_remote_workflow("soon", ["asking::soon"], timeout=5)
        assert soon.result == "soon"
        for number, handle in enumerate(waiting):
            handle.answer(number + 1)
        assert [handle.result(SECONDS).result for handle in waiting] == [1, 2, 3]


def test_a_plain_cell_asks_as_if_it_were_here(start_cell: StartCell, run_cell: RunCell) -> None:
    handle = start_cell("from blazen_nb import ask\nsize = ask('How many?', int)\nsize + 1")
    asking(handle)
    handle.answer(41)
    assert handle.result(SECONDS).result == 42
    assert run_cell("size", 2).result == 41


def test_a_plain_cell_that_asks_is_cancelled_at_once(start_cell: StartCell) -> None:
    handle = start_cell("from blazen_nb import ask\nask('How many?')")
    asking(handle)
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(SECONDS)


WORKFLOW_IN_A_CELL = """
from blazen_nb import StartEvent, StopEvent, Workflow, ask, step

def asks(ctx, ev):
    return StopEvent(result=ctx.ask("How many?", int))

workflow = Workflow("inner", [step(asks, id="inner::asks")])
"""


def test_a_workflow_that_a_cell_runs_itself_asks_through_the_cell(start_cell: StartCell) -> None:
    defines = start_cell(WORKFLOW_IN_A_CELL)
    asking(defines)
    defines.answer(5)
    assert defines.result(SECONDS).result == 5  # a cell that defines steps runs as their workflow
    handle = start_cell("(await workflow.run()).result", 2)
    asking(handle)
    handle.answer(6)
    assert handle.result(SECONDS).result == 6
