"""The defaults of what a peer admits: as much as the design promises."""

from __future__ import annotations

import dataclasses

import pytest

from blazen_nb.wire.limits import DEFAULT_LIMITS, Limits

MIB = 1 << 20


def test_the_defaults_admit_what_is_promised() -> None:
    assert Limits() == DEFAULT_LIMITS
    assert DEFAULT_LIMITS.message_bytes >= 40 * MIB
    assert DEFAULT_LIMITS.concurrent_runs >= 1000
    assert DEFAULT_LIMITS.sessions >= 400


def test_one_limit_can_be_set_by_name_and_the_others_stay() -> None:
    limits = Limits(concurrent_runs=2)
    assert dataclasses.replace(limits, concurrent_runs=DEFAULT_LIMITS.concurrent_runs) == Limits()
    with pytest.raises(dataclasses.FrozenInstanceError):
        limits.concurrent_runs = 3  # type: ignore[misc]
