"""When a connection that says nothing counts as dead, by a clock that the test moves."""

from __future__ import annotations

import itertools

from blazen_nb.client.backoff import LONGEST_SECONDS, pauses
from blazen_nb.wire.pulse import BEAT_SECONDS, LOOK_SECONDS, SILENT_SECONDS, Pulse


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def seconds_until_dead(pulse: Pulse, clock: Clock) -> tuple[float, int]:
    """How long it takes, looked at as often as is asked for, and how often the other side was asked meanwhile."""
    began, asked = clock.now, 0
    while not pulse.is_dead:
        clock.now += LOOK_SECONDS
        asked += pulse.look()
    return clock.now - began, asked


def test_a_dead_connection_is_known_within_forty_five_seconds_and_was_asked_before() -> None:
    clock = Clock()
    after, asked = seconds_until_dead(Pulse(clock), clock)
    assert after <= 45.0
    assert asked >= 2


def test_who_answers_is_alive_and_is_asked_every_fifteen_seconds() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    asked = 0
    for _ in range(int(3600 / LOOK_SECONDS)):
        clock.now += LOOK_SECONDS
        if pulse.look():
            asked += 1
            pulse.heard()
        assert not pulse.is_dead
    assert asked == 3600 / BEAT_SECONDS


def test_what_came_while_the_machine_slept_gets_a_moment_to_be_read() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    clock.now += 8 * 3600
    assert pulse.look()
    assert not pulse.is_dead
    after, _ = seconds_until_dead(pulse, clock)
    assert after <= LOOK_SECONDS


def test_a_slow_look_alone_makes_nobody_dead() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    clock.now += SILENT_SECONDS / 2
    pulse.look()
    assert not pulse.is_dead


def test_pauses_between_attempts_grow_up_to_a_limit_and_differ_from_client_to_client() -> None:
    slow = list(itertools.islice(pauses(lambda: 0.999), 14))
    quick = list(itertools.islice(pauses(lambda: 0.0), 14))
    assert slow[0] == quick[0] == 0.0
    assert all(later >= earlier for earlier, later in itertools.pairwise(slow))
    assert LONGEST_SECONDS * 0.99 <= slow[-1] <= LONGEST_SECONDS
    assert quick[-1] == LONGEST_SECONDS / 2
