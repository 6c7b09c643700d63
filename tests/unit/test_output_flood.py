"""Output that comes faster than it can be shown, and lines that are written over: what is kept, what is counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from blazen_nb.engine.ticks import Attempt
from blazen_nb.events import StartEvent
from blazen_nb.peer.flood import MOST_TAILS, TAIL, TELL_SECONDS, Allowance, HeldText
from blazen_nb.peer.overwriting import OverwrittenText, folded
from blazen_nb.peer.refs import RefTable
from blazen_nb.peer.run_output import RunOutput
from blazen_nb.peer.run_record import RunRecord
from blazen_nb.peer.spool import Spool
from blazen_nb.peer.update_writer import UpdateWriter
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.v1 import kernel_pb2 as pb
from tests.fake_clock import FakeClock
from tests.unit.reducer_play import a_step

LIMITS = Limits(output_burst=1000, output_rate=100, update_memory=4096)


def terminal(text: str) -> str:
    """What a terminal would show of it."""
    shown = []
    for line in text.split("\n"):
        cells: list[str] = []
        at = 0
        for letter in line:
            if letter == "\r":
                at = 0
                continue
            cells[at : at + 1] = [letter]
            at += 1
        shown.append("".join(cells))
    return "\n".join(shown)


class Told:
    """The output of a run on a clock that a test moves, and what its record says."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.clock = FakeClock()
        scope = RefTable("gpu0", "1", limits).scope("me", "session", "home")
        self.record = RunRecord(bytes(16), "w", "client", scope, limits)
        self.output = RunOutput(UpdateWriter(self.record), limits, self.clock)

    def attempt(self, number: int = 1) -> Attempt:
        return Attempt(number, a_step(f"step{number}"), StartEvent(), 1, 1)

    @property
    def updates(self) -> list[pb.RunUpdate]:
        with self.record.lock:
            self.record._close_growing()
            return [
                pb.RunUpdate.FromString(self.record._entry(i))
                for i in range(len(self.record._offsets))
            ]

    @property
    def text(self) -> str:
        return "".join(update.output.text for update in self.updates)

    @property
    def cut(self) -> int:
        return sum(update.output_cut.characters for update in self.updates)


texts = st.lists(st.text("ab\r\n", max_size=12), max_size=12)


