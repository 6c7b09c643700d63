"""What all subjects carry: sizes and counts, the same for everybody. Imports nothing, so every environment has it."""

from __future__ import annotations

PAYLOAD = {"x": 1}
"""Input and result of a run; raw calls carry bytes instead."""
RAW_PAYLOAD = bytes(200)
CHAIN = 100
EVENTS = 10_000
EVENT_BYTES = 100
WAITING_RUNS = 1_000
ARRAY_BYTES = 256 << 20
MESSAGE_BYTES = 1 << 20
"""What raw gRPC sends at a time; more is no faster."""
JOURNALED_RUNS = 10_000
KNOWN_SESSIONS = 1_000
HELD_REFS = 10_000


def event_text(number: int) -> str:
    """``{"text": ...}`` with it is ``EVENT_BYTES`` of JSON; its number shows what is lost or out of order."""
    return f"{number:0{EVENT_BYTES - 11}d}"
