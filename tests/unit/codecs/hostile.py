"""Payloads that lie or are damaged: a typed error each, with nothing large allocated."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import strategies as st

from blazen_nb.errors import BlazenError, EncodeError
from blazen_nb.shipping.values import decode_leaf, encode_leaf
from tests.unit.codecs.crossing import opened

MIB = 1 << 20
HUGE = 1 << 61


def refused(tag: str, head: Any, memory: bytes = b"") -> None:
    tracemalloc.start()
    try:
        with pytest.raises(EncodeError):
            opened(tag, head, memory)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MIB


def cut_short(value: Any) -> None:
    """Every kind of truncation is refused."""
    tag, payload = encode_leaf(value)
    assert tag != "pickle"
    for end in (0, 1, len(payload) // 3, len(payload) // 2, len(payload) - 1):
        with pytest.raises(EncodeError):
            decode_leaf(tag, payload[:end], trusted=False)


def damage(value: Any, data: st.DataObject, kind: type | tuple[type, ...]) -> None:
    """A change of some bytes gives a value of the same kind, or a typed error."""
    tag, payload = encode_leaf(value)
    place = data.draw(st.integers(0, len(payload) - 1))
    change = data.draw(st.binary(min_size=0, max_size=4))
    damaged = payload[:place] + change + payload[place + data.draw(st.integers(0, 4)) :]
    with contextlib.suppress(BlazenError):
        assert isinstance(decode_leaf(tag, damaged, trusted=False), kind)


def changed(head: Any, **fields: Any) -> Any:
    """The head with other fields."""
    return {**json.loads(json.dumps(head)), **fields}
