"""A real Blazen client and the values that stay on our peer."""

from __future__ import annotations

import json

import pytest

from blazen_nb import Context, PeerServer, StartEvent, StopEvent, step
from tests.eventually import eventually
from tests.interop.conftest import Blazen

pytestmark = pytest.mark.timeout(10, func_only=True)

CALLER = """
import asyncio, json, sys
import blazen

def request(step_id, **fields):
    return blazen.SubWorkflowRequest(workflow_name="refs", step_ids=[step_id], input=fields, timeout_secs=5)

async def main():
    client = await blazen.BlazenPeerClient.connect(sys.argv[1], "interop")
    made = await client.invoke_sub_workflow(request("interop::model"))
    (uuid,) = made.remote_refs()
    descriptor = made.remote_refs()[uuid]
    try:
        result = made.result_value()
    except RuntimeError as error:  # outside of a workflow of its own Blazen finds nothing behind the marker
        result = str(error)
    told = {
        "uuid": uuid,
        "result": result,
        "origin": descriptor.origin_node_id,
        "tag": descriptor.type_tag,
        "bytes": list(await client.deref_session_ref(uuid)),
    }
    used = await client.invoke_sub_workflow(request("interop::use", model={"__blazen_session_ref__": uuid}))
    told["used"] = used.error or used.result_value()
    told["released"] = [await client.release_session_ref(uuid) for _ in range(2)]
    try:
        await client.deref_session_ref(uuid)
    except Exception as error:
        told["afterwards"] = str(error)
    print(json.dumps(told))

asyncio.run(main())
import os, sys
sys.stdout.flush()
os._exit(0)  # as caller.py does
"""

_made: list[object] = []


@step(id="interop::model")
def model(ctx: Context, ev: StartEvent) -> StopEvent:
    weights = bytes([1, 2, 250])
    _made.append(weights)
    return StopEvent(result={"model": weights, "classes": 3})


@step(id="interop::use")
def use(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ev.model is _made[-1])


def test_a_ref_is_read_used_and_released_by_blazens_own_client(
    blazen: Blazen, server: PeerServer
) -> None:
    done = blazen.run("-c", CALLER, f"http://{server.address}")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert f"session ref `{told['uuid']}`" in told["result"]
    assert (told["origin"], told["tag"]) == ("our-peer", "bytes")
    assert told["bytes"] == [1, 2, 250]
    assert told["used"] is True
    assert told["released"] == [True, False]
    assert "unknown session ref" in told["afterwards"]
    eventually(lambda: len(server._parts.refs) == 0)
