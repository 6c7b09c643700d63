"""What a client knows of its peer, and a handle of its run, without asking: the same for sync and async."""

from __future__ import annotations

from blazen_nb.client.feed import RunFeed
from blazen_nb.client.link import PeerLink
from blazen_nb.shipping.diversion import Diversion
from blazen_nb.updates import InputRequested, Outcome
from blazen_nb.wire import io_loop


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
    def ref_leaves(self) -> Diversion:
        """How RemoteRefs travel in what is sent to this peer."""
        return self._link.refs


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

    def questions(self) -> list[InputRequested]:
        """What the run asks now, oldest first, by what it has told so far; none once it has ended.

        ``updates()`` and ``events()`` give these questions all the same.
        """
        return [] if self._feed.has_ended else self._feed.questions.asked(self.run_id)
