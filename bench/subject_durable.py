"""Durable runs over the wire, and what a peer's age costs: peers with a journal beside one without."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measure import Sample, latency, latency_async
from payload import HELD_REFS, JOURNALED_RUNS, KNOWN_SESSIONS, PAYLOAD
from subject import Child, peer_process, serve

from blazen_nb import AsyncPeerClient, PeerClient
from blazen_nb.journal import JournaledRun
from blazen_nb.journal.sqlite import SqliteJournal


class Peers:
    """Peer processes, each started when it is first needed, and a client of each."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-durable-")
        self._runner = asyncio.Runner()
        self._peers: dict[str, Child] = {}
        self._clients: dict[str, PeerClient] = {}
        self._others: list[AsyncPeerClient] = []

    def close(self) -> None:
        """End all of them."""
        for other in self._others:
            self._runner.run(other.close())
        for client in self._clients.values():
            client.close()
        for peer in self._peers.values():
            peer.end()
        self._runner.close()
        self._folder.cleanup()

    def started(self, name: str, *options: str) -> Sample:
        """A run of one plain step that is started, and its result, from a client of the peer of this name."""
        client = self._client(name, *options)
        first = client.start_remote_workflow("one", ["bench::one_plain"], PAYLOAD)
        assert first.durable is (name != "without")

        def run() -> None:
            handle = client.start_remote_workflow("one", ["bench::one_plain"], PAYLOAD)
            assert handle.result().result == PAYLOAD

        return latency(run)

    def called(self, name: str, age: Callable[[str], tuple[str, ...]]) -> Sample:
        """A call of one async step, as in A1, on a peer that this has made old."""
        options = age(name) if name not in self._peers else ()
        self._client(name, *options)
        address = self._peers[name].word

        async def measured() -> Sample:
            async with await AsyncPeerClient.connect(address) as client:

                async def run() -> None:
                    done = await client.run_remote_workflow("one", ["bench::one_async"], PAYLOAD)
                    assert done.result == PAYLOAD

                return await latency_async(run)

        return self._runner.run(measured())

    def journal(self, name: str) -> str:
        """A journal's file for this peer."""
        return str(Path(self._folder.name) / f"{name}.db")

    def with_runs(self, name: str) -> tuple[str, ...]:
        """Its journal has many runs."""
        journal = SqliteJournal(self.journal(name), synchronous="NORMAL")
        now = time.time()  # older ones would be forgotten at once
        for number in range(JOURNALED_RUNS):
            run = JournaledRun(
                run_id=number.to_bytes(16, "big"),
                identity="bench",
                namespace="",
                client="bench",
                workflow_name="one",
                started_at=now,
                start=bytes(300),
            )
            journal.begin(run)
            ended = journal.end(run.run_id, "succeeded", now, bytes(100))
        ended.result()
        journal.close()
        return ("--journal", self.journal(name))

    def with_sessions(self, name: str) -> tuple[str, ...]:
        """Many clients are connected to it."""
        self._client(name)
        address = self._peers[name].word
        for number in range(KNOWN_SESSIONS):
            connecting = AsyncPeerClient.connect(address, namespace=f"n{number}")
            self._others.append(self._runner.run(connecting))
        return ()

    def with_refs(self, name: str) -> tuple[str, ...]:
        """It holds many values of clients that have not let go of them."""
        self._client(name).run_remote_workflow("hold", ["bench::hold"], {"count": HELD_REFS})
        return ()

    def _client(self, name: str, *options: str) -> PeerClient:
        if name not in self._peers:
            self._peers[name] = peer_process(*options)
            self._clients[name] = PeerClient.connect(self._peers[name].word)
        return self._clients[name]


def _new(_: str) -> tuple[str, ...]:
    return ()


MEASURES: dict[str, Callable[[Peers], Sample]] = {
    "without": lambda peers: peers.started("without"),
    "full": lambda peers: peers.started("full", "--journal", peers.journal("full")),
    "normal": lambda peers: peers.started(
        "normal", "--journal", peers.journal("normal"), "--journal-sync", "NORMAL"
    ),
    "new": lambda peers: peers.called("new", _new),
    "many_runs": lambda peers: peers.called("runs", peers.with_runs),
    "many_sessions": lambda peers: peers.called("sessions", peers.with_sessions),
    "many_refs": lambda peers: peers.called("refs", peers.with_refs),
}

if __name__ == "__main__":
    serve(Peers, MEASURES)
