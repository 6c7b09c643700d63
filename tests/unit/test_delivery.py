"""What of a session has arrived: nothing is lost and nothing is doubled when a connection takes another's place."""

from __future__ import annotations

import random

from blazen_nb.wire.delivery import TELL_FRAMES, WINDOW_BYTES, Delivery


def test_what_has_not_arrived_is_sent_again_in_order() -> None:
    sender = Delivery()
    for frame in (b"a", b"b", b"c", b"d"):
        sender.keep(frame)
    sender.arrived(2)
    sender.repeat()
    assert [sender.next_again(), sender.next_again(), sender.next_again()] == [b"c", b"d", None]
    sender.arrived(4)
    assert not sender.is_open


def test_what_waits_to_be_sent_again_waits_for_the_next_connection_too() -> None:
    sender = Delivery()
    for frame in (b"a", b"b", b"c"):
        sender.keep(frame)
    sender.repeat()
    assert sender.next_again() == b"a"
    sender.arrived(1)
    sender.repeat()
    assert [sender.next_again(), sender.next_again(), sender.next_again()] == [b"b", b"c", None]


def test_the_other_side_is_told_now_and_then() -> None:
    receiver = Delivery()
    due = [receiver.came(10) for _ in range(TELL_FRAMES)]
    assert due == [False] * (TELL_FRAMES - 1) + [True]
    assert receiver.told() == TELL_FRAMES
    assert receiver.came(10) is False


def test_the_window_is_full_until_something_has_arrived() -> None:
    sender = Delivery()
    sender.keep(bytes(WINDOW_BYTES))
    assert not sender.is_full
    sender.keep(b"one more")
    assert sender.is_full
    sender.arrived(1)
    assert not sender.is_full


def test_frames_cross_once_and_in_order_over_connections_that_break_at_random() -> None:
    for seed in range(200):
        draw = random.Random(seed)
        sender, receiver = Delivery(), Delivery()
        todo = [number.to_bytes(2, "big") for number in range(60)]
        got: list[bytes] = []
        waiting = list(todo)
        while len(got) < len(todo):
            sender.arrived(receiver.received)  # the hello of a new connection
            sender.repeat()
            wire: list[bytes] = []
            for _ in range(draw.randrange(12)):
                frame = sender.next_again()
                if frame is None and waiting:
                    frame = waiting.pop(0)
                    sender.keep(frame)
                if frame is not None:
                    wire.append(frame)
            for frame in wire[
                : draw.randrange(len(wire) + 1)
            ]:  # the rest is lost with the connection
                receiver.came(len(frame))
                got.append(frame)
                if draw.random() < 0.2:
                    sender.arrived(receiver.told())
        assert got == todo, f"seed {seed}"
