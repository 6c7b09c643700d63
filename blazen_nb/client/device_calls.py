"""What both clients can ask about the peer's devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blazen_nb.client.known import KnownPeer
from blazen_nb.client.requests import answer_of
from blazen_nb.client.waiters import OneAnswer
from blazen_nb.devices import Devices
from blazen_nb.errors import BlazenError
from blazen_nb.wire.device_messages import devices_of
from blazen_nb.wire.v1 import kernel_pb2 as pb


class DeviceAsking(KnownPeer):
    """What is the same for both, because it waits for nothing."""

    def ask_devices(self, told: Callable[[Devices | BlazenError], object]) -> None:
        """Ask as ``devices`` does without waiting; ``told`` gets the answer on the I/O loop and must not block.

        Raises:
            BlazenError: The connection is gone; the error says why.
        """
        self._link.ask(_DeviceReply(told), describe_devices=pb.DescribeDevices())


class AsyncDeviceCalls(DeviceAsking):
    """The part of AsyncPeerClient that is about devices."""

    async def _ask(self, answer: str, *, urgent: bool = False, **request: Any) -> Any:
        raise NotImplementedError

    async def devices(self) -> Devices:
        """How busy the peer's processors, memory and GPUs are right now.

        Raises:
            UnsupportedError: The peer is older than this call, or speaks only Blazen's own wire.
        """
        return devices_of(await self._ask("devices", describe_devices=pb.DescribeDevices()))


class DeviceCalls(DeviceAsking):
    """The part of PeerClient that is about devices."""

    def _ask(self, answer: str, *, urgent: bool = False, **request: Any) -> Any:
        raise NotImplementedError

    def devices(self) -> Devices:
        """See ``AsyncPeerClient.devices``."""
        return devices_of(self._ask("devices", describe_devices=pb.DescribeDevices()))


class _DeviceReply(OneAnswer):
    """A Receiver that hands the answer on."""

    __slots__ = ("_told",)

    def __init__(self, told: Callable[[Devices | BlazenError], object]) -> None:
        self._told = told

    def receive(self, frame: pb.PeerFrame) -> bool:
        """See Receiver."""
        try:
            answer: Devices | BlazenError = devices_of(answer_of(frame, "devices"))
        except BlazenError as error:
            answer = error
        self._told(answer)
        return True

    def fail(self, error: BlazenError) -> None:
        """See Receiver."""
        self._told(error)
