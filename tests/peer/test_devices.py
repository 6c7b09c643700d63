"""How busy a peer is, asked over a real wire."""

from __future__ import annotations

import queue
import threading

import pytest

from blazen_nb import AsyncPeerClient, PeerClient
from blazen_nb.devices import Devices, Gpu
from blazen_nb.errors import BlazenError, EncodeError, UnsupportedError, ValidationError
from blazen_nb.notebook.device_watch import DeviceWatch
from blazen_nb.peer import session
from blazen_nb.peer.device_reports import DeviceReports
from blazen_nb.render.device_history import DeviceHistory
from blazen_nb.testing import LocalPeer
from blazen_nb.wire.device_messages import devices_of, report_message
from blazen_nb.wire.v1 import kernel_pb2 as pb
from tests.eventually import eventually
from tests.peer.conftest import SECONDS

SAMPLE = Devices(
    cpu=0.25,
    memory_used=3,
    memory_total=4,
    gpus=(Gpu(name="A", use=0.5, memory_used=1, memory_total=2), Gpu(name="B")),
    at=5.0,
)


def test_a_client_is_told_of_the_peers_processors_and_memory(client: PeerClient) -> None:
    devices = client.devices()
    assert 0 <= devices.cpu <= 1
    assert 0 < devices.memory_used < devices.memory_total


async def test_an_async_client_is_told_the_same(peer: LocalPeer, client: PeerClient) -> None:
    async with await AsyncPeerClient.connect(peer.address) as other:
        devices = await other.devices()
    assert devices.memory_total == client.devices().memory_total


def test_a_sample_survives_the_wire() -> None:
    assert devices_of(report_message(SAMPLE)) == SAMPLE


def test_keys_of_a_newer_peer_are_left_out() -> None:
    text = (
        b'{"cpu":1,"memory_used":1,"memory_total":2,"at":1,"fans":3,"gpus":[{"name":"A","fan":9}]}'
    )
    assert devices_of(pb.DeviceReport(json=text)).gpus == (Gpu(name="A"),)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"cpu":"x","memory_used":1,"memory_total":2,"at":1,"gpus":[]}',
             b'{"cpu":NaN,"memory_used":1,"memory_total":2,"at":1,"gpus":[]}',
             b'{"cpu":1,"memory_used":1e999,"memory_total":2,"at":1,"gpus":[]}',
             b'{"cpu":1,"memory_used":1,"memory_total":2,"at":1,"gpus":[7]}'],
)  # fmt: skip
def test_a_damaged_report_is_an_encode_error(text: bytes) -> None:
    with pytest.raises(EncodeError, match="report of its devices"):
        devices_of(pb.DeviceReport(json=text))


def test_a_driver_that_hangs_holds_up_nothing_else(
    peer: LocalPeer, client: PeerClient, released: threading.Event
) -> None:
    def hangs() -> Devices:
        released.wait(SECONDS)
        return SAMPLE

    peer.server._parts.devices = DeviceReports(hangs)
    answers: queue.Queue[Devices | BlazenError] = queue.Queue()
    client.ask_devices(answers.put)
    client.ping()
    assert answers.empty()
    released.set()
    assert answers.get(timeout=SECONDS) == SAMPLE


def test_a_sample_that_fails_is_an_error_of_the_one_who_asked(
    peer: LocalPeer, client: PeerClient
) -> None:
    def fails() -> Devices:
        raise ValidationError("no processors here")

    peer.server._parts.devices = DeviceReports(fails)
    with pytest.raises(BlazenError, match="no processors here"):
        client.devices()
    client.ping()


def test_a_watch_learns_and_asks_an_older_peer_only_once(
    client: PeerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazen_nb.notebook.device_watch.ASK_SECONDS", 0.0)
    history = DeviceHistory()
    watch = DeviceWatch(client, history)

    def looked(count: int) -> bool:
        watch.look()
        return len(history.samples) >= count

    eventually(lambda: looked(3))

    asked: list[int] = []
    monkeypatch.delitem(session._HANDLERS, "describe_devices")
    older = DeviceWatch(client, DeviceHistory())
    ask = client.ask_devices

    def counting(told: object) -> None:
        asked.append(1)
        ask(told)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "ask_devices", counting)

    def gave_up() -> bool:
        older.look()
        return older._is_over

    eventually(gave_up)
    for _ in range(5):
        older.look()
    assert asked == [1]
    with pytest.raises(UnsupportedError, match="upgrade it"):
        client.devices()


def test_a_watch_of_a_closed_client_says_nothing(
    peer: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blazen_nb.notebook.device_watch.ASK_SECONDS", 0.0)
    with peer.connect() as client:
        history = DeviceHistory()
        watch = DeviceWatch(client, history)
    watch.look()
    watch.look()
    assert not history.samples
