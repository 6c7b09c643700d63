"""A client's sockets for values that are cut after so many chunks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from blazen_nb import PeerClient
from blazen_nb.client.bulk_sockets import BulkConnection
from blazen_nb.client.link import PeerLink


class Chunks:
    """Cuts a client's sockets for values after so many chunks, each counted from the cut before."""

    def __init__(self, client: PeerClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cuts: list[int] = []
        self.done = 0
        self._passed = 0
        sockets = client._link.refs.sockets
        take = sockets.take

        async def taken(link: PeerLink) -> BulkConnection | None:
            connection = await take(link)
            assert connection is not None, "the sockets are the way that is tested"
            if not isinstance(connection.carrier, Counted):
                connection.carrier = Counted(self, connection)
            return connection

        monkeypatch.setattr(sockets, "take", taken)

    def passed(self, connection: BulkConnection) -> None:
        self._passed += 1
        if self.cuts and self._passed >= self.cuts[0]:
            self.cuts.pop(0)
            self.done += 1
            self._passed = 0
            connection.shut()


class Counted:
    """A carrier that is watched."""

    def __init__(self, chunks: Chunks, connection: BulkConnection) -> None:
        self._chunks, self._connection, self._carrier = chunks, connection, connection.carrier

    def send(self, pieces: Sequence[memoryview]) -> bytes:
        self._chunks.passed(self._connection)
        return self._carrier.send(pieces)

    def receive(self, room: Sequence[memoryview]) -> None:
        self._chunks.passed(self._connection)
        self._carrier.receive(room)

    def sent(self) -> None:
        self._carrier.sent()

    def close(self) -> None:
        self._carrier.close()
