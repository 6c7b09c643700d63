"""What devices do as the JSON of a DeviceReport, and who keeps values there, and back; both sides use it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from blazen_nb.devices import Devices, Gpu, Holding
from blazen_nb.errors import EncodeError
from blazen_nb.wire.v1 import kernel_pb2 as pb


def report_message(devices: Devices) -> pb.DeviceReport:
    """A sample for the wire."""
    return pb.DeviceReport(json=json.dumps(asdict(devices)).encode())


def devices_of(message: pb.DeviceReport) -> Devices:
    """A sample from the wire; keys that this version does not know are left out.

    Raises:
        EncodeError: It cannot be read.
    """
    try:
        said = json.loads(message.json)
        return Devices(
            cpu=_number(said["cpu"]),
            memory_used=int(_number(said["memory_used"])),
            memory_total=int(_number(said["memory_total"])),
            gpus=tuple(map(_gpu, said["gpus"])),
            at=_number(said["at"]),
            process_memory=_bytes(said.get("process_memory")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise EncodeError(f"the peer's report of its devices cannot be read: {error}") from None


def holdings_message(holdings: Iterable[Holding]) -> pb.HoldingList:
    """Who has how much kept, for the wire."""
    return pb.HoldingList(holdings=[pb.Holding(**asdict(holding)) for holding in holdings])


def holdings_of(message: pb.HoldingList) -> tuple[Holding, ...]:
    """Who has how much kept, from the wire."""
    return tuple(
        Holding(
            holder=each.holder,
            is_others=each.is_others,
            device=each.device,
            count=each.count,
            size=each.size,
            unknown=each.unknown,
        )
        for each in message.holdings
    )


def _gpu(said: dict[str, Any]) -> Gpu:
    use, used, total = (said.get(name) for name in ("use", "memory_used", "memory_total"))
    return Gpu(
        name=str(said["name"]),
        use=None if use is None else _number(use),
        memory_used=_bytes(used),
        memory_total=_bytes(total),
    )


def _bytes(value: Any) -> int | None:
    return None if value is None else int(_number(value))


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is no amount")
    return number
