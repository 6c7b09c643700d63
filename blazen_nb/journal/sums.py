"""Checksums of what is stored. SQLite has none of its own: a flipped bit would be read as if it had been written."""

from __future__ import annotations

from zlib import crc32


def seal(*values: str | bytes | float | None) -> int:
    """The checksum of these values, in this order.

    ``ascii`` writes them the same on every Python; ``repr`` would not, for it asks what this Python's Unicode prints.
    """
    return crc32(ascii(values).encode("ascii"))


def seal_payload(payload: bytes, *key: str | bytes | float | None) -> int:
    """The checksum of a payload in the place that ``key`` names: elsewhere it would not fit."""
    return crc32(payload, seal(*key))
