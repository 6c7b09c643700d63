"""Values that steps keep until the next snapshot."""

from __future__ import annotations

import asyncio
import weakref

from blazen_nb import Context, RefLifetime, StartEvent, StopEvent, Workflow, step


class Large:
    """Something that a weak reference can watch."""


kept: list[weakref.ref[Large]] = []


async def test_what_is_kept_until_a_snapshot_is_gone_with_it_and_the_rest_is_not() -> None:
    go_on, put = asyncio.Event(), asyncio.Event()
    kept.clear()

    @step
    async def keeps(ctx: Context, ev: StartEvent) -> StopEvent:
        refs = []
        for lifetime in (RefLifetime.UntilSnapshot, RefLifetime.UntilContextDrop):
            value = Large()
            kept.append(weakref.ref(value))
            refs.append(ctx.put(value, lifetime=lifetime))
            del value
        put.set()
        await go_on.wait()
        return StopEvent(result=[ref.is_dropped for ref in refs])

    handler = await Workflow("keeps", [keeps]).run_with_handler()
    await put.wait()
    assert [ref() is None for ref in kept] == [False, False]
    await handler.snapshot()
    assert [ref() is None for ref in kept] == [True, False]
    go_on.set()
    assert (await handler.result()).result == [True, False]
    assert [ref() is None for ref in kept] == [True, True]
