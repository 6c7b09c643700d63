"""What waits to be written: order, what overtakes, and large frames cut and joined."""

from __future__ import annotations

import asyncio
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blazen_nb.errors import LimitError, PeerError
from blazen_nb.wire import io_loop
from blazen_nb.wire.io_loop import IoLoop
from blazen_nb.wire.outbox import BATCH_BYTES, PART_BYTES, Outbox, as_batch
from blazen_nb.wire.parts import OPEN_FRAMES, Parts
from blazen_nb.wire.v1 import kernel_pb2 as pb

SECONDS = 5.0
MIB = 1 << 20


@pytest.fixture
def io() -> Iterator[IoLoop]:
    """The process's I/O loop."""
    shared = io_loop.acquire()
    yield shared
    io_loop.release(shared)


class Writer:
    """Writes an outbox's batches to a list, one whenever it is let."""

    def __init__(self, io: IoLoop) -> None:
        self.outbox = Outbox(io, pb.PeerFrame)
        self.batches: list[bytes] = []
        self.written = threading.Semaphore(0)
        self._io = io
        self._may = asyncio.Semaphore(0)
        self._task = asyncio.run_coroutine_threadsafe(self.outbox.write_all(self._write), io.loop)

    async def _write(self, batch: bytes) -> None:
        await self._may.acquire()
        self.batches.append(batch)
        self.written.release()

    def let(self, batches: int) -> None:
        """Let this many batches go, and wait until they have."""
        for _ in range(batches):
            self._io.loop.call_soon_threadsafe(self._may.release)
            assert self.written.acquire(timeout=SECONDS)

    def let_until(self, enough: Callable[[list[pb.PeerFrame]], bool]) -> list[pb.PeerFrame]:
        """Let batches go until their frames are enough, and give the frames."""
        while not enough(self.frames):
            self.let(1)
        return self.frames

    @property
    def frames(self) -> list[pb.PeerFrame]:
        """What has been written, frame by frame."""
        return list(pb.PeerBatch.FromString(b"".join(self.batches)).frames)

    def stop(self) -> None:
        """No more batches."""
        self._task.cancel()


@pytest.fixture
def writer(io: IoLoop) -> Iterator[Writer]:
    """A writer and its outbox."""
    writer = Writer(io)
    yield writer
    writer.stop()


def frame(number: int, size: int = 0) -> bytes:
    """A frame that can be told from others, with this many bytes in it."""
    reply = pb.PeerFrame(request_id=number)
    reply.part.data = b"x" * size
    return reply.SerializeToString()


def joined(frames: list[pb.PeerFrame], parts: Parts) -> list[pb.PeerFrame]:
    """The frames that the parts among these make."""
    whole = [parts.add(one.part) for one in frames if one.part.part_id]
    return [pb.PeerFrame.FromString(text) for text in whole if text is not None]


# --- batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 16_383, 16_384, 300_000])
def test_a_batch_of_one_reads_like_any_other_batch(size: int) -> None:
    one = frame(7, size)
    batch = pb.PeerBatch.FromString(as_batch(one) + as_batch(one))
    assert [each.SerializeToString() for each in batch.frames] == [one, one]


def test_a_frame_that_is_alone_goes_at_once(writer: Writer) -> None:
    writer.outbox.put(frame(1))
    writer.let(1)
    assert [each.request_id for each in writer.frames] == [1]


def test_what_waits_goes_as_one_batch_in_order(writer: Writer) -> None:
    for number in range(1, 101):
        writer.outbox.put(frame(number))
    # The first may have gone alone, before the others came.
    writer.let_until(lambda frames: len(frames) == 100)
    assert [each.request_id for each in writer.frames] == list(range(1, 101))
    assert len(writer.batches) <= 3


def test_a_batch_ends_where_it_is_large_enough(writer: Writer) -> None:
    for number in range(1, 11):
        writer.outbox.put(frame(number, 100_000))
    writer.let_until(lambda frames: len(frames) == 10)
    assert max(map(len, writer.batches)) <= BATCH_BYTES + 100_100
    assert len(writer.batches) >= 4


def test_an_urgent_frame_overtakes_what_waits_and_even_a_large_frame_on_its_way(
    writer: Writer,
) -> None:
    writer.outbox.put(frame(1, 4 * MIB))
    for number in range(2, 12):
        writer.outbox.put(frame(number, 100_000))
    writer.let(2)
    writer.outbox.put_urgent(frame(99))
    writer.let(2)
    # The next batch may have been made before it came; then it is the first thing in the one after.
    first = [pb.PeerBatch.FromString(batch).frames[0] for batch in writer.batches[2:4]]
    assert 99 in [one.request_id for one in first]


