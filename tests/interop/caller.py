"""Run by a Python that has the real Blazen: makes the calls it reads from stdin, writes what came of them to stdout.

In: ``{"address": ..., "calls": [{"kind": "invoke", "step_ids": [...], "input": ..., "timeout": ...}, ...]}``; with
``"repeat": n`` the first call is made n times at once, its input's field ``n`` counting up.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import blazen  # type: ignore[import-not-found]  # only there in the environment that runs this


async def main() -> None:
    job = json.load(sys.stdin)
    calls: list[dict[str, Any]] = job["calls"]
    if "repeat" in job:
        first = calls[0]
        calls = [{**first, "input": {**first["input"], "n": n}} for n in range(job["repeat"])]
        # A client for each: one of them makes its calls one after the other.
        clients = await asyncio.gather(*(connected(job) for _ in calls))
        answers = await asyncio.gather(*map(made, clients, calls))
    else:
        client = await connected(job)
        answers = [await made(client, call) for call in calls]
    json.dump(answers, sys.stdout)


async def connected(job: dict[str, Any]) -> Any:
    return await blazen.BlazenPeerClient.connect(f"http://{job['address']}", "interop")


async def made(client: Any, call: dict[str, Any]) -> dict[str, Any]:
    try:
        if call["kind"] == "deref":
            return {"bytes": len(await client.deref_session_ref(call["uuid"]))}
        if call["kind"] == "release":
            return {"released": await client.release_session_ref(call["uuid"])}
        return told(await client.invoke_sub_workflow(request(call)))
    except Exception as error:
        return {"raised": type(error).__name__, "text": str(error)}


def request(call: dict[str, Any]) -> Any:
    return blazen.SubWorkflowRequest(
        workflow_name=call.get("name", "from Blazen"),
        step_ids=call["step_ids"],
        input=call.get("input"),
        timeout_secs=call.get("timeout"),
    )


def told(response: Any) -> dict[str, Any]:
    return {
        "error": response.error,
        "result": None if response.error else response.result_value(),
        "state": response.state_values(),
        "refs": list(response.remote_refs()),
        "version": response.envelope_version,
    }


asyncio.run(main())
# Without the interpreter's own end: Blazen's threads may ask for the interpreter in the middle of it, and abort.
sys.stdout.flush()
os._exit(0)
