"""Values of any kind behind refs, and a look at them as a notebook takes it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from blazen_nb import Context, PeerClient, StartEvent, StopEvent, step
from blazen_nb.client.previewing import with_preview
from blazen_nb.client.refs import RemoteRef
from blazen_nb.engine.refs import RefLifetime
from blazen_nb.render.ref import RefView
from tests.peer.ref_steps import Thing

made: dict[str, Any] = {}
"""What the steps of a test put away, by name."""


@step(id="previews::put")
def put_away(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ctx.put(made.pop(ev.name), RefLifetime.UntilParentFinish))


@step(id="previews::echo")
def echo(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ev.x)


class Says(Thing):
    """Its ``__repr__`` is a function of the test's, called with the value."""

    def __init__(self, name: str, says: Callable[[Any], Any]) -> None:
        super().__init__(name)
        self.says = says

    def __repr__(self) -> str:
        return self.says(self)  # type: ignore[no-any-return]


def kept(client: PeerClient, value: Any) -> RemoteRef:
    """A ref to the very object."""
    made["value"] = value
    ref = client.run_remote_workflow("w", ["previews::put"], {"name": "value"}).result
    assert isinstance(ref, RemoteRef)
    return ref


def look(ref: RemoteRef) -> RefView:
    """What its card is made of."""
    return with_preview(ref._view(), ref._link, ref._info)


def preview_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "blazen-preview"]
