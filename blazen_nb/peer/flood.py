"""Output that comes faster than a front end can show it: how much may pass, and what is held back of the rest.

Pure: the clock is the caller's, and so is the log in which all that was held back is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from blazen_nb.engine.ticks import Attempt
from blazen_nb.peer.overwriting import folded
from blazen_nb.updates import StreamName

TAIL = 16_000
"""Characters that remain of one step's and stream's text that did not pass: whole lines, the last ones."""
MOST_TAILS = 32
"""How many steps and streams keep a tail; in a flood from more of them the others are counted only."""
TELL_SECONDS = 1.0
"""How long text is held back before its last lines are told."""


class Allowance:
    """How much may pass now: a burst at once, and then so much a second.

    Args:
        now: Seconds, when it begins.
    """

    def __init__(self, burst: int, rate: int, now: float) -> None:
        self._burst = burst
        self._rate = rate
        self._level = float(burst)
        self._at = now

    def take(self, size: int, now: float) -> bool:
        """Whether this much may pass; it is counted then."""
        if self._refilled(now) < size:
            return False
        self._level -= size
        return True

    def charge(self, size: int, now: float) -> None:
        """This much passes in any case."""
        self._level = self._refilled(now) - size

    def _refilled(self, now: float) -> float:
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        return self._level


@dataclass(frozen=True, slots=True)
class Tail:
    """What is left to tell of text that was held back."""

    attempt: Attempt
    stream: StreamName
    text: str
    characters: int
    """How many characters before the text are left out."""
    lines: int
    """And how many lines."""


class HeldText:
    """Text of one step and stream; only its last lines stay in memory.

    Args:
        keep: About how many characters stay.
    """

    __slots__ = ("_characters", "_keep", "_lines", "_pieces", "_size")

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._pieces: list[str] = []
        self._size = 0
        self._characters = 0
        self._lines = 0

    def add(self, text: str) -> None:
        """The text goes on with this."""
        self._pieces.append(text)
        self._size += len(text)
        if self._size > 4 * self._keep + 1024:
            self._cut()

    def tail(self, attempt: Attempt, stream: StreamName) -> Tail:
        """What is left to tell."""
        self._cut()
        return Tail(attempt, stream, "".join(self._pieces), self._characters, self._lines)

    def _cut(self) -> None:
        text = folded(
            "".join(self._pieces)
        )  # what was written over is not left out: nobody would see it
        if len(text) > self._keep:
            start = len(text) - self._keep
            line_start = text.find("\n", start - 1) + 1 if start else 0
            start = line_start if 0 < line_start < len(text) else start
            self._characters += start
            self._lines += text.count("\n", 0, start)
            text = text[start:]
        self._pieces, self._size = [text], len(text)


class Flood:
    """What is held back of a run's output since the last time that something of it was told.

    Args:
        log_offset: Where the run's log of it begins.
    """

    def __init__(self, log_offset: int) -> None:
        self.log_offset = log_offset
        self._held: dict[tuple[int, StreamName], tuple[Attempt, HeldText]] = {}

    def hold(self, attempt: Attempt, stream: StreamName, text: str) -> None:
        """The text does not pass now."""
        key = (attempt.attempt_id, stream)
        entry = self._held.get(key)
        if entry is None:
            keep = TAIL if len(self._held) < MOST_TAILS else 0
            entry = self._held[key] = (attempt, HeldText(keep))
        entry[1].add(text)

    def tails(self) -> list[Tail]:
        """What there is to tell, in the order in which the steps began to be held back."""
        return [held.tail(attempt, stream) for (_, stream), (attempt, held) in self._held.items()]
