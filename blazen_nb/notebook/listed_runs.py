"""The runs that the peers of this kernel know, each with the first client that sees it; prints nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeAlias

from IPython.core.error import UsageError

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.peers import kernel_peers

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.run_lists import RunInfo
    from blazen_nb.client.sync import PeerClient

Listed: TypeAlias = "tuple[PeerClient, RunInfo]"


def all_runs() -> list[Listed]:
    """The runs in flight, whoever started them, then those of this user that have ended; the newest first."""
    known = {run.run_id: (client, run) for client, run in readable_runs()}
    for client, run in _in_flight():
        known.setdefault(run.run_id, (client, run))
    return sorted(known.values(), key=lambda pair: (pair[1].has_ended, -pair[1].started_at))


def readable_runs() -> list[Listed]:
    """The runs of this user that can be shown again, the newest first."""
    known: dict[str, Listed] = {}
    for client in kernel_peers.clients.values():
        try:
            runs = client.runs()
        except BlazenError:
            continue  # a peer that says nothing any more
        for run in runs:
            known.setdefault(run.run_id, (client, run))
    return sorted(known.values(), key=lambda pair: pair[1].started_at, reverse=True)


def the_one(start: str, runs: list[Listed]) -> Listed:
    """The only run whose ID starts like this.

    Raises:
        UsageError: There is none, or more than one.
    """
    found = [(client, run) for client, run in runs if run.run_id.startswith(start)]
    if len(found) != 1:
        many = "more than one run starts" if found else "no run starts"
        raise UsageError(f"{many} with {start!r}; %blazen_runs lists them")
    return found[0]


def _in_flight() -> list[Listed]:
    """Those that peers describe: blocking calls are among them, which nobody else can read."""
    found: list[Listed] = []
    for client in kernel_peers.clients.values():
        try:
            runs = client.describe().runs
        except BlazenError:
            continue
        found.extend((client, _described(run)) for run in runs)
    return found


def _described(run: dict[str, Any]) -> RunInfo:
    from blazen_nb.client.run_lists import RunInfo

    return RunInfo(
        run_id=run["run_id"],
        workflow_name=run["workflow_name"],
        state="running",
        started_at=time.time() - run["duration"],
        duration=run["duration"],
    )