def test_threads_that_put_at_once_lose_nothing_and_keep_their_own_order(writer: Writer) -> None:
    together = threading.Barrier(4)

    def put(start: int) -> None:
        together.wait(SECONDS)
        for number in range(start, start + 250):
            writer.outbox.put(frame(number))

    threads = [threading.Thread(target=put, args=(start,)) for start in (1, 1001, 2001, 3001)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    frames = writer.let_until(lambda frames: len(frames) == 1000)
    for start in (1, 1001, 2001, 3001):
        mine = [one.request_id for one in frames if start <= one.request_id < start + 1000]
        assert mine == list(range(start, start + 250))


class Frames:
    """A source of these frames."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)

    def take(self) -> bytes | None:
        return frame(self.numbers.pop(0)) if self.numbers else None


def test_a_source_is_asked_when_its_turn_comes(writer: Writer) -> None:
    source = Frames(1)
    writer.outbox.put(frame(100, 200_000))
    writer.outbox.put(frame(101, 200_000))
    writer.outbox.put(source)
    source.numbers[:] = [2]
    frames = writer.let_until(lambda frames: len(frames) == 3)
    assert [one.request_id for one in frames] == [100, 101, 2]


def test_sources_take_turns_and_what_is_put_later_does_not_wait_for_their_end(
    writer: Writer,
) -> None:
    writer.outbox.put(frame(100, 300_000))
    writer.outbox.put(Frames(1, 2, 3))
    writer.outbox.put(Frames(11, 12))
    writer.outbox.put(frame(50))
    small = writer.let_until(lambda frames: sum(not one.part.data for one in frames) == 6)
    told = [one.request_id for one in small if not one.part.data]
    assert told == [1, 11, 50, 2, 12, 3]


def test_a_source_that_had_no_frame_is_asked_again_once_it_is_put_again(writer: Writer) -> None:
    source = Frames()
    writer.outbox.put(source)
    writer.outbox.put(frame(100))
    writer.let_until(lambda frames: len(frames) == 1)
    source.numbers[:] = [1]
    writer.outbox.put(source)
    frames = writer.let_until(lambda frames: len(frames) == 2)
    assert [one.request_id for one in frames] == [100, 1]


def test_a_closed_outbox_drops_what_waits_and_what_comes(io: IoLoop) -> None:
    outbox = Outbox(io, pb.PeerFrame)
    outbox.put(frame(1))
    outbox.put_urgent(frame(2))
    outbox.close()
    outbox.put(frame(3))
    outbox.put_urgent(frame(4))
    written: list[bytes] = []

    async def write(batch: bytes) -> None:
        written.append(batch)

    async def all_there_is() -> None:
        async with asyncio.timeout(0.05):
            await outbox.write_all(write)

    with pytest.raises(TimeoutError):
        io.run(all_there_is())
    assert written == []


# --- large frames --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [BATCH_BYTES + 1, 2 * PART_BYTES, 3 * MIB + 17])
def test_a_large_frame_is_cut_into_parts_and_joined_again(writer: Writer, size: int) -> None:
    content = os.urandom(size)
    large = pb.PeerFrame(request_id=5, done={})
    large.part.data = content
    writer.outbox.put(large.SerializeToString())
    frames = writer.let_until(lambda frames: any(one.part.last for one in frames))
    assert all(len(one.part.data) <= PART_BYTES for one in frames)
    (whole,) = joined(frames, Parts(8 * MIB))
    assert (whole.request_id, whole.part.data) == (5, content)


def test_what_was_put_behind_a_large_frame_comes_behind_it(writer: Writer) -> None:
    writer.outbox.put(frame(1, MIB))
    writer.outbox.put(frame(2, MIB))
    writer.outbox.put(frame(3))
    frames = writer.let_until(lambda frames: frames != [] and frames[-1].request_id == 3)
    assert [one.request_id for one in joined(frames, Parts(8 * MIB))] == [1, 2]
    assert sum(one.part.last for one in frames) == 2


def part(part_id: int, data: bytes, last: bool = False) -> Any:
    return pb.Part(part_id=part_id, data=data, last=last)


def test_parts_of_several_frames_may_come_mixed() -> None:
    parts = Parts(100)
    assert parts.add(part(1, b"a")) is None
    assert parts.add(part(2, b"x")) is None
    assert parts.add(part(1, b"b", last=True)) == b"ab"
    assert parts.add(part(2, b"y", last=True)) == b"xy"


def test_more_unfinished_frames_than_the_limit_are_refused() -> None:
    parts = Parts(2 * MIB)
    parts.add(part(1, b"x" * MIB))
    parts.add(part(2, b"x" * MIB))
    with pytest.raises(PeerError, match="larger than 2 MiB"):
        parts.add(part(3, b"x"))


def test_what_was_joined_counts_no_more() -> None:
    parts = Parts(10)
    for number in range(5):
        assert parts.add(part(number, b"x" * 9, last=True)) == b"x" * 9


@pytest.mark.parametrize("data", [b"", b"x"])
def test_frames_that_are_begun_and_never_ended_are_refused_beyond_a_number(data: bytes) -> None:
    parts = Parts(MIB)
    for number in range(1, OPEN_FRAMES + 1):
        assert parts.add(part(number, data)) is None
    for number in range(OPEN_FRAMES + 1, 3 * OPEN_FRAMES):
        with pytest.raises(LimitError, match=f"more than {OPEN_FRAMES} unfinished"):
            parts.add(part(number, data))
    assert len(parts._open) == OPEN_FRAMES


def test_refused_frames_whose_rest_is_awaited_count_as_unfinished() -> None:
    parts = Parts(10)
    for number in range(1, OPEN_FRAMES + 1):
        with pytest.raises(LimitError, match="larger than"):
            parts.add(part(number, b"x" * 11))
    with pytest.raises(LimitError, match="unfinished"):
        parts.add(part(OPEN_FRAMES + 1, b"x"))


def test_the_rest_of_a_frame_that_was_turned_away_begins_no_other() -> None:
    parts = Parts(MIB)
    for number in range(1, OPEN_FRAMES + 1):
        parts.add(part(number, b"a"))
    late = OPEN_FRAMES + 1
    with pytest.raises(LimitError):
        parts.add(part(late, b"lost"))
    assert parts.add(part(1, b"b", last=True)) == b"ab"
    assert parts.add(part(late, b"rest", last=True)) is None
    assert parts.add(part(2, b"b", last=True)) == b"ab"
    assert parts.add(part(late + 1, b"next", last=True)) == b"next"


def test_empty_parts_hold_no_memory() -> None:
    parts = Parts(MIB)
    parts.add(part(1, b""))
    tracemalloc.start()
    try:
        for _ in range(20_000):
            parts.add(part(1, b""))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 50_000
