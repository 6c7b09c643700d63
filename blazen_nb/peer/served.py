"""What a server does, as its picture shows it: who is connected and what runs, neither secrets nor identities."""

from __future__ import annotations

from blazen_nb.peer.parts import PeerParts
from blazen_nb.render.server import ServedRun, ServedSession


def served_sessions(parts: PeerParts) -> tuple[ServedSession, ...]:
    """The connected clients, in the order in which they came."""
    infos = sorted(parts.sessions, key=lambda info: info.since)
    return tuple(
        ServedSession(client=info.client, namespace=info.namespace, since=info.since)
        for info in infos
    )


def served_runs(parts: PeerParts) -> tuple[ServedRun, ...]:
    """The runs in flight."""
    return tuple(
        ServedRun(
            run_id=run.run_id,
            state=run.state,
            workflow_name=run.workflow_name,
            client=run.caller,
            elapsed=run.duration,
        )
        for run in parts.runs.running()
    )