@given(texts)
def test_folding_shows_what_a_terminal_shows(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert terminal(folded(text)) == terminal(text)


@given(texts)
def test_text_that_is_folded_piece_by_piece_shows_the_same(pieces: list[str]) -> None:
    written = OverwrittenText()
    for piece in pieces:
        written.add(piece * 500)
    assert terminal(written.text()) == terminal("".join(piece * 500 for piece in pieces))


def test_a_bar_that_is_written_over_ten_thousand_times_stays_small() -> None:
    written = OverwrittenText()
    for i in range(10_000):
        written.add(f"\r{i:6d} of 10000")
    assert written.text() == "\r  9999 of 10000"


def test_a_line_with_escape_sequences_is_left_alone() -> None:
    assert folded("\n\x1b[31mred\r1\r2\n") == "\n\x1b[31mred\r1\r2\n"


def test_an_allowance_lets_a_burst_pass_and_then_so_much_a_second() -> None:
    allowance = Allowance(burst=100, rate=10, now=0.0)
    assert allowance.take(100, 0.0)
    assert not allowance.take(1, 0.0)
    assert allowance.take(20, 2.0)
    assert not allowance.take(20, 3.0)
    assert allowance.take(100, 60.0)


@given(st.lists(st.text("xyz\n", max_size=3000), max_size=30), st.integers(0, 2000))
def test_held_text_ends_as_it_ended_and_counts_what_is_gone(pieces: list[str], keep: int) -> None:
    held = HeldText(keep)
    for piece in pieces:
        held.add(piece)
    tail = held.tail(Told().attempt(), "stdout")
    whole = "".join(pieces)
    assert whole.endswith(tail.text)
    assert len(tail.text) <= keep
    assert tail.characters == len(whole) - len(tail.text)
    assert tail.lines == whole[: tail.characters].count("\n")


def test_what_is_within_the_allowance_passes_at_once() -> None:
    told = Told()
    told.output.write(told.attempt(), "stdout", "x" * 1000)
    assert (told.text, told.cut) == ("x" * 1000, 0)


def test_what_is_too_much_is_told_within_a_second_by_its_last_lines() -> None:
    told, attempt = Told(), Told().attempt()
    text = "".join(f"{i}\n" for i in range(10_000))
    for start in range(0, len(text), 90):
        told.output.write(attempt, "stdout", text[start : start + 90])
    assert len(told.text) <= 1000
    told.clock.advance(TELL_SECONDS)
    assert len(told.text) + told.cut == len(text)
    assert told.text.endswith("".join(f"{i}\n" for i in range(9_000, 10_000)))
    assert b"".join(told.record.log()).decode() == text


def test_what_waits_and_was_not_cut_is_no_part_of_the_cut() -> None:
    told, attempt = Told(), Told().attempt()
    told.output.write(attempt, "stdout", "x" * 1000)
    told.output.write(attempt, "stdout", "\nlast line\n")
    assert "last line" not in told.text
    told.clock.advance(TELL_SECONDS)
    assert told.text == "x" * 1000 + "\nlast line\n"
    assert told.cut == 0
    assert b"".join(told.record.log()).decode() == told.text


def test_a_flood_from_many_steps_is_counted_for_each_and_logged_once() -> None:
    told = Told()
    attempts = [told.attempt(n) for n in range(1, MOST_TAILS + 9)]
    said = []
    for i in range(50):
        for attempt in attempts:
            said.append(f"{attempt.attempt_id} says {i} {'.' * 500}\n")
            told.output.write(attempt, "stdout", said[-1])
    told.output.tell_held()
    assert len(told.text) + told.cut == sum(map(len, said))
    assert (
        len({update.output_cut.step_id for update in told.updates if update.output_cut.lines}) > 1
    )
    assert b"".join(told.record.log()).decode() == "".join(said)
    assert len(told.text) < LIMITS.output_burst + (MOST_TAILS + 1) * TAIL


def test_a_log_may_be_read_on_by_other_threads() -> None:
    told, attempt = Told(), Told().attempt()
    told.output.write(attempt, "stdout", "x" * (3 << 20))
    told.output.tell_held()
    pieces = told.record.log()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        read = [one.submit(next, pieces).result(), other.submit(next, pieces).result()]
        told.output.write(attempt, "stdout", "y")
    assert b"".join([*read, *pieces]).startswith(b"x" * (3 << 20))


def test_a_log_keeps_no_more_than_its_limit() -> None:
    limits = Limits(output_burst=10, output_rate=1, output_bytes=5_000)
    told, attempt = Told(limits), Told().attempt()
    for _ in range(2_000):
        told.output.write(attempt, "stdout", "0123456789")
    told.output.tell_held()
    assert 5_000 <= len(b"".join(told.record.log())) <= 5_010
    assert len(told.text) + told.cut == 20_000


@given(st.lists(st.binary(max_size=50), max_size=40), st.integers(0, 100))
def test_a_spool_gives_back_what_was_put(pieces: list[bytes], memory: int) -> None:
    spool = Spool(memory)
    offsets = [spool.append(piece) for piece in pieces]
    assert spool.size == sum(map(len, pieces))
    for offset, piece in zip(offsets, pieces, strict=True):
        assert spool.read(offset, len(piece)) == piece
    assert spool.read(0, spool.size + 10) == b"".join(pieces)
    spool.close()


def test_a_spool_on_a_full_disk_keeps_everything_in_memory(monkeypatch: Any) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    spool = Spool(10)
    spool.append(b"a" * 11)
    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", full)
        for _ in range(10):
            spool.append(b"b" * 20)
    spool.append(b"c" * 20_000)
    assert spool.read(0, spool.size) == b"a" * 11 + b"b" * 200 + b"c" * 20_000
    spool.close()
