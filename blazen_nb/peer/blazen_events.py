"""The events of a run's stream for a Blazen caller: encoded as they are published, read in that order."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator

from blazen_nb.engine.observer import QuietObserver
from blazen_nb.errors import EncodeError, unicode_of
from blazen_nb.events import STOP, Event
from blazen_nb.peer.blazen_answers import PlainJson
from blazen_nb.peer.ref_scopes import RefScope
from blazen_nb.wire.blazen_messages import SubWorkflowEvent


class EventStory(QuietObserver):
    """Observer of one run, made on the I/O loop, where it is read, once."""

    record: None = None

    def __init__(self, scope: RefScope) -> None:
        self._refs = scope.for_run()
        self._json = PlainJson(scope, self._refs.keep)
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._events: deque[SubWorkflowEvent] = deque()
        self._lock = threading.Lock()
        self._seq = 0
        self._is_woken = False
        self._has_ended = False

    # --- the reader, on the loop -----------------------------------------------------------------------------

    async def read(self) -> AsyncIterator[SubWorkflowEvent]:
        """The events, ending with the run."""
        while True:
            await self._news.wait()
            self._news.clear()
            self._is_woken = False
            while self._events:
                yield self._events.popleft()
            if self._has_ended:
                return

    def end(self) -> None:
        """The run is over, or given up: values that its events named are the caller's now."""
        self._has_ended = True
        self._refs.run_ended(succeeded=True)
        self._news.set()

    def last(self, response: bytes) -> SubWorkflowEvent:
        """The event after all others, with the response of the whole call."""
        return SubWorkflowEvent(
            seq=self._seq + 1, event_type=STOP, event_json=b"{}", response=response
        )

    # --- Observer --------------------------------------------------------------------------------------------

    def event_published(self, event: Event, step_id: str | None) -> None:
        """See Observer; the fields are encoded now, later changes to them do not show.

        Raises:
            EncodeError: A number in it is none of JSON's.
        """
        try:
            text = self._json.dumps(event.to_dict())
        except ValueError as error:
            raise EncodeError(f"an event's field is not JSON: {error}") from None
        with self._lock:
            self._seq += 1
            self._events.append(
                SubWorkflowEvent(
                    seq=self._seq,
                    event_type=unicode_of(event.event_type),
                    step_id=step_id,
                    event_json=text,
                )
            )
            if self._is_woken:
                return
            self._is_woken = True
        self._loop.call_soon_threadsafe(self._news.set)

    def input_requested(self, event: Event) -> None:
        """A question is part of the stream."""
        self.event_published(event, None)

    def accepted(self, node_id: str) -> None:
        """The peer has the run."""

    def paused(self, paused: bool) -> None:
        """See RunLog: the wire has no word for it."""
