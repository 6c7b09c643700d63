"""Tokens and money: recorded by steps, added up over the run and its sub-workflows."""

from __future__ import annotations

import threading

import pytest

from blazen_nb import Context, Event, StartEvent, StopEvent, TokenUsage, Workflow, step
from blazen_nb.engine.usage import UsageMeter, tokens_of
from blazen_nb.updates import Usage

SECONDS = 5.0


@step(id="usage::spends")
async def spends(ctx: Context, ev: StartEvent) -> StopEvent:
    ctx.record_usage(model="small", input_tokens=10, output_tokens=5, cost_usd=0.25)
    ctx.record_usage(reasoning_tokens=2, cached_input_tokens=3)
    return StopEvent()


async def test_what_steps_record_adds_up_in_the_result() -> None:
    result = await Workflow("spends", [spends]).run()
    assert result.usage_total == TokenUsage(
        prompt_tokens=10,
        completion_tokens=5,
        total_tokens=15,
        reasoning_tokens=2,
        cached_input_tokens=3,
    )
    assert result.cost_total_usd == 0.25


async def test_a_run_that_records_nothing_spent_nothing() -> None:
    @step
    async def frugal(ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent()

    result = await Workflow("frugal", [frugal]).run()
    assert (result.usage_total, result.cost_total_usd) == (TokenUsage.zero(), 0.0)


@pytest.mark.parametrize("plain", [True, False])
async def test_what_a_sub_workflow_spends_counts_for_the_run_that_started_it(plain: bool) -> None:
    def outer(ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.record_usage(input_tokens=1, cost_usd=0.5)
        inner = Workflow("inner", [spends]).run_sync()
        return StopEvent(result=inner.usage_total.total_tokens)

    async def aouter(ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.record_usage(input_tokens=1, cost_usd=0.5)
        inner = await Workflow("inner", [spends]).run()
        return StopEvent(result=inner.usage_total.total_tokens)

    result = await Workflow("outer", [step(outer if plain else aouter)]).run()
    assert result.result == 15
    assert result.usage_total.total_tokens == 16
    assert result.cost_total_usd == 0.75


async def test_what_a_sub_workflow_spent_before_it_failed_counts_too() -> None:
    @step
    async def spends_and_fails(ctx: Context, ev: StartEvent) -> StopEvent:
        ctx.record_usage(output_tokens=7)
        raise LookupError

    @step
    async def outer(ctx: Context, ev: StartEvent) -> Event:
        try:
            await Workflow("inner", [spends_and_fails]).run()
        except Exception:
            return StopEvent(result="survived")
        return StopEvent()

    result = await Workflow("outer", [outer]).run()
    assert (result.result, result.usage_total.completion_tokens) == ("survived", 7)


def test_threads_that_add_at_once_lose_nothing() -> None:
    meter = UsageMeter()
    together = threading.Barrier(4)

    def add() -> None:
        together.wait(SECONDS)
        for _ in range(250):
            meter.add(Usage(total_tokens=1, cost_usd=0.5))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert meter.total == Usage(total_tokens=1000, cost_usd=500.0)


def test_token_counts_add_field_by_field() -> None:
    one = TokenUsage(prompt_tokens=1, audio_output_tokens=2)
    two = TokenUsage(prompt_tokens=3, total_tokens=4)
    assert one.add(two) == TokenUsage(prompt_tokens=4, total_tokens=4, audio_output_tokens=2)
    assert one.add(TokenUsage.zero()) == one
    assert tokens_of(Usage(prompt_tokens=1, audio_output_tokens=2, cost_usd=9.0)) == one
