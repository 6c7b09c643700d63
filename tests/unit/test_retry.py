"""When a failed attempt is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazen_nb.engine.retry import RetryConfig


class Throttled(Exception):
    def __init__(self, retry_after: object) -> None:
        self.retry_after = retry_after


def test_the_delay_doubles_up_to_its_maximum() -> None:
    config = RetryConfig(initial_delay_ms=100, max_delay_ms=500, jitter=False)
    assert [config.delay(n, 0.0, None) for n in (1, 2, 3, 4, 9)] == [0.1, 0.2, 0.4, 0.5, 0.5]


@given(st.integers(1, 100_000), st.floats(0, 1, exclude_max=True))
def test_jitter_scales_between_one_half_and_one(failed: int, random: float) -> None:
    config = RetryConfig(initial_delay_ms=100, max_delay_ms=500)
    full = RetryConfig(initial_delay_ms=100, max_delay_ms=500, jitter=False).delay(failed, 0, None)
    assert full / 2 <= config.delay(failed, random, None) <= full


def test_an_error_that_says_when_to_come_back_is_honoured() -> None:
    config = RetryConfig(initial_delay_ms=100, jitter=False)
    assert config.delay(1, 0.5, Throttled(7)) == 7.0
    assert config.delay(1, 0.5, Throttled(0.01)) == 0.1


@pytest.mark.parametrize("asked", [None, "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_retry_after_that_is_no_number_is_not_looked_at(asked: object) -> None:
    assert RetryConfig(initial_delay_ms=100, jitter=False).delay(1, 0.5, Throttled(asked)) == 0.1


def test_retry_after_can_be_left_alone() -> None:
    config = RetryConfig(initial_delay_ms=100, jitter=False, honor_retry_after=False)
    assert config.delay(1, 0.5, Throttled(7)) == 0.1
