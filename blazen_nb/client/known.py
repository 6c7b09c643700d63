"""What a client knows of its peer, and a handle of its run, without asking: the same for sync and async."""

from __future__ import annotations

from typing import Any, Literal

from blazen_nb.client.feed import RunFeed
from blazen_nb.client.link import PeerLink
from blazen_nb.client.requests import client_repr
from blazen_nb.render.static import is_static
from blazen_nb.shipping.diversion import Diversion
from blazen_nb.updates import InputRequested, Outcome
from blazen_nb.wire import io_loop

ClientState = Literal["connected", "reconnecting", "closed"]


class KnownPeer:
    """The part of both clients that needs no answer of the peer."""

    _io: io_loop.IoLoop
    _link: PeerLink

    @property
    def node_id(self) -> str:
        """The peer's name."""
        return self._link.node_id

    @property
    def address(self) -> str:
        """Where the peer is."""
        return str(self._link.address)

    @property
    def peer_python(self) -> str:
        """The peer's Python minor version, ``"3.12"``; empty where the peer does not say it."""
        return self._link.welcome.python

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._link.is_open

    @property
    def state(self) -> ClientState:
        """Connected, on its way back to a peer that it has lost, or closed."""
        if not self._link.is_open:
            return "closed"
        return "connected" if self._link.broken_since is None else "reconnecting"

    @property
    def ref_leaves(self) -> Diversion:
        """How RemoteRefs travel in what is sent to this peer."""
        return self._link.refs

    def _repr_html_(self) -> str | None:
        return None if is_static() else client_repr(self._link)[0]

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        p.text(client_repr(self._link)[1] if is_static() else repr(self))


class KnownRun:
    """The part of both handles that waits for nothing."""

    _feed: RunFeed

    @property
    def run_id(self) -> str:
        """The run's ID, a dashed UUID."""
        return self._feed.run_id

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it runs."""
        return self._feed.outcome

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come: it has ended, is out of sight, or this handle was detached."""
        return self._feed.has_ended

    @property
    def durable(self) -> bool:
        """Whether the run survives the peer's process, and goes on when that is started again."""
        return self._feed.is_durable

    @property
    def broken_since(self) -> float | None:
        """``time.monotonic()`` when the connection broke, while the client is on its way back; None else."""
        return None if self._feed.has_ended else self._feed.link.broken_since

    def questions(self) -> list[InputRequested]:
        """What the run asks now, oldest first, by what it has told so far; none once it has ended.

        ``updates()`` and ``events()`` give these questions all the same.
        """
        return [] if self._feed.has_ended else self._feed.questions.asked(self.run_id)

    def _repr_html_(self) -> str | None:
        return None if is_static() else self._shown()[0]

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        p.text(self._shown()[1] if is_static() else repr(self))

    def _shown(self) -> tuple[str, str]:
        """The handle's card and its stable text, from what has come; nothing is taken from those who read the run."""
        from blazen_nb.render.reprs import RunHandleView, run_handle_repr

        ended, lost = self._feed.result, self._feed.error
        view = RunHandleView(
            kind=type(self).__name__,
            run_id=self.run_id,
            workflow_name=self._feed.workflow_name,
            node_id=self._feed.link.node_id,
            state=self.outcome or "running",
            duration=ended.duration if ended is not None else None,
            message=ended.message if ended is not None else str(lost or ""),
        )
        return run_handle_repr(view)

    def __repr__(self) -> str:
        where = f"{self._feed.workflow_name} on {self._feed.link.node_id}"
        return f"{type(self).__name__}({where}, {self.outcome or 'running'})"
