"""Many at once: threads, sessions and runs on one peer, and nobody gets what belongs to another."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from blazen_nb import AsyncPeerClient, Context, PeerClient, StartEvent, StopEvent, step
from blazen_nb.testing import LocalPeer
from tests.peer.conftest import SECONDS, RunCell

THREADS = 32
RUNS = 1_000

TRAIN = """
from blazen_nb import step, StartEvent, StopEvent
FACTOR = {factor}
@step
def train(ev: StartEvent):
    return StopEvent(result=ev.x * FACTOR)
"""


@step(id="many::plain")
def plain(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result={"echo": ev.n, "run": ctx.run_id()})


@step(id="many::asynchronous")
async def asynchronous(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.state["n"] = ev.n
    await asyncio.sleep(0)
    return StopEvent(result={"echo": ctx.state["n"], "run": ctx.run_id()})


def test_each_of_a_thousand_results_of_32_threads_belongs_to_its_input(client: PeerClient) -> None:
    def run(n: int) -> tuple[int, str, str]:
        step_id = "many::plain" if n % 2 else "many::asynchronous"
        result = client.run_remote_workflow("w", [step_id], {"n": n})
        return result.result["echo"], result.result["run"], result.run_id

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(run, range(RUNS)))
    assert [echo for echo, _, _ in answers] == list(range(RUNS))
    assert all(inside == outside for _, inside, outside in answers)
    assert len({run_id for _, _, run_id in answers}) == RUNS


async def test_each_of_a_thousand_results_of_one_loop_belongs_to_its_input(
    peer: LocalPeer,
) -> None:
    async with await AsyncPeerClient.connect(peer.address) as client:
        calls = [client.run_remote_workflow("w", ["many::plain"], {"n": n}) for n in range(RUNS)]
        results = await asyncio.gather(*calls)
    assert [result.result["echo"] for result in results] == list(range(RUNS))


def test_started_runs_of_many_threads_tell_their_own_story(client: PeerClient) -> None:
    def run(n: int) -> tuple[object, set[str]]:
        handle = client.start_remote_workflow("w", ["many::plain"], {"n": n})
        told = {update.run_id for update in handle.updates()}
        assert told == {handle.run_id}
        return handle.result(SECONDS).result["echo"], told

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(run, range(200)))
    assert [echo for echo, _ in answers] == list(range(200))


def test_two_sessions_that_name_a_step_alike_each_run_their_own(
    client: PeerClient, other: PeerClient, run_cell: RunCell
) -> None:
    for session, factor in ((client, 10), (other, 100)):
        assert (
            run_cell(TRAIN.format(factor=factor), client=session, input={"x": 1}).result == factor
        )
    for _ in range(3):
        for session, factor in ((client, 10), (other, 100)):
            result = session.run_remote_workflow("w", ["__main__::train"], {"x": 2})
            assert result.result == 2 * factor


def test_two_sessions_that_name_a_step_alike_each_run_their_own_at_the_same_time(
    client: PeerClient, other: PeerClient, run_cell: RunCell
) -> None:
    run_cell(TRAIN.format(factor=10), client=client, input={"x": 1})
    run_cell(TRAIN.format(factor=100), client=other, input={"x": 1})
    meet = threading.Barrier(2, timeout=SECONDS)

    def runs(session: PeerClient) -> list[int]:
        meet.wait()
        return [
            session.run_remote_workflow("w", ["__main__::train"], {"x": n}).result
            for n in range(200)
        ]

    with ThreadPoolExecutor(2) as pool:
        tens, hundreds = pool.map(runs, (client, other))
    assert tens == [10 * n for n in range(200)]
    assert hundreds == [100 * n for n in range(200)]


def test_sessions_in_one_namespace_share_what_cells_define(
    peer: LocalPeer, run_cell: RunCell
) -> None:
    with peer.connect("shared") as first, peer.connect("shared") as second:
        run_cell("model = {'weights': [1, 2]}", client=first)
        assert run_cell("model['weights']", client=second).result == [1, 2]
